"""All that a stack has beside the app: it is merged into the template that Chalice makes."""

import json
from typing import Any

from chalice.app import Chalice

from chalicelib import VERSION
from deploy import alarms, api, dashboard, operators, own_issuer
from deploy.parameters import conditions, if_given, parameters, template_rules
from deploy.permissions import API_HANDLER, GRANTS, READ_API, SWEEP, logical_id
from deploy.roles import READER_ROLE, arn, roles
from deploy.stages import LOG_DAYS, Stage
from deploy.tables import tables

Json = dict[str, Any]

RETRIES = 5
RECORD_AGE = 3600
"""Seconds after which a record of the stream is given up on, and its dead letter written."""

LETTER_DAYS = 14
"""SQS keeps messages no longer. The stream forgets what they point to after 24 hours."""

CONCURRENCY = {"on_images": "StreamConcurrency", "scheduled_sweep": "SweepConcurrency"}
"""What runs without anybody waiting: requests at their peak must not starve it, nor it them."""

OPERATION_SECONDS = 900
"""The longest that a function may run. No letter shows again while its redrive may still run."""


def additions(stage: Stage, app: Chalice) -> Json:
    """`chalice package --merge-template` adds this, dictionaries deeply, all else as it is."""
    return {
        "Description": f"Image Storage {VERSION}, stage {stage.name}",
        "Parameters": parameters(stage),
        "Rules": template_rules(),
        "Conditions": {
            **conditions(),
            **own_issuer.conditions(),
        },
        # Without it SAM makes a second API stage, called "Stage".
        "Globals": {"Api": {"OpenApiVersion": "2.0"}},
        "Resources": {
            **tables(stage),
            **roles(stage),
            **own_issuer.resources(stage),
            **_dead_letter_queue(),
            **_log_groups(),
            **{logical_id(name): _function(stage, name) for name in GRANTS},
            **api.resources(stage, app),
            **operators.policies(),
            **alarms.alarms(stage),
            "Dashboard": dashboard.dashboard(stage),
        },
        "Outputs": _outputs(),
    }


def _function(stage: Stage, name: str) -> Json:
    properties: Json = {
        "FunctionName": {"Fn::Sub": f"${{AWS::StackName}}-{name}"},
        "Runtime": f"python{stage.python}",  # Chalice would say the one that runs Chalice
        "Role": arn(f"{logical_id(name)}Role"),
        "LoggingConfig": {
            "LogFormat": "JSON",
            "ApplicationLogLevel": "INFO",  # above it Lambda drops the metrics too
            "LogGroup": _ref(_log_group(name)),
        },
        "Environment": {"Variables": _environment(stage, name)},
    }
    if name in CONCURRENCY:
        properties["ReservedConcurrentExecutions"] = if_given(
            CONCURRENCY[name], _ref(CONCURRENCY[name])
        )
    if name == "on_images":
        properties["Events"] = {"OnImagesDynamodbEventSource": {"Properties": _event_source()}}
    if name == SWEEP:
        schedule = {"Schedule": _ref("SweepSchedule")}
        properties["Events"] = {"ScheduledSweepEvent": {"Properties": schedule}}
    return {"Properties": properties}


def _environment(stage: Stage, name: str) -> Json:
    variables: Json = {
        "PRIMARY_TABLE": _ref("PrimaryTable"),
        "PARTITION_TABLE": _ref("PartitionTable"),
        "IDEMPOTENCY_TABLE": _ref("IdempotencyTable"),
        "OIDC_ISSUER": own_issuer.setting("OidcIssuer"),
        "OIDC_AUDIENCE": own_issuer.setting("OidcAudience"),
        "OIDC_JWKS_URL": own_issuer.setting("OidcJwksUrl"),
        "METRICS_NAMESPACE": _ref("AWS::StackName"),
    }
    if name in (API_HANDLER, READ_API):
        variables["CORS_ORIGINS"] = _ref("CorsOrigins")
    if name == READ_API:
        variables |= {
            "OIDC_CLIENT_ID": own_issuer.setting("OidcClientId"),
            "OIDC_AUTHORIZATION_ENDPOINT": own_issuer.setting("OidcAuthorizationEndpoint"),
            "OIDC_TOKEN_ENDPOINT": own_issuer.setting("OidcTokenEndpoint"),
            "OIDC_END_SESSION_ENDPOINT": own_issuer.setting("OidcEndSessionEndpoint"),
        }
    if name == READ_API and stage.hard_isolation:
        variables["READER_ROLE_ARN"] = arn(READER_ROLE)
    if name == SWEEP:
        variables["SWEEP_READ_UNITS"] = _ref("SweepReadUnits")
    if name in (SWEEP, "redrive_dead_letters"):
        variables["DEAD_LETTER_QUEUE_URL"] = _ref("DeadLetterQueue")
    return variables


def _event_source() -> Json:
    """The stream handler: each new entry, from the stream's beginning on."""
    return {
        "Stream": arn("PrimaryStream"),
        "StartingPosition": "TRIM_HORIZON",
        "ParallelizationFactor": _ref("StreamParallelism"),
        "FilterCriteria": {"Filters": [{"Pattern": json.dumps({"eventName": ["INSERT"]})}]},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": RETRIES,
        "MaximumRecordAgeInSeconds": RECORD_AGE,
        "DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": arn("DeadLetterQueue")}},
    }


def _dead_letter_queue() -> dict[str, Json]:
    return {
        "DeadLetterQueue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "QueueName": {"Fn::Sub": "${AWS::StackName}-dead-letters"},
                "MessageRetentionPeriod": LETTER_DAYS * 24 * 3600,
                "VisibilityTimeout": OPERATION_SECONDS,
                "SqsManagedSseEnabled": True,
            },
        }
    }


def _log_groups() -> dict[str, Json]:
    return {
        _log_group(name): {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {
                "LogGroupName": {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}-{name}"},
                "RetentionInDays": LOG_DAYS,
            },
        }
        for name in GRANTS
    }


def _outputs() -> Json:
    tables = ("PrimaryTable", "PartitionTable", "IdempotencyTable")
    return {
        **{f"{table}Name": {"Value": _ref(table)} for table in tables},
        "DeadLetterQueueUrl": {"Value": _ref("DeadLetterQueue")},
        **own_issuer.outputs(),
        **{name: {"Value": _ref(name)} for name in operators.POLICIES},
    }


def _log_group(function: str) -> str:
    return f"{logical_id(function)}LogGroup"


def _ref(name: str) -> Json:
    return {"Ref": name}
