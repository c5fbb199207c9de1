"""Checkpoints of scheduled work: one item each, in the table of the idempotency markers.

A user's key has 43 characters, so no marker is ever in the way.
"""

import json
from typing import Any

from chalicelib.dynamodb.protocol import Dynamo, Item


class Checkpoints:
    """Kept in the `idempotency` table, without an expiry."""

    def __init__(self, dynamo: Dynamo, table: str) -> None:
        self._dynamo = dynamo
        self._table = table

    def get(self, name: str) -> Any:
        """The event to go on with; ``{}``, to begin with, when there is none."""
        found = self._dynamo.get_item(
            TableName=self._table, Key=_key(name), ConsistentRead=True
        ).get("Item")
        return {} if found is None else json.loads(found["resume"]["S"])

    def put(self, name: str, resume: Any) -> None:
        item = {**_key(name), "resume": {"S": json.dumps(resume)}}
        self._dynamo.put_item(TableName=self._table, Item=item)


def _key(name: str) -> Item:
    return {"user_id": {"S": "position"}, "key": {"S": name}}
