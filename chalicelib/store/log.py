"""One table that holds logs: keyed by user and cursor. The primary and the partition are two.

Nothing here decides anything; it only says the calls that both tables need, in one place.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib.dynamodb.protocol import Dynamo, Item, Refused, UnknownOutcome
from chalicelib.model.entries import Cursor, Kind, UserId

Write = Mapping[str, Any]
"""A member of TransactWriteItems."""

NOTHING_THERE = "attribute_not_exists(user_id)"
"""The condition under which an entry may be put. DynamoDB looks at the whole primary key."""

SOMETHING_THERE = "attribute_exists(user_id)"
"""The condition under which an entry may be turned into a tombstone."""

IS_IMAGE = "#kind = :image"
"""The condition under which an entry may be deleted: so one deletion at most is ever done."""

IS_KIND = "#kind = :kind"
"""The condition under which a copy of the entry may be made: images alone ever change theirs."""

IS_OUTDATED = "#version < :current"
"""The condition under which a row may be rewritten in today's form; a tombstone has no version."""


class Slice(NamedTuple):
    """Items in the order asked for. `cut` says that the query was ended by a limit."""

    items: tuple[Item, ...]
    cut: bool


class Log:
    def __init__(self, dynamo: Dynamo, table: str) -> None:
        self._dynamo = dynamo
        self._table = table

    def last(self, user: UserId) -> Item | None:
        """The entry at the user's tail; None for a user without any."""
        items = self.before(user, None, limit=1).items
        return items[0] if items else None

    def get(self, user: UserId, cursor: Cursor) -> Item | None:
        key = self._key(user, cursor)
        answer = self._dynamo.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return answer.get("Item")

    def after(self, user: UserId, cursor: Cursor, limit: int) -> Slice:
        """Up to `limit` entries beyond the cursor, ascending."""
        beyond = ("#cursor > :cursor", cursor)
        return self._query(user, beyond, ScanIndexForward=True, Limit=limit)

    def before(
        self, user: UserId, cursor: Cursor | None, limit: int, attributes: Sequence[str] = ()
    ) -> Slice:
        """Up to `limit` entries below the cursor (None: from the tail), descending.

        `attributes` are those wanted, all if none is named. What is not read costs the same units.
        """
        below = None if cursor is None else ("#cursor < :cursor", cursor)
        wanted: dict[str, Any] = {}
        if attributes:
            names = {f"#{name}": name for name in attributes}
            wanted = {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
        return self._query(user, below, ScanIndexForward=False, Limit=limit, **wanted)

    def put_new(self, items: Sequence[Item], others: Sequence[Write] = ()) -> None:
        """Puts all the items if nothing stands at any of them, with the other writes, or nothing.

        Raises `Refused` with a reason for each item and then for each other, in order.
        """
        puts = [self._put_if_nothing_there(item) for item in items]
        if len(puts) == 1 and not others:
            self._dynamo.put_item(**puts[0])
            return
        writes = [{"Put": put} for put in puts] + list(others)
        self._dynamo.transact_write_items(TransactItems=writes)

    def strip(self, user: UserId, cursor: Cursor, attributes: Sequence[str]) -> None:
        """Turns what stands at the cursor into a tombstone: these attributes go, all others stay.

        `Refused` where nothing stands: an update would make an entry of nothing but a kind.
        """
        update = self._stripping(user, cursor, attributes)
        self._dynamo.update_item(**update, ConditionExpression=SOMETHING_THERE)

    def transact(self, writes: Sequence[Write]) -> None:
        """Does all the writes, of this table and of others, or none; `Refused` as `put_new`."""
        self._dynamo.transact_write_items(TransactItems=writes)

    def has_nothing_at(self, user: UserId, cursor: Cursor) -> bool:
        """Whether it is sure that nothing stands there: a condition sees what no read may yet."""
        try:
            self.transact([self.check_nothing(user, cursor)])
        except (Refused, UnknownOutcome):
            return False
        return True

    # Members of transactions

    def replacement(self, item: Item) -> Write:
        """Puts the item over whatever stands there."""
        return {"Put": {"TableName": self._table, "Item": item}}

    def put_if_outdated(self, item: Item, current: int) -> Write:
        """Puts the row over itself in an older form: not over a tombstone that it has become."""
        condition = {
            "ConditionExpression": IS_OUTDATED,
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": {":current": {"N": str(current)}},
        }
        return {"Put": {"TableName": self._table, "Item": item, **condition}}

    def check_kind(self, user: UserId, cursor: Cursor, kind: Kind) -> Write:
        """Lets the transaction happen only while an entry of that kind stands there."""
        condition = {
            "ConditionExpression": IS_KIND,
            "ExpressionAttributeNames": {"#kind": "kind"},
            "ExpressionAttributeValues": {":kind": {"S": kind}},
        }
        key = self._key(user, cursor)
        return {"ConditionCheck": {"TableName": self._table, "Key": key, **condition}}

    def check_nothing(self, user: UserId, cursor: Cursor) -> Write:
        """Lets the transaction happen only while nothing stands there."""
        key = self._key(user, cursor)
        condition = {"ConditionExpression": NOTHING_THERE}
        return {"ConditionCheck": {"TableName": self._table, "Key": key, **condition}}

    def removal(self, user: UserId, cursor: Cursor) -> Write:
        return {"Delete": {"TableName": self._table, "Key": self._key(user, cursor)}}

    def strip_image(self, user: UserId, cursor: Cursor, attributes: Sequence[str]) -> Write:
        """The write, for a transaction, that does so only if an image stands there.

        The reason of a refusal shows what stood there instead.
        """
        update = self._stripping(user, cursor, attributes)
        values = {**update["ExpressionAttributeValues"], ":image": {"S": "image"}}
        condition = {
            "ConditionExpression": IS_IMAGE,
            "ExpressionAttributeValues": values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        return {"Update": {**update, **condition}}

    def _stripping(self, user: UserId, cursor: Cursor, attributes: Sequence[str]) -> dict[str, Any]:
        names = {f"#{i}": name for i, name in enumerate(attributes)}
        return {
            "TableName": self._table,
            "Key": self._key(user, cursor),
            "UpdateExpression": f"SET #kind = :erased REMOVE {', '.join(names)}",
            "ExpressionAttributeNames": {"#kind": "kind", **names},
            "ExpressionAttributeValues": {":erased": {"S": "erased"}},
        }

    def _key(self, user: UserId, cursor: Cursor) -> Item:
        return {"user_id": {"S": user}, "cursor": {"N": str(cursor)}}

    def _put_if_nothing_there(self, item: Item) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Item": item,
            "ConditionExpression": NOTHING_THERE,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _query(self, user: UserId, bound: tuple[str, Cursor] | None, **request: Any) -> Slice:
        condition = "user_id = :user"
        values: dict[str, Any] = {":user": {"S": user}}
        if bound is not None:
            expression, cursor = bound
            condition += " AND " + expression
            values[":cursor"] = {"N": str(cursor)}
            names = request.get("ExpressionAttributeNames", {})
            request["ExpressionAttributeNames"] = {**names, "#cursor": "cursor"}
        answer = self._dynamo.query(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            **request,
        )
        return Slice(tuple(answer["Items"]), cut="LastEvaluatedKey" in answer)
