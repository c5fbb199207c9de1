"""The index of users, which lists each of them once."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from chalicelib.dynamodb.protocol import Dynamo
from chalicelib.model.entries import UserId

USERS_INDEX = "users"
"""Its keys are `user_id` and `registered_at`, which a user's first entry alone has."""

PAGE = 100
"""Users that one Scan of the index reads."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A user's place in the index: the key, and when the first image was saved."""

    user: UserId
    registered_at: str


class Segment(NamedTuple):
    """A part of the index, of so many that have no user in common: 0, 1, 2 … `of` - 1."""

    number: int = 0
    of: int = 1

    def to_request(self) -> dict[str, Any]:
        """The members of a Scan (DynamoDB developer guide, "Parallel scan")."""
        return {} if self.of == 1 else {"Segment": self.number, "TotalSegments": self.of}


ALL = Segment()
"""The whole index."""


class Users:
    """The sparse index of the primary: the first entry of each user, also once it is a
    tombstone."""

    def __init__(self, dynamo: Dynamo, primary: str, segment: Segment = ALL) -> None:
        self._dynamo = dynamo
        self._primary = primary
        self._segment = segment.to_request()

    def of(self, segment: Segment) -> "Users":
        """Those of one segment."""
        return Users(self._dynamo, self._primary, segment)

    def after(self, last: Registration | None) -> Iterator[Registration]:
        """Every user from there on, in the index's own order; None: from its beginning.

        The order stays, so one may stop anywhere and go on later. A user's very first save may take
        a moment to be listed, since an index follows its table.
        """
        start = None if last is None else _key(last)
        while True:
            following: dict[str, Any] = {} if start is None else {"ExclusiveStartKey": start}
            found = self._dynamo.scan(
                TableName=self._primary,
                IndexName=USERS_INDEX,
                Limit=PAGE,
                **self._segment,
                **following,
            )
            for item in found["Items"]:
                yield Registration(UserId(item["user_id"]["S"]), item["registered_at"]["S"])
            start = found.get("LastEvaluatedKey")
            if start is None:
                return


def _key(registration: Registration) -> dict[str, Any]:
    """Where a Scan begins: the index's key and the table's. It is always a user's entry 1."""
    return {
        "user_id": {"S": registration.user},
        "registered_at": {"S": registration.registered_at},
        "cursor": {"N": "1"},
    }
