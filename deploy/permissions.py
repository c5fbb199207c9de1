"""The permissions of each function, and its logical name.

A function may make the calls that its code makes, on the tables that it uses, and no others; the
tests run the code and hold this list against what it called.
"""

from collections.abc import Mapping

API_HANDLER = "api_handler"
"""Chalice's name for the function of all routes that name no other."""

READ_API = "read_api"

SWEEP = "scheduled_sweep"

Grants = Mapping[str, frozenset[str]]
"""What stands in the template, by its logical name, to the IAM actions allowed on it."""

USERS = "users"
"""The sparse index of the primary, which is granted apart from its table."""

_QUERY = frozenset({"dynamodb:Query"})
_READ = frozenset({"dynamodb:Query", "dynamodb:GetItem"})
_APPEND = frozenset({"dynamodb:Query", "dynamodb:PutItem"})
_STRIP = frozenset({"dynamodb:UpdateItem"})
_CHECK = frozenset({"dynamodb:ConditionCheckItem"})
_REMOVE = frozenset({"dynamodb:DeleteItem"})
_LIST_USERS: Grants = {USERS: frozenset({"dynamodb:Scan"})}
_REDRIVE: Grants = {
    "DeadLetterQueue": frozenset({"sqs:ReceiveMessage", "sqs:DeleteMessage"}),
    "PrimaryStream": frozenset({"dynamodb:GetShardIterator", "dynamodb:GetRecords"}),
}
_SYNC: Grants = {"PrimaryTable": _QUERY, "PartitionTable": _APPEND | _STRIP}

GRANTS: Mapping[str, Grants] = {
    "authorize": {},
    READ_API: {"PartitionTable": _READ},
    API_HANDLER: {
        "PrimaryTable": _READ | _APPEND | _STRIP,
        "PartitionTable": _APPEND | _STRIP,
        "IdempotencyTable": frozenset({"dynamodb:PutItem"}),
    },
    "on_images": _SYNC,
    SWEEP: {
        **_SYNC,
        **_LIST_USERS,
        **_REDRIVE,
        "IdempotencyTable": frozenset({"dynamodb:GetItem", "dynamodb:PutItem"}),
    },
    "sync_user": _SYNC,
    "get_images_for_user": {"PrimaryTable": _QUERY},
    "rebuild_partition": {
        "PrimaryTable": _READ | _CHECK,
        "PartitionTable": _APPEND | _STRIP | _REMOVE,
    },
    "verify_user": {"PrimaryTable": _READ, "PartitionTable": _READ},
    "verify_all": {"PrimaryTable": _READ, "PartitionTable": _READ, **_LIST_USERS},
    "migrate": {"PartitionTable": _APPEND, **_LIST_USERS},
    "sweep": {**_SYNC, **_LIST_USERS},
    "export_user": {"PrimaryTable": _QUERY},
    "erase_user": {
        "PrimaryTable": _APPEND | _STRIP | _CHECK,
        "PartitionTable": _APPEND | _STRIP | _CHECK,
    },
    "redrive_dead_letters": {**_SYNC, **_REDRIVE},
}
"""Chalice's name of each function to its grants."""


def logical_id(function: str) -> str:
    """Chalice's logical name of a function in its template."""
    if function == API_HANDLER:
        return "APIHandler"
    return "".join(word.capitalize() for word in function.split("_"))
