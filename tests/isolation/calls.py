"""The calls that leave the process, as JSON on the wire; and the rules that each must keep."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.store.table_names import TableNames
from deploy.permissions import API_HANDLER, READ_API
from tests.grants import granted, needed
from tests.isolation.asked import READING
from tests.isolation.people import People, Person, foreign_marks

READS = {"Query", "GetItem"}


@dataclass(frozen=True)
class WireCall:
    """One call: its operation, and its request as the text that was sent."""

    operation: str
    text: str

    @property
    def request(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.text)
        return value

    @property
    def parts(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The call itself, or each write of its transaction, by the name of what it does."""
        if self.operation != "TransactWriteItems":
            return [(self.operation, self.request)]
        return [pair for write in self.request["TransactItems"] for pair in write.items()]

    @property
    def tables(self) -> set[str]:
        return {part["TableName"] for _name, part in self.parts}

    @property
    def shape(self) -> list[tuple[str, str]]:
        """What can be seen of it from outside: the operations and their tables."""
        return [(name, part["TableName"]) for name, part in self.parts]

    @property
    def puts(self) -> list[Mapping[str, Any]]:
        return [part for name, part in self.parts if name in ("Put", "PutItem")]


def key_of(name: str, part: Mapping[str, Any]) -> str:
    """The user key that one operation works under; AssertionError if it is not held to one."""
    match name:
        case "Query":
            condition = part["KeyConditionExpression"]
            assert condition.split(" AND ")[0] == "user_id = :user", condition
            found = part["ExpressionAttributeValues"][":user"]
        case "GetItem" | "UpdateItem" | "DeleteItem" | "Update" | "Delete" | "ConditionCheck":
            found = part["Key"]["user_id"]
        case "PutItem" | "Put":
            found = part["Item"]["user_id"]
        case _:
            raise AssertionError(f"{name} is not held to one user's key")
    return str(found["S"])


def named_users(value: Any) -> Iterator[Any]:
    """Whatever stands under the name `user_id`, at any depth."""
    if isinstance(value, dict):
        if "user_id" in value:
            yield value["user_id"]
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from named_users(member)


def check_call(call: WireCall, people: People, caller: Person) -> None:
    """The call works under the caller's key alone, and says nothing of anybody else."""
    assert {key_of(name, part) for name, part in call.parts} == {caller.user}, call
    assert all(user == {"S": caller.user} for user in named_users(call.request)), call
    assert foreign_marks(call.text, people, caller) == [], call


def check_tables(calls: list[WireCall], verb: str, has_key: bool, names: TableNames) -> None:
    """A GET or HEAD reads the partition alone; markers are touched only under an Idempotency-Key.
    The function that API Gateway passes it to has leave for each call."""
    touched = {table for call in calls for table in call.tables}
    if verb in READING:
        assert touched <= {names.partition}, calls
        assert {call.operation for call in calls} <= READS, calls
    allowed = {names.primary, names.partition} | ({names.idempotency} if has_key else set())
    assert touched <= allowed, calls
    leave = granted(READ_API if verb in READING else API_HANDLER)
    for call in calls:
        assert needed(names, call.operation, call.request) <= leave, call
