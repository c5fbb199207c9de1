"""A role for each function: what `deploy.permissions` grants it, and permission to write its
log."""

from collections.abc import Iterable
from typing import Any

from chalicelib.dynamodb.reader_role import TAG
from chalicelib.store.users import USERS_INDEX
from deploy.permissions import GRANTS, READ_API, USERS, Grants, logical_id
from deploy.stages import Stage

Json = dict[str, Any]

READER_ROLE = "ReaderRole"
"""With hard isolation: the role in which a read reaches the partition table, bound to one user."""

_ARNS: dict[str, Any] = {
    USERS: {"Fn::Sub": f"${{PrimaryTable.Arn}}/index/{USERS_INDEX}"},
    "PrimaryStream": {"Fn::GetAtt": ["PrimaryTable", "StreamArn"]},
}

_EVENT_SOURCES: dict[str, Grants] = {
    "on_images": {
        "PrimaryStream": frozenset(
            {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}
        ),
        "DeadLetterQueue": frozenset({"sqs:SendMessage"}),
    }
}
"""What Lambda itself does in a function's role: reads the stream, and writes its dead letters."""


def roles(stage: Stage) -> dict[str, Json]:
    made = {f"{logical_id(name)}Role": _role(stage, name) for name in GRANTS}
    return {**made, **(_reader() if stage.hard_isolation else {})}


def _role(stage: Stage, function: str) -> Json:
    is_bound = stage.hard_isolation and function == READ_API
    grants = {} if is_bound else GRANTS[function]
    statements = [
        *_statements(grants),
        *_statements(_EVENT_SOURCES.get(function, {})),
        *([_list_streams()] if function in _EVENT_SOURCES else []),
        _write_log(function),
    ]
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": document(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ),
            "Policies": [{"PolicyName": function, "PolicyDocument": document(*statements)}],
        },
    }


def document(*statements: Json) -> Json:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(actions: Iterable[str], resource: Any, **more: Any) -> Json:
    return {"Effect": "Allow", "Action": sorted(actions), "Resource": resource, **more}


def arn(resource: str) -> Any:
    return _ARNS.get(resource, {"Fn::GetAtt": [resource, "Arn"]})


def _statements(grants: Grants) -> list[Json]:
    return [allow(actions, arn(resource)) for resource, actions in sorted(grants.items())]


def _list_streams() -> Json:
    """Which of a table's streams there are: the one thing that no stream's own ARN can grant."""
    return allow(["dynamodb:ListStreams"], {"Fn::Sub": "${PrimaryTable.Arn}/stream/*"})


def _write_log(function: str) -> Json:
    """Into its own log group alone. The ARN of a group ends with the `:*` of its streams."""
    log_group = {"Fn::GetAtt": [f"{logical_id(function)}LogGroup", "Arn"]}
    return allow(["logs:CreateLogStream", "logs:PutLogEvents"], log_group)


def _reader() -> dict[str, Json]:
    """The bound role, and permission to assume it with a tag that names the user."""
    reads, function = arn("PartitionTable"), f"{logical_id(READ_API)}Role"
    own_keys_alone = {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [f"${{aws:PrincipalTag/{TAG}}}"]},
        "Null": {"dynamodb:LeadingKeys": "false"},  # or a call without a key would pass
    }
    take = ["sts:AssumeRole", "sts:TagSession"]
    one_tag = {
        "StringLike": {f"aws:RequestTag/{TAG}": "?*"},
        "ForAllValues:StringEquals": {"aws:TagKeys": [TAG]},
    }
    return {
        READER_ROLE: {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": document(
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": arn(function)},
                        "Action": take,
                        "Condition": one_tag,
                    }
                ),
                "Policies": [
                    {
                        "PolicyName": "own_partition",
                        "PolicyDocument": document(
                            allow(
                                GRANTS[READ_API]["PartitionTable"], reads, Condition=own_keys_alone
                            )
                        ),
                    }
                ],
            },
        },
        "ReadApiMayBeReader": {  # apart from both roles, which each name the other
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "PolicyName": "be_reader",
                "PolicyDocument": document(allow(take, arn(READER_ROLE))),
                "Roles": [{"Ref": function}],
            },
        },
    }
