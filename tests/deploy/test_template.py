"""The template that is deployed: every setting that safety, cost or an operator relies on."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import app
from chalicelib.api.gateway import GATEWAY_RESPONSES
from chalicelib.api.problems import PROBLEMS
from chalicelib.api.public import ELSEWHERE
from chalicelib.botocore_client import client
from chalicelib.operations import OPERATIONS
from deploy.alarms import alarms_of
from deploy.functions import GRANTS, logical_id
from local.server import COMPRESSED_FROM
from tests.deploy.conftest import DEV, PARAMETERS, PROD, Template
from tests.support import Store

FUNCTION = "AWS::Serverless::Function"
TABLES = ("PrimaryTable", "PartitionTable", "IdempotencyTable")


def of_type(template: Template, kind: str) -> dict[str, Any]:
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def test_the_linter_of_cloudformation_finds_nothing(template: Template, tmp_path: Path) -> None:
    """No rule is switched off."""
    path = tmp_path / "template.json"
    path.write_text(json.dumps(template))
    (tmp_path / "deployment.zip").touch()
    lint = str(Path(sys.executable).with_name("cfn-lint"))
    done = subprocess.run([lint, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


NAMES = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    FUNCTION: "FunctionName",
}
"""The properties in which the template says what a resource is to be called."""


@pytest.mark.parametrize("kind", NAMES)
def test_no_resource_is_made_twice(template: Template, kind: str) -> None:
    names = [json.dumps(made[NAMES[kind]]) for made in of_type(template, kind).values()]
    assert names
    assert len(set(names)) == len(names)


# What stages set differently


def test_everything_that_a_stage_may_set_is_a_parameter_with_a_rule(template: Template) -> None:
    """Who signs people in, who may call, who is told of alarms, what tables are called."""
    parameters = template["Parameters"]
    assert set(parameters) == {
        *("OidcIssuer", "OidcAudience", "OidcJwksUrl", "OidcClientId"),
        *("OidcAuthorizationEndpoint", "OidcTokenEndpoint", "OidcEndSessionEndpoint"),
        *("CorsOrigins", "AlarmEmail"),
        *(f"{table}Name" for table in TABLES),
    }
    for parameter in parameters.values():
        assert parameter["AllowedPattern"]
        assert parameter["ConstraintDescription"].startswith("must be ")
    assert {name: parameters[name]["Default"] for name in PARAMETERS} == PARAMETERS


def test_tables_are_called_what_the_stage_says(template: Template) -> None:
    for table in TABLES:
        assert template["Resources"][table]["Properties"]["TableName"] == {"Ref": f"{table}Name"}


SETTINGS = {
    "OIDC_ISSUER": "OidcIssuer",
    "OIDC_AUDIENCE": "OidcAudience",
    "OIDC_JWKS_URL": "OidcJwksUrl",
    "CORS_ORIGINS": "CorsOrigins",
    "OIDC_CLIENT_ID": "OidcClientId",
    "OIDC_AUTHORIZATION_ENDPOINT": "OidcAuthorizationEndpoint",
    "OIDC_TOKEN_ENDPOINT": "OidcTokenEndpoint",
    "OIDC_END_SESSION_ENDPOINT": "OidcEndSessionEndpoint",
}
"""Environment variable to the parameter that it is given."""


@pytest.mark.parametrize(
    ("function", "given"),
    [("ReadApi", len(SETTINGS)), ("APIHandler", 4), ("Authorize", 3), ("EraseUser", 3)],
)
def test_functions_are_told_what_the_stage_sets(
    template: Template, function: str, given: int
) -> None:
    """The reading function all of it: it serves the gallery, which signs people in."""
    variables = template["Resources"][function]["Properties"]["Environment"]["Variables"]
    told = {name: variables[name] for name in SETTINGS if name in variables}
    assert told == {name: {"Ref": SETTINGS[name]} for name in list(SETTINGS)[:given]}


# Tables


@pytest.mark.parametrize("table", TABLES)
def test_each_table_is_on_demand_encrypted_and_can_be_restored(
    template: Template, table: str
) -> None:
    properties = template["Resources"][table]["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["SSESpecification"] == {"SSEEnabled": True}


def test_there_are_just_these_tables(template: Template) -> None:
    assert set(of_type(template, "AWS::DynamoDB::Table")) == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_a_production_stage_keeps_its_tables(
    template_of: Callable[[Any], Template], table: str
) -> None:
    kept, other = (template_of(stage)["Resources"][table] for stage in (PROD, DEV))
    assert kept["DeletionPolicy"] == kept["UpdateReplacePolicy"] == "Retain"
    assert kept["Properties"]["DeletionProtectionEnabled"] is True
    assert other["DeletionPolicy"] == other["UpdateReplacePolicy"] == "Delete"
    assert other["Properties"]["DeletionProtectionEnabled"] is False


def test_only_markers_expire_and_only_the_log_of_record_has_a_stream(template: Template) -> None:
    tables = of_type(template, "AWS::DynamoDB::Table")
    assert {name: table.get("TimeToLiveSpecification") for name, table in tables.items()} == {
        "PrimaryTable": None,
        "PartitionTable": None,
        "IdempotencyTable": {"AttributeName": "expires_at", "Enabled": True},
    }
    assert {name: table.get("StreamSpecification") for name, table in tables.items()} == {
        "PrimaryTable": {"StreamViewType": "KEYS_ONLY"},
        "PartitionTable": None,
        "IdempotencyTable": None,
    }


@pytest.mark.real_engine
def test_keys_and_indexes_are_those_that_the_database_is_given_in_the_tests(
    template: Template, store: Store
) -> None:
    """What DynamoDB Local says of the tables that all other tests run on."""
    names, database = store.tables, client("dynamodb")
    for logical, name in zip(
        TABLES, (names.primary, names.partition, names.idempotency), strict=True
    ):
        described = database.describe_table(TableName=name)["Table"]
        properties = template["Resources"][logical]["Properties"]
        assert properties["KeySchema"] == described["KeySchema"]
        assert by_name(properties["AttributeDefinitions"]) == by_name(
            described["AttributeDefinitions"]
        )
        assert [shape(index) for index in properties.get("GlobalSecondaryIndexes", [])] == [
            shape(index) for index in described.get("GlobalSecondaryIndexes", [])
        ]


def by_name(attributes: list[Mapping[str, str]]) -> dict[str, str]:
    return {attribute["AttributeName"]: attribute["AttributeType"] for attribute in attributes}


def shape(index: Mapping[str, Any]) -> tuple[Any, ...]:
    return index["IndexName"], index["KeySchema"], index["Projection"]["ProjectionType"]


# Stream, queue, schedule


def test_the_streams_function_is_rung_by_each_new_entry(template: Template) -> None:
    (event,) = template["Resources"]["OnImages"]["Properties"]["Events"].values()
    assert (event["Type"], event["Properties"]) == (
        "DynamoDB",
        {
            "Stream": {"Fn::GetAtt": ["PrimaryTable", "StreamArn"]},
            "BatchSize": 100,
            "MaximumBatchingWindowInSeconds": 0,
            "StartingPosition": "TRIM_HORIZON",
            "FilterCriteria": {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "BisectBatchOnFunctionError": True,
            "MaximumRetryAttempts": 5,
            "MaximumRecordAgeInSeconds": 3600,
            "DestinationConfig": {
                "OnFailure": {
                    "Type": "SQS",
                    "Destination": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]},
                }
            },
        },
    )


def test_dead_letters_are_kept_as_long_as_can_be(template: Template) -> None:
    """And hidden for as long as a redrive may run."""
    (queue,) = of_type(template, "AWS::SQS::Queue").values()
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert queue["SqsManagedSseEnabled"] is True
    redrive = template["Resources"]["RedriveDeadLetters"]["Properties"]
    assert queue["VisibilityTimeout"] >= redrive["Timeout"]
    assert redrive["Environment"]["Variables"]["DEAD_LETTER_QUEUE_URL"] == {
        "Ref": "DeadLetterQueue"
    }


def test_the_sweep_runs_every_five_minutes_and_ends_before_the_next(template: Template) -> None:
    sweep = template["Resources"]["ScheduledSweep"]["Properties"]
    (event,) = sweep["Events"].values()
    assert (event["Type"], event["Properties"]["Schedule"]) == ("Schedule", "rate(5 minutes)")
    assert sweep["Timeout"] < 300


# Functions


def test_there_is_a_function_for_each_thing_that_the_app_declares(template: Template) -> None:
    functions = of_type(template, FUNCTION)
    assert set(functions) == {logical_id(name) for name in GRANTS}
    assert {logical_id(name) for name in OPERATIONS} < set(functions)


@pytest.mark.parametrize("name", GRANTS)
def test_each_function_has_its_name_its_log_and_its_tables(template: Template, name: str) -> None:
    function = template["Resources"][logical_id(name)]["Properties"]
    assert function["FunctionName"] == {"Fn::Sub": f"${{AWS::StackName}}-{name}"}
    log_group = f"{logical_id(name)}LogGroup"
    assert function["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",
        "LogGroup": {"Ref": log_group},
    }
    assert template["Resources"][log_group]["Properties"] == {
        "LogGroupName": {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}-{name}"},
        "RetentionInDays": 30,
    }
    variables = function["Environment"]["Variables"]
    assert [variables[f"{table}_TABLE"] for table in ("PRIMARY", "PARTITION", "IDEMPOTENCY")] == [
        {"Ref": table} for table in TABLES
    ]
    assert variables["METRICS_NAMESPACE"] == {"Ref": "AWS::StackName"}


def test_functions_that_a_user_waits_for_end_with_the_api(template: Template) -> None:
    """API Gateway waits 29 s. Operations may take as long as Lambda lets them."""
    timeouts = {name: function["Timeout"] for name, function in of_type(template, FUNCTION).items()}
    assert (timeouts["APIHandler"], timeouts["ReadApi"]) == (30, 30)
    assert {timeouts[logical_id(name)] for name in OPERATIONS} == {900}


def test_only_a_stage_with_hard_isolation_reads_in_another_role(
    template_of: Callable[[Any], Template],
) -> None:
    def role(template: Template, function: str) -> object:
        variables = template["Resources"][function]["Properties"]["Environment"]["Variables"]
        return variables.get("READER_ROLE_ARN")

    bound, plain = template_of(PROD), template_of(DEV)
    assert {name for name in of_type(bound, FUNCTION) if role(bound, name)} == {"ReadApi"}
    assert not [name for name in of_type(plain, FUNCTION) if role(plain, name)]
    assert "ReaderRole" not in plain["Resources"]


# The API


def paths(template: Template) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"][
        "paths"
    ]
    return found


def function_of(operation: Any) -> str:
    uri: str = operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
    return uri.split("/functions/${")[1].split(".Arn}")[0]


def test_reads_go_to_the_reading_function_and_writes_to_the_writing_one(template: Template) -> None:
    found = {
        (method.upper(), path): function_of(operation)
        for path, methods in paths(template).items()
        for method, operation in methods.items()
    }
    for path, methods in app.app.routes.items():
        for method in methods:
            expected = "ReadApi" if method == "GET" else "APIHandler"
            assert found.pop((method, path)) == expected
    assert set(found.values()) == {"ReadApi"}


def test_what_a_path_does_not_have_is_answered_by_the_app_without_a_token(
    template: Template,
) -> None:
    for path, methods in paths(template).items():
        assert len(methods) == (1 if path == ELSEWHERE else 7)
        for method, operation in methods.items():
            entry = app.app.routes[path].get(method.upper())
            needs_token = entry is not None and entry.authorizer is not None
            assert bool(operation.get("security")) == needs_token


def test_api_gateway_may_call_both_functions_and_the_authorizer(template: Template) -> None:
    permissions = of_type(template, "AWS::Lambda::Permission").values()
    called = {json.dumps(permission["FunctionName"]) for permission in permissions}
    assert len(called) == len(permissions) == 3
    assert {permission["Principal"] for permission in permissions} == {"apigateway.amazonaws.com"}


def test_answers_are_compressed_from_the_size_on_at_which_they_are_on_a_laptop(
    template: Template,
) -> None:
    api = template["Resources"]["RestAPI"]["Properties"]
    assert api["MinimumCompressionSize"] == COMPRESSED_FROM


def test_every_answer_that_the_gateway_has_is_ours() -> None:
    """API Gateway API reference, GatewayResponse, responseType."""
    assert set(GATEWAY_RESPONSES) == {
        *("DEFAULT_4XX", "DEFAULT_5XX", "RESOURCE_NOT_FOUND", "UNAUTHORIZED", "INVALID_API_KEY"),
        *("ACCESS_DENIED", "AUTHORIZER_FAILURE", "AUTHORIZER_CONFIGURATION_ERROR"),
        *("INVALID_SIGNATURE", "EXPIRED_TOKEN", "MISSING_AUTHENTICATION_TOKEN"),
        *("INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT", "API_CONFIGURATION_ERROR"),
        *("UNSUPPORTED_MEDIA_TYPE", "BAD_REQUEST_PARAMETERS", "BAD_REQUEST_BODY"),
        *("REQUEST_TOO_LARGE", "THROTTLED", "QUOTA_EXCEEDED", "WAF_FILTERED"),
    }


@pytest.mark.parametrize("kind", GATEWAY_RESPONSES)
def test_what_the_gateway_answers_by_itself_is_a_problem_too(template: Template, kind: str) -> None:
    definition = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    response = definition["x-amazon-apigateway-gateway-responses"][kind]
    (body,) = response["responseTemplates"].values()
    code = GATEWAY_RESPONSES[kind]
    assert json.loads(body)["code"] == code
    assert response["statusCode"] == str(PROBLEMS[code].status) == str(json.loads(body)["status"])
    headers = response["responseParameters"]
    assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
    assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"
    assert all(value[0] == value[-1] == "'" for value in headers.values())


def test_gateway_responses_hold_nothing_that_api_gateway_would_fill_in() -> None:
    """`$` begins a variable in its templates."""
    assert not [kind for kind in PROBLEMS.values() if "$" in kind.detail + kind.title]


# Alarms and the dashboard


def test_there_is_an_alarm_for_each_kind_of_trouble_and_it_tells_somebody(
    template: Template,
) -> None:
    alarms = of_type(template, "AWS::CloudWatch::Alarm")
    assert set(alarms) == set(alarms_of(DEV))
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
        assert alarm["TreatMissingData"] == "notBreaching"
    watched = {alarm["MetricName"] for alarm in alarms.values()}
    assert watched >= {
        "IteratorAge",
        "ApproximateNumberOfMessagesVisible",
        "5XXError",
        "Throttles",
        "Errors",
        "WriteThrottleEvents",
        "UsersBehind",
        "HoleSeen",
    }
    (subscription,) = of_type(template, "AWS::SNS::Subscription").values()
    assert subscription["Endpoint"] == {"Ref": "AlarmEmail"}
    assert template["Resources"]["AlarmSubscription"]["Condition"] == "HasAlarmEmail"


@pytest.mark.parametrize(
    ("name", "metric", "above", "seconds", "periods"),
    [
        ("IteratorAgeAlarm", "IteratorAge", 60_000, 60, 3),
        ("DeadLettersAlarm", "ApproximateNumberOfMessagesVisible", 0, 60, 1),
        ("ServerErrorsAlarm", "5XXError", 4, 300, 2),
        ("UsersBehindAlarm", "UsersBehind", 0, 300, 1),
        ("APIHandlerThrottlesAlarm", "Throttles", 0, 300, 1),
        ("PrimaryTableWriteThrottlesAlarm", "WriteThrottleEvents", 10, 300, 1),
    ],
)
def test_an_alarm_rings_when(
    template: Template, name: str, metric: str, above: int, seconds: int, periods: int
) -> None:
    """The metric was above that in each of so many periods of so many seconds."""
    alarm = template["Resources"][name]["Properties"]
    assert (alarm["MetricName"], alarm["Threshold"], alarm["Period"]) == (metric, above, seconds)
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert alarm["EvaluationPeriods"] == alarm["DatapointsToAlarm"] == periods


def test_alarms_watch_this_stack_alone(template: Template) -> None:
    for alarm in of_type(template, "AWS::CloudWatch::Alarm").values():
        ours = alarm["Namespace"] == {"Ref": "AWS::StackName"}
        assert ours or alarm["Dimensions"]


def test_the_dashboard_is_one_and_its_body_is_json(template: Template) -> None:
    (dashboard,) = of_type(template, "AWS::CloudWatch::Dashboard").values()
    widgets = json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]
    shown = {line[1] for widget in widgets for line in widget["properties"]["metrics"]}
    assert shown >= {
        "SyncLag",
        "EntriesApplied",
        "IteratorAge",
        "5XXError",
        "HoleSeen",
        "Contended",
    }
    places = {(widget["x"], widget["y"]) for widget in widgets}
    assert len(places) == len(widgets)
