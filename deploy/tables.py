"""The three tables as CloudFormation resources, their keys taken from the code's own models."""

from collections.abc import Mapping
from typing import Any

from pynamodb.models import Model

from chalicelib.store.items import EXPIRES_AT
from chalicelib.store.tables import MarkerItem, PartitionItem, PrimaryItem
from deploy.parameters import if_given
from deploy.stages import Stage

Resource = dict[str, Any]


def tables(stage: Stage) -> dict[str, Resource]:
    """On demand, and encrypted. In production they outlive the stack, and refuse deletion until
    that is switched off. Only the log of record has point-in-time recovery: partitions are made
    from it, and markers are of one day."""
    keys_only = {"StreamSpecification": {"StreamViewType": "KEYS_ONLY"}}
    ttl = {"AttributeName": EXPIRES_AT, "Enabled": True}
    return {
        "PrimaryTable": _table(stage, "PrimaryTableName", PrimaryItem, keys_only | _recovery()),
        "PartitionTable": _table(stage, "PartitionTableName", PartitionItem, {}),
        "IdempotencyTable": _table(
            stage, "IdempotencyTableName", MarkerItem, {"TimeToLiveSpecification": ttl}
        ),
    }


def _table(stage: Stage, name: str, model: type[Model], more: Mapping[str, Any]) -> Resource:
    policy = "Retain" if stage.production else "Delete"
    return {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": policy,
        "UpdateReplacePolicy": policy,
        "Properties": {
            "TableName": {"Ref": name},
            "BillingMode": "PAY_PER_REQUEST",
            "OnDemandThroughput": _maxima(),
            "SSESpecification": _encryption(),
            "DeletionProtectionEnabled": stage.production,
            **_schema(model),
            **more,
        },
    }


def _recovery() -> dict[str, Any]:
    return {
        "PointInTimeRecoverySpecification": {
            "PointInTimeRecoveryEnabled": True,
            "RecoveryPeriodInDays": {"Ref": "RecoveryDays"},
        }
    }


def _maxima() -> dict[str, Any]:
    """Each table's, so that no loop of anybody's costs without bound."""
    read = {"MaxReadRequestUnits": {"Ref": "MaxReadUnits"}}
    write = {"MaxWriteRequestUnits": {"Ref": "MaxWriteUnits"}}
    with_read = if_given("MaxWriteUnits", read | write, read)
    return if_given("MaxReadUnits", with_read, if_given("MaxWriteUnits", write))


def _encryption() -> dict[str, Any]:
    own = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Ref": "KmsKeyArn"}}
    return if_given("KmsKeyArn", own, {"SSEEnabled": True})


def _schema(model: type[Model]) -> dict[str, Any]:
    """Keys, their types and the indexes: what PynamoDB itself makes a table from."""
    schema = model._get_schema()
    indexes = [
        {
            "IndexName": index["index_name"],
            "KeySchema": _keys(index["key_schema"]),
            "Projection": index["projection"],
        }
        for index in schema["global_secondary_indexes"]
    ]
    return {
        "AttributeDefinitions": sorted(
            schema["attribute_definitions"], key=lambda attribute: attribute["AttributeName"]
        ),
        "KeySchema": _keys(schema["key_schema"]),
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
    }


def _keys(schema: Any) -> list[Any]:
    return sorted(schema, key=lambda key: key["KeyType"])  # HASH, then RANGE, as the API wants it
