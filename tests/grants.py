"""What calls of AWS need of IAM, to be held against what `deploy.permissions` grants."""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

from chalicelib.store.table_names import TableNames
from deploy.permissions import GRANTS, USERS

TRANSACTED = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
"""A member of TransactWriteItems to the action that allows it, on its own table; the transaction
itself needs none (DynamoDB developer guide, "Using IAM with DynamoDB transactions")."""


class Grant(NamedTuple):
    """Leave for one action on one resource, which is named as in `GRANTS`."""

    resource: str
    action: str


class AccessDenied(BaseException):
    """The function's role does not allow the call. Nothing in the code may catch this."""


@functools.cache
def granted(function: str) -> frozenset[Grant]:
    return frozenset(
        Grant(resource, action)
        for resource, actions in GRANTS[function].items()
        for action in actions
    )


def needed(tables: TableNames, operation: str, request: Mapping[str, Any]) -> frozenset[Grant]:
    """What a call of DynamoDB needs; `operation` as AWS spells it."""
    if operation != "TransactWriteItems":
        return frozenset({_grant(tables, operation, request)})
    members = [member for write in request["TransactItems"] for member in write.items()]
    return frozenset(_grant(tables, TRANSACTED[kind], member) for kind, member in members)


def check_granted(
    function: str, tables: TableNames, operation: str, request: Mapping[str, Any]
) -> None:
    """AccessDenied unless the function may make the call; `operation` as `Dynamo` spells it."""
    spelled = "".join(word.capitalize() for word in operation.split("_"))
    missing = needed(tables, spelled, request) - granted(function)
    if missing:
        raise AccessDenied(f"{function}: {sorted(missing)}")


def _grant(tables: TableNames, action: str, request: Mapping[str, Any]) -> Grant:
    names = {
        tables.primary: "PrimaryTable",
        tables.partition: "PartitionTable",
        tables.idempotency: "IdempotencyTable",
    }
    resource = USERS if "IndexName" in request else names[request["TableName"]]
    return Grant(resource, f"dynamodb:{action}")
