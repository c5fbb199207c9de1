"""The template that is deployed: every setting that safety, cost or an operator relies on."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import app
from chalicelib.api.gateway import GATEWAY_RESPONSES
from chalicelib.api.problems import PROBLEMS
from chalicelib.api.public import ELSEWHERE
from chalicelib.auth.tokens import bearer_token
from chalicelib.botocore_client import client
from chalicelib.model.errors import Unauthenticated
from chalicelib.operations import OPERATIONS
from chalicelib.operations.sweep import DEFAULT_READ_UNITS, MAX_READ_UNITS, MIN_READ_UNITS
from deploy.alarms import PARTS, alarms_of
from deploy.api import METHODS, READ_METHODS
from deploy.own_issuer import setting
from deploy.parameters import check, parameters
from deploy.permissions import GRANTS, logical_id
from deploy.refusal import Refusal
from deploy.stages import Stage
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


def test_the_linter_of_cloudformation_finds_nothing(
    template_of: Callable[[Stage], Template], tmp_path: Path
) -> None:
    """No rule is switched off. All in one process, which reads its rules once."""
    paths = [tmp_path / f"{stage.name}.json" for stage in (DEV, PROD)]
    for stage, path in zip((DEV, PROD), paths, strict=True):
        path.write_text(json.dumps(template_of(stage)))
    (tmp_path / "deployment.zip").touch()
    lint = str(Path(sys.executable).with_name("cfn-lint"))
    done = subprocess.run([lint, *map(str, paths)], capture_output=True, text=True, check=False)
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
        *("GalleryUrl", "CorsOrigins", "AlarmEmail", "WebAclArn", "KmsKeyArn", "RecoveryDays"),
        *("StreamParallelism", "SweepSchedule", "SweepReadUnits"),
        *("ApiRateLimit", "ApiBurstLimit", "MaxReadUnits", "MaxWriteUnits"),
        *("StreamConcurrency", "SweepConcurrency"),
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
    "OIDC_ISSUER": setting("OidcIssuer"),
    "OIDC_AUDIENCE": setting("OidcAudience"),
    "OIDC_JWKS_URL": setting("OidcJwksUrl"),
    "CORS_ORIGINS": {"Ref": "CorsOrigins"},
    "OIDC_CLIENT_ID": setting("OidcClientId"),
    "OIDC_AUTHORIZATION_ENDPOINT": setting("OidcAuthorizationEndpoint"),
    "OIDC_TOKEN_ENDPOINT": setting("OidcTokenEndpoint"),
    "OIDC_END_SESSION_ENDPOINT": setting("OidcEndSessionEndpoint"),
}
"""Environment variable to what it is given: a parameter, or what the stage's own issuer has."""


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
    assert told == {name: SETTINGS[name] for name in list(SETTINGS)[:given]}


# An issuer of the stage's own


COGNITO = ("UserPool", "UserPoolClient", "UserPoolDomain")


@pytest.mark.parametrize("issuer", ["", "https://issuer.example"])
def test_a_stage_has_its_own_issuer_only_if_none_is_named(template: Template, issuer: str) -> None:
    """And what is told of a pool is the pool's own, unless it is given."""
    given = {"OidcIssuer": issuer, "OidcJwksUrl": "https://keys.example"}
    for name in COGNITO:
        assert template["Resources"][name]["Condition"] == "OwnIssuer"
    held = {
        name: holds(condition, template["Conditions"], given)
        for name, condition in template["Conditions"].items()
        if name.startswith("Own")
    }
    assert held == {
        "OwnIssuer": not issuer,
        **dict.fromkeys(held.keys() - {"OwnIssuer"}, not issuer),
        "OwnJwksUrl": False,
    }


def holds(condition: Any, others: Mapping[str, Any], given: Mapping[str, str]) -> bool:
    """What CloudFormation makes of it."""
    ((function, arguments),) = condition.items()
    match function:
        case "Condition":
            return holds(others[arguments], others, given)
        case "Fn::And":
            return all(holds(each, others, given) for each in arguments)
        case "Fn::Not":
            return not holds(arguments[0], others, given)
    assert function == "Fn::Equals"
    parameter, value = arguments
    return bool(given.get(parameter["Ref"], "") == value)


def test_its_client_is_public_and_leads_back_to_the_gallery_alone(template: Template) -> None:
    """With codes alone, so that PKCE guards them; nobody but the operator makes users."""
    client = template["Resources"]["UserPoolClient"]["Properties"]
    assert client["GenerateSecret"] is False
    assert client["AllowedOAuthFlows"] == ["code"]
    gallery = {"Fn::If": ["HasGalleryUrl", {"Ref": "GalleryUrl"}, "https://gallery.invalid/"]}
    assert client["CallbackURLs"] == [{"Fn::Join": ["", [gallery, "signed-in"]]}]
    assert client["LogoutURLs"] == [gallery]
    pool = template["Resources"]["UserPool"]["Properties"]
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}


def test_a_production_stage_keeps_its_users(template_of: Callable[[Any], Template]) -> None:
    """Their libraries are found by the name that the pool gave them."""
    kept, other = (template_of(stage)["Resources"]["UserPool"] for stage in (PROD, DEV))
    assert kept["DeletionPolicy"] == kept["UpdateReplacePolicy"] == "Retain"
    assert kept["Properties"]["DeletionProtection"] == "ACTIVE"
    assert other["DeletionPolicy"] == "Delete"
    assert other["Properties"]["DeletionProtection"] == "INACTIVE"


def test_the_console_too_refuses_an_issuer_without_what_it_takes(template: Template) -> None:
    (rule,) = template["Rules"].values()
    said = [each["AssertDescription"] for each in rule["Assertions"]]
    assert said == [f"{name} is needed with OidcIssuer" for name in ("OidcAudience", "OidcJwksUrl")]


# Tables


@pytest.mark.parametrize("table", TABLES)
def test_each_table_is_on_demand_within_bounds_and_encrypted(
    template: Template, table: str
) -> None:
    """By the stage's own key, if it names one."""
    properties = template["Resources"][table]["Properties"]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    read, write = (
        {f"Max{kind}RequestUnits": {"Ref": f"Max{kind}Units"}} for kind in ("Read", "Write")
    )
    for given, bounds in {
        (): {"Ref": "AWS::NoValue"},
        ("MaxReadUnits",): read,
        ("MaxWriteUnits",): write,
        ("MaxReadUnits", "MaxWriteUnits"): read | write,
    }.items():
        assert chosen(properties["OnDemandThroughput"], given) == bounds
    assert chosen(properties["SSESpecification"], ()) == {"SSEEnabled": True}
    assert chosen(properties["SSESpecification"], ("KmsKeyArn",)) == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": {"Ref": "KmsKeyArn"},
    }


def chosen(value: Any, given: Collection[str]) -> Any:
    """What is left of `Fn::If` when just these optional parameters are given."""
    while isinstance(value, dict) and "Fn::If" in value:
        condition, then, otherwise = value["Fn::If"]
        value = then if condition.removeprefix("Has") in given else otherwise
    return value


def test_the_log_of_record_alone_can_be_restored(template: Template) -> None:
    """All the rest is made from it, or is of one day; the recovery of each would be paid for."""
    tables = of_type(template, "AWS::DynamoDB::Table")
    recovery = {name: of.get("PointInTimeRecoverySpecification") for name, of in tables.items()}
    assert recovery == {
        "PrimaryTable": {
            "PointInTimeRecoveryEnabled": True,
            "RecoveryPeriodInDays": {"Ref": "RecoveryDays"},
        },
        "PartitionTable": None,
        "IdempotencyTable": None,
    }


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
            "ParallelizationFactor": {"Ref": "StreamParallelism"},
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


def test_the_sweep_runs_by_the_stages_schedule_and_ends_before_the_next(
    template: Template,
) -> None:
    """With a whole processor (1,769 MB, Lambda developer guide), and to the stage's budget."""
    sweep = template["Resources"]["ScheduledSweep"]["Properties"]
    (event,) = sweep["Events"].values()
    assert (event["Type"], event["Properties"]) == (
        "Schedule",
        {"Schedule": {"Ref": "SweepSchedule"}},
    )
    assert template["Parameters"]["SweepSchedule"]["Default"] == "rate(5 minutes)"
    assert sweep["Timeout"] < 300
    assert sweep["MemorySize"] == 1769
    variables = sweep["Environment"]["Variables"]
    assert variables["SWEEP_READ_UNITS"] == {"Ref": "SweepReadUnits"}
    assert variables["DEAD_LETTER_QUEUE_URL"] == {"Ref": "DeadLetterQueue"}


SCHEDULES = ["rate(1 minute)", "rate(2 minutes)", "rate(10 minutes)", "rate(1 hour)"]
NO_SCHEDULES = ["rate(0 minutes)", "rate(11 minutes)", "rate(2 hours)", "rate(1 day)", "5 minutes"]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("StreamParallelism", ["1", "10"], ["0", "11", "ten", "1.5", ""]),
        ("SweepSchedule", SCHEDULES, [*NO_SCHEDULES, "cron(0 * * * ? *)"]),
        ("SweepReadUnits", ["1000", "2000000"], ["999", "0", "-1", "1e6", ""]),
    ],
)
def test_load_is_set_by_the_stage_within_bounds(name: str, good: list[str], bad: list[str]) -> None:
    rules = parameters(Stage("dev"))
    for value in good:
        check(rules, {name: value})
    for value in bad:
        with pytest.raises(Refusal, match=name):
            check(rules, {name: value})


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_alarm_about_silence_waits_longer_than_any_schedule(
    template: Template, schedule: str
) -> None:
    """Or it would ring between two runs. No period of CloudWatch begins with a run."""
    alarm = template["Resources"]["SweepSilentAlarm"]["Properties"]
    condition, hourly, otherwise = alarm["EvaluationPeriods"]["Fn::If"]
    given = {"SweepSchedule": schedule}
    is_hourly = holds(template["Conditions"][condition], template["Conditions"], given)
    assert alarm["DatapointsToAlarm"] == alarm["EvaluationPeriods"]
    number, unit = re.findall(r"\d+|hour|minute", schedule)
    between = int(number) * {"minute": 60, "hour": 3600}[unit]
    silence = alarm["Period"] * (hourly if is_hourly else otherwise)
    assert 1.5 * between <= silence <= max(2.5 * between, 900)


def test_the_budget_that_a_stage_may_set_is_one_that_the_sweep_takes() -> None:
    """Or each run would end with an error that a deployment could have told."""
    rule = parameters(Stage("dev"))["SweepReadUnits"]
    assert int(rule["Default"]) == DEFAULT_READ_UNITS
    assert (MIN_READ_UNITS, MAX_READ_UNITS) == (1000, 10_000_000)


def test_what_nobody_waits_for_may_have_concurrency_of_its_own(template: Template) -> None:
    """None by default: an account's first ten are too few to keep any."""
    kept = {
        name: function["ReservedConcurrentExecutions"]
        for name, function in of_type(template, FUNCTION).items()
        if "ReservedConcurrentExecutions" in function
    }
    parameters = {"OnImages": "StreamConcurrency", "ScheduledSweep": "SweepConcurrency"}
    for given in ((), tuple(parameters.values())):
        assert {name: chosen(value, given) for name, value in kept.items()} == {
            name: {"Ref": parameter if given else "AWS::NoValue"}
            for name, parameter in parameters.items()
        }


# Functions


def test_there_is_a_function_for_each_thing_that_the_app_declares(template: Template) -> None:
    functions = of_type(template, FUNCTION)
    assert set(functions) == {logical_id(name) for name in GRANTS}
    assert {logical_id(name) for name in OPERATIONS} < set(functions)


@pytest.mark.parametrize("name", GRANTS)
def test_each_function_has_its_name_its_log_and_its_tables(template: Template, name: str) -> None:
    function = template["Resources"][logical_id(name)]["Properties"]
    assert function["FunctionName"] == {"Fn::Sub": f"${{AWS::StackName}}-{name}"}
    assert function["Runtime"] == "python3.13"  # whatever runs these tests
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
            expected = "ReadApi" if method in ("GET", "HEAD") else "APIHandler"
            assert found.pop((method, path)) == expected
    assert set(found.values()) == {"ReadApi"}


def test_what_a_path_does_not_have_is_answered_by_the_app_without_a_token(
    template: Template,
) -> None:
    for path, methods in paths(template).items():
        answered = READ_METHODS if path == ELSEWHERE else METHODS
        assert {method.upper() for method in methods} == set(answered)
        for method, operation in methods.items():
            entry = app.app.routes[path].get(method.upper())
            needs_token = entry is not None and entry.authorizer is not None
            assert bool(operation.get("security")) == needs_token


def test_api_gateway_may_call_both_functions_and_the_authorizer(template: Template) -> None:
    permissions = of_type(template, "AWS::Lambda::Permission").values()
    called = {json.dumps(permission["FunctionName"]) for permission in permissions}
    assert len(called) == len(permissions) == 3
    assert {permission["Principal"] for permission in permissions} == {"apigateway.amazonaws.com"}


def test_the_stage_takes_so_many_requests_a_second(template: Template) -> None:
    """All of its routes together, whatever the account would take."""
    (settings,) = template["Resources"]["RestAPI"]["Properties"]["MethodSettings"]
    assert settings == {
        "HttpMethod": "*",
        "ResourcePath": "/*",
        "ThrottlingRateLimit": {"Ref": "ApiRateLimit"},
        "ThrottlingBurstLimit": {"Ref": "ApiBurstLimit"},
    }


def test_it_takes_no_tls_below_1_2(template: Template) -> None:
    api = template["Resources"]["RestAPI"]["Properties"]
    assert api["SecurityPolicy"] == "SecurityPolicy_TLS13_1_2_2021_06"
    assert api["EndpointAccessMode"] == "BASIC"  # without it AWS refuses such a policy


def test_each_request_is_logged_without_what_people_wrote(template: Template) -> None:
    """Also what API Gateway answers by itself: why, to which address. No path, query or header."""
    setting = template["Resources"]["RestAPI"]["Properties"]["AccessLogSetting"]
    assert setting["DestinationArn"] == {"Fn::GetAtt": ["AccessLog", "Arn"]}
    assert template["Resources"]["AccessLog"]["Properties"]["RetentionInDays"] == 30
    told = json.loads(setting["Format"])
    assert told["refusal"] == "$context.error.responseType"
    assert told["ip"] == "$context.identity.sourceIp"
    assert told["route"] == "$context.resourcePath"
    assert not {"$context.path", "$context.error.message"} & set(told.values())
    assert all(value.startswith("$context.") for value in told.values())


def test_a_firewall_stands_before_the_stage_if_there_is_one(template: Template) -> None:
    """After the stage, whose name is SAM's."""
    firewall = template["Resources"]["Firewall"]
    assert firewall["Condition"] == "HasWebAclArn"
    assert firewall["DependsOn"] == "RestAPIapiStage"
    assert firewall["Properties"]["WebACLArn"] == {"Ref": "WebAclArn"}
    arn = firewall["Properties"]["ResourceArn"]["Fn::Sub"]
    assert arn.endswith("::/restapis/${RestAPI}/stages/api")


HEADERS = {
    "Bearer a.b.c": True,
    "bearer  eyJ-_0.eyJ.sig ": True,
    "Bearer a.b.c d": False,
    "Bearer a.b": False,
    "Basic YTpi": False,
    "xBearer a.b.c": False,
    "Bearer a.b.ç": False,
}


@pytest.mark.parametrize("header", HEADERS)
def test_what_can_be_no_token_starts_no_function(template: Template, header: str) -> None:
    """And whatever the authorizer would take comes to it. API Gateway's words are Java's, for which
    letters are ASCII's."""
    definition = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    authorizer = definition["securityDefinitions"]["authorize"]["x-amazon-apigateway-authorizer"]
    pattern = authorizer["identityValidationExpression"]
    assert authorizer["authorizerResultTtlInSeconds"] == 60
    assert bool(re.match(pattern, header, re.ASCII)) == HEADERS[header]
    with suppress(Unauthenticated):
        bearer_token(header)
        assert HEADERS[header]


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
    assert headers["gatewayresponse.header.Strict-Transport-Security"] == "'max-age=31536000'"
    assert all(value[0] == value[-1] == "'" for value in headers.values())


def test_gateway_responses_hold_nothing_that_api_gateway_would_fill_in() -> None:
    """`$` begins a variable in its templates."""
    assert not [kind for kind in PROBLEMS.values() if "$" in kind.detail + kind.title]


# Alarms and the dashboard


def test_there_is_an_alarm_for_each_kind_of_trouble_and_it_tells_somebody(
    template: Template,
) -> None:
    found = of_type(template, "AWS::CloudWatch::Alarm")
    assert set(found) == {*alarms_of(DEV), *PARTS}
    alarms = {name: found[name] for name in alarms_of(DEV)}
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
    silent = {name for name, of in alarms.items() if of["TreatMissingData"] != "notBreaching"}
    assert silent == {"SweepSilentAlarm"}
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
        ("ScheduledSweepThrottlesAlarm", "Throttles", 0, 300, 1),
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


def test_an_alarm_rings_when_the_sweep_is_silent(template: Template) -> None:
    """Whether its schedule is off, or nothing is told of it any more."""
    alarm = template["Resources"]["SweepSilentAlarm"]["Properties"]
    assert (alarm["MetricName"], alarm["Statistic"]) == ("Invocations", "Sum")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "ScheduledSweep"}}]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanOrEqualToThreshold", 0)
    assert (alarm["Period"], alarm["TreatMissingData"]) == (900, "breaching")


def test_an_alarm_rings_when_saves_come_to_no_partition(template: Template) -> None:
    """For a quarter of an hour; without saves there is nothing to come."""
    (alarm,) = of_type(template, "AWS::CloudWatch::CompositeAlarm").values()
    rule = 'ALARM("${SavedPart}") AND ALARM("${NothingAppliedPart}")'
    assert alarm["AlarmRule"] == {"Fn::Sub": rule}
    assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]
    saved, applied = (template["Resources"][name]["Properties"] for name in PARTS)
    assert (saved["MetricName"], saved["Dimensions"][0]["Value"]) == (
        "ConsumedWriteCapacityUnits",
        {"Ref": "PrimaryTable"},
    )
    assert saved["ComparisonOperator"] == "GreaterThanThreshold"
    assert (applied["MetricName"], applied["TreatMissingData"]) == ("EntriesApplied", "breaching")
    assert applied["ComparisonOperator"] == "LessThanOrEqualToThreshold"
    for part in (saved, applied):
        assert (part["Threshold"], part["Period"], part["EvaluationPeriods"]) == (0, 300, 3)
        assert "AlarmActions" not in part


def test_alarms_watch_this_stack_alone(template: Template) -> None:
    for alarm in of_type(template, "AWS::CloudWatch::Alarm").values():
        ours = alarm["Namespace"] == {"Ref": "AWS::StackName"}
        assert ours or alarm["Dimensions"]


def test_the_dashboard_is_one_and_its_body_is_json(template: Template) -> None:
    (dashboard,) = of_type(template, "AWS::CloudWatch::Dashboard").values()
    assert dashboard["DashboardName"] == {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"}
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
