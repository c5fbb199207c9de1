"""The roles in the template: each as narrow as what its function calls, and judged as IAM would.

`tests/deploy/test_roles.py` holds `GRANTS` against the code; here the policies are held against it.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from cloudsplaining.scan.policy_document import PolicyDocument

from chalicelib.operations import OPERATIONS
from chalicelib.store.users import USERS_INDEX
from deploy.operators import CONTENT, POLICIES
from deploy.permissions import API_HANDLER, GRANTS, READ_API, USERS, logical_id
from deploy.stages import Stage
from local.dynamodb_local import cache_dir
from tests.deploy.conftest import DEV, PROD, Template
from tests.deploy.judge import ALLOWED, DENIED, Judge, Request, ensure_installed
from tests.deploy.policies import ACCOUNT, Leave, Stack
from tests.support import ALICE, BOB

READS = {"dynamodb:Query", "dynamodb:GetItem"}
TAKE = {"sts:AssumeRole", "sts:TagSession"}
LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
LIST_STREAMS = "dynamodb:ListStreams"


@pytest.fixture(scope="session")
def plain(template_of: Callable[[Stage], Template]) -> Stack:
    """Without hard isolation."""
    return Stack(template_of(DEV), is_bound=DEV.hard_isolation)


@pytest.fixture(scope="session")
def bound(template_of: Callable[[Stage], Template]) -> Stack:
    """With hard isolation."""
    return Stack(template_of(PROD), is_bound=PROD.hard_isolation)


@pytest.fixture(params=["plain", "bound"])
def stack(request: pytest.FixtureRequest) -> Stack:
    found: Stack = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def judge() -> Judge:
    return Judge(ensure_installed(cache_dir(os.environ)))


# Who has which role


def test_every_function_has_a_role_of_its_own_and_there_is_no_other(stack: Stack) -> None:
    roles = [stack.role_of(function) for function in GRANTS]
    assert len(set(roles)) == len(GRANTS) == len(stack.of_type("AWS::Serverless::Function"))
    assert set(stack.of_type("AWS::IAM::Role")) - set(roles) == (
        {"ReaderRole"} if stack.is_bound else set()
    )


def test_roles_have_nothing_but_the_policies_that_are_judged_here(stack: Stack) -> None:
    """None of AWS's own, none that SAM would add, no user or group."""
    for role in stack.of_type("AWS::IAM::Role").values():
        assert role.keys() == {"AssumeRolePolicyDocument", "Policies"}
    for function in stack.of_type("AWS::Serverless::Function").values():
        assert "Policies" not in function
    others = set(stack.of_type("AWS::IAM")) - set(stack.of_type("AWS::IAM::Role"))
    assert others - set(POLICIES) == ({"ReadApiMayBeReader"} if stack.is_bound else set())


def test_functions_roles_are_for_lambda_alone(stack: Stack) -> None:
    for function in GRANTS:
        (statement,) = stack.trust(stack.role_of(function))["Statement"]
        assert statement == {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }


# What a role allows


@pytest.mark.parametrize("function", GRANTS)
def test_a_role_allows_what_its_function_is_granted_and_nothing_else(
    stack: Stack, function: str
) -> None:
    allowed = stack.leaves(stack.role_of(function))
    assert sorted(allowed) == sorted(expected(stack, function))


def expected(stack: Stack, function: str) -> set[Leave]:
    """The grants; the log; what Lambda does in the stream function's role; with hard isolation the
    leave to take the reader's role in place of the table."""
    grants: Mapping[str, Any] = GRANTS[function]
    if stack.is_bound and function == READ_API:
        grants = {"ReaderRole": TAKE}
    leaves = {(action, arn(stack, name)) for name, actions in grants.items() for action in actions}
    log_group = stack.arn(f"{logical_id(function)}LogGroup")
    leaves |= {(action, log_group) for action in LOG}
    return leaves | (of_event_source(stack) if function == "on_images" else set())


def arn(stack: Stack, name: str) -> str:
    if name == USERS:
        return f"{stack.arn('PrimaryTable')}/index/{USERS_INDEX}"
    if name == "PrimaryStream":
        return stack.arn("PrimaryTable", "StreamArn")
    return stack.arn(name)


def of_event_source(stack: Stack) -> set[Leave]:
    """DynamoDB developer guide, "IAM policy to allow a Lambda function to access DynamoDB stream
    records"; Lambda developer guide, "Retain records of failed invocations"."""
    stream, table = arn(stack, "PrimaryStream"), stack.arn("PrimaryTable")
    reads = ("DescribeStream", "GetRecords", "GetShardIterator")
    return {
        *((f"dynamodb:{action}", stream) for action in reads),
        (LIST_STREAMS, f"{table}/stream/*"),
        ("sqs:SendMessage", stack.arn("DeadLetterQueue")),
    }


def all_leaves(stack: Stack) -> set[Leave]:
    return {leave for role in stack.of_type("AWS::IAM::Role") for leave in stack.leaves(role)}


def test_no_role_allows_actions_or_resources_by_a_wildcard(stack: Stack) -> None:
    """But a log's streams, whose names Lambda makes up, and the list of the primary's streams."""
    wild = {
        (action, resource)
        for action, resource in all_leaves(stack)
        if set("*?") & set(action + resource)
    }
    groups = [f"{logical_id(function)}LogGroup" for function in GRANTS]
    logs = {(a, stack.arn(group)) for group in groups for a in LOG}
    assert wild == logs | {(LIST_STREAMS, f"{stack.arn('PrimaryTable')}/stream/*")}


def test_nothing_is_scanned_but_the_index_of_users(stack: Stack) -> None:
    scanned = {resource for action, resource in all_leaves(stack) if action == "dynamodb:Scan"}
    assert scanned == {arn(stack, USERS)}


def test_no_role_may_do_anything_to_a_table_itself(stack: Stack) -> None:
    """Only to its items: not create, change, back up or delete it, nor set its policy."""
    actions = {action for action, resource in all_leaves(stack) if ":table/" in resource}
    assert actions == {
        *(f"dynamodb:{of_items}Item" for of_items in ("Get", "Put", "Update", "Delete")),
        *("dynamodb:ConditionCheckItem", "dynamodb:Query", "dynamodb:Scan"),
        *("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
        LIST_STREAMS,
    }


def test_the_authorizer_reaches_no_table(stack: Stack) -> None:
    assert {action for action, _resource in stack.leaves(stack.role_of("authorize"))} == LOG


def test_the_reading_function_may_read_the_partition_table_and_do_nothing_else(
    plain: Stack,
) -> None:
    role = plain.role_of(READ_API)
    on_tables = {leave for leave in plain.leaves(role) if leave[0] not in LOG}
    assert on_tables == {(action, plain.arn("PartitionTable")) for action in READS}


def test_with_hard_isolation_the_reading_function_reaches_no_table_itself(bound: Stack) -> None:
    role = bound.role_of(READ_API)
    others = {leave for leave in bound.leaves(role) if leave[0] not in LOG}
    assert others == {(action, bound.arn("ReaderRole")) for action in TAKE}


def test_the_readers_role_is_held_to_the_keys_of_the_user_that_it_is_tagged_with(
    bound: Stack,
) -> None:
    (statement,) = bound.statements("ReaderRole")
    assert set(statement["Action"]) == READS
    assert statement["Resource"] == bound.arn("PartitionTable")
    assert statement["Condition"] == {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:PrincipalTag/user_id}"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


# As a linter of least privilege sees it


UNRESTRICTABLE = {LIST_STREAMS}
"""By AWS's service authorization reference it has no resource, and so would have to be allowed on
all. The DynamoDB developer guide ("IAM policy to allow a Lambda function to access DynamoDB stream
records") and SAM's DynamoDBStreamReadPolicy allow it on the table's streams alone, as we do: what
Lambda asks for is then granted, and nothing else."""

FINDINGS = (
    "all_allowed_unrestricted_actions",
    "allows_data_exfiltration_actions",
    "allows_privilege_escalation",
    "contains_statement_using_not_action",
    "credentials_exposure",
    "infrastructure_modification",
    "permissions_management_without_constraints",
    "service_wildcard",
    "tagging_actions_without_constraints",
    "write_actions_without_constraints",
)
"""Everything that cloudsplaining finds in a policy."""


def findings(policy: Any) -> dict[str, Any]:
    document = PolicyDocument(policy)
    found = {name: getattr(document, name) for name in FINDINGS}
    unknown = set(document.all_allowed_unrestrictable_actions) - UNRESTRICTABLE
    return {name: value for name, value in found.items() if value} | (
        {"all_allowed_unrestrictable_actions": unknown} if unknown else {}
    )


def test_the_linter_of_least_privilege_finds_nothing(stack: Stack) -> None:
    """Neither actions that lack a resource nor ways to more, nor actions that it does not know."""
    for policy in POLICIES:
        assert findings(stack.managed(policy)) == {}, policy
    for role in stack.of_type("AWS::IAM::Role"):
        for policy in stack.policies(role):
            assert findings(policy) == {}, role


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("dynamodb:PutItem", "*"),
        ("dynamodb:*", f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/images"),
        ("dynamodb:Querry", f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/images"),
        ("dynamodb:ListTables", f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/images"),
        ("iam:PassRole", "*"),
    ],
)
def test_the_linter_finds_what_is_too_much(action: str, resource: str) -> None:
    statement = {"Effect": "Allow", "Action": [action], "Resource": resource}
    assert findings({"Version": "2012-10-17", "Statement": [statement]})


# As IAM judges it


def in_role(stack: Stack, role: str, leave: Leave, **context: Any) -> Request:
    action, resource = leave
    trust = stack.trust("ReaderRole") if action in TAKE else None
    principal = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/session"
    return Request(principal, stack.policies(role), action, resource, context, trust)


def test_each_role_is_let_do_its_own_and_refused_what_the_others_may(
    plain: Stack, judge: Judge
) -> None:
    """Every action is one that there is, on a resource that it can be asked for."""
    leaves = sorted(leave for leave in all_leaves(plain) if leave[0] not in UNRESTRICTABLE)
    pairs = [(plain.role_of(function), leave) for function in GRANTS for leave in leaves]
    requests = [in_role(plain, role, a_stream_of(leave)) for role, leave in pairs]
    own = {role: plain.leaves(role) for role, _leave in pairs}
    wrong = [
        (role, leave, answer)
        for (role, leave), answer in zip(pairs, judge.answers(requests), strict=True)
        if answer != (ALLOWED if leave in own[role] else DENIED)
    ]
    assert wrong == []


def a_stream_of(leave: Leave) -> Leave:
    """Logs are asked for by the name of a stream."""
    action, resource = leave
    return (action, resource.removesuffix("*") + "log-stream:1") if action in LOG else leave


# Operators


def test_every_operation_is_in_one_policy_for_operators() -> None:
    named = [function for _purpose, functions in POLICIES.values() for function in functions]
    assert sorted(named) == sorted(OPERATIONS)
    assert set(CONTENT) == set(POLICIES["UserRequestsPolicy"][1])


@pytest.mark.parametrize("policy", POLICIES)
def test_an_operator_invokes_the_operations_of_the_policy_and_nothing_else(
    plain: Stack, judge: Judge, policy: str
) -> None:
    """Who may invoke the API's function can be any user: the event says who is asking."""
    own = {logical_id(function) for function in POLICIES[policy][1]}
    operator = f"arn:aws:iam::{ACCOUNT}:role/operator"
    functions = sorted(map(logical_id, GRANTS))
    asked = [
        Request(operator, [plain.managed(policy)], "lambda:InvokeFunction", plain.arn(function))
        for function in functions
    ]
    answers = dict(zip(functions, judge.answers(asked), strict=True))
    assert answers == {name: ALLOWED if name in own else DENIED for name in functions}


TAGGED = {"aws:PrincipalTag/user_id": ALICE}


@pytest.mark.parametrize(
    ("context", "answer"),
    [
        ({**TAGGED, "dynamodb:LeadingKeys": [ALICE]}, ALLOWED),
        ({**TAGGED, "dynamodb:LeadingKeys": [BOB]}, DENIED),
        ({**TAGGED, "dynamodb:LeadingKeys": [ALICE, BOB]}, DENIED),
        (TAGGED, DENIED),
        ({"dynamodb:LeadingKeys": [ALICE]}, DENIED),
        ({"dynamodb:LeadingKeys": [""]}, DENIED),
        ({"dynamodb:LeadingKeys": ["${aws:PrincipalTag/user_id}"]}, DENIED),
    ],
    ids=["own", "another's", "both", "no key", "no tag", "empty, no tag", "the variable itself"],
)
def test_the_reader_reads_the_tagged_users_keys_alone(
    bound: Stack, judge: Judge, context: Mapping[str, Any], answer: str
) -> None:
    """Whatever key a mistake of ours may ask for, and also if it forgets the tag."""
    table = bound.arn("PartitionTable")
    asked = [in_role(bound, "ReaderRole", (action, table), **context) for action in sorted(READS)]
    assert judge.answers(asked) == [answer] * 2


def test_the_reader_may_do_nothing_else(bound: Stack, judge: Judge) -> None:
    """Not even with the user's own key."""
    own = {**TAGGED, "dynamodb:LeadingKeys": [ALICE]}
    items = [f"dynamodb:{kind}Item" for kind in ("Put", "Update", "Delete", "ConditionCheck")]
    leaves = [(action, bound.arn("PartitionTable")) for action in (*items, "dynamodb:Scan")]
    leaves += [(action, bound.arn("PrimaryTable")) for action in sorted(READS)]
    answers = judge.answers([in_role(bound, "ReaderRole", leave, **own) for leave in leaves])
    assert set(answers) == {DENIED}


ONE_TAG = {"aws:RequestTag/user_id": ALICE, "aws:TagKeys": ["user_id"]}


@pytest.mark.parametrize(
    ("function", "context", "answer"),
    [
        (READ_API, ONE_TAG, ALLOWED),
        (READ_API, {}, DENIED),
        (READ_API, {**ONE_TAG, "aws:RequestTag/user_id": ""}, DENIED),
        (READ_API, {**ONE_TAG, "aws:TagKeys": ["user_id", "more"]}, DENIED),
        (API_HANDLER, ONE_TAG, DENIED),
        ("erase_user", ONE_TAG, DENIED),
    ],
    ids=["reading", "no tag", "empty tag", "another tag too", "writing", "operation"],
)
def test_the_readers_role_is_taken_by_the_reading_function_alone_and_with_its_tag_alone(
    bound: Stack, judge: Judge, function: str, context: Mapping[str, Any], answer: str
) -> None:
    reader = bound.arn("ReaderRole")
    role = bound.role_of(function)
    asked = [in_role(bound, role, (action, reader), **context) for action in sorted(TAKE)]
    assert judge.answers(asked) == [answer] * 2
