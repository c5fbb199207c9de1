"""DynamoDB in memory: the six calls of the protocol `Dynamo`, with DynamoDB's own semantics.

Each item has two states: the *truth*, by which writes are decided, and what is *shown* to reads. A
transaction is decided at once and then shown item by item, in any order; what reads see in between
is what AWS allows ("Amazon DynamoDB Transactions: How it works", isolation levels). A `Conduct`
says how rough it gets; by default everything happens at once, so that contract tests can use it.

What the product never asks for is `Invalid`.
"""

import threading
import zlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from chalicelib.dynamodb.protocol import (
    MAX_TRANSACTION_BYTES,
    MAX_TRANSACTION_ITEMS,
    Item,
    Reason,
    Refused,
    UnknownOutcome,
)
from chalicelib.store.table_names import TableNames
from chalicelib.store.users import USERS_INDEX
from tests.simulation.expressions import (
    Condition,
    Invalid,
    Terms,
    Update,
    check_terms,
    condition,
    plain,
    update,
)

PAGE_BYTES = 1_000_000
ITEM_BYTES = 400 * 1024
UNIT_BYTES = 4096
"""Limits and units of "Service, account, and table quotas" and "Read and write capacity"."""

Place = int | str
"""An item's sort key."""


class Conduct(Protocol):
    """How the engine behaves where AWS leaves it open."""

    def between(self) -> None:
        """Others may act here, while a transaction is shown in part."""

    def within_query(self) -> None:
        """Others may act here, while a query has read some of its items."""

    def order(self, many: int) -> Sequence[int]:
        """In which order the items of a transaction are shown."""

    def lag(self) -> int:
        """How many moments old the answer of an eventually consistent read of an item is."""


class Calm:
    """Everything at once, and nothing stale."""

    def between(self) -> None: ...

    def within_query(self) -> None: ...

    def order(self, many: int) -> Sequence[int]:
        return range(many)

    def lag(self) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one item; None where nothing stood or stands."""

    table: str
    user: str
    place: Place
    old: Item | None
    new: Item | None


class Watcher(Protocol):
    """Is told of every change, first as it is decided and then as it is shown."""

    def committed(self, changes: Sequence[Change]) -> None: ...

    def shown(self, change: Change) -> None: ...


class Nobody:
    def committed(self, changes: Sequence[Change]) -> None: ...

    def shown(self, change: Change) -> None: ...


@dataclass(slots=True)
class Cell:
    """One item: its truth, and all that was ever shown of it with the moment of each."""

    truth: Item | None = None
    shown: list[tuple[int, Item | None]] = field(default_factory=list)
    locked: bool = False

    def seen_at(self, moment: int) -> Item | None:
        for since, item in reversed(self.shown):
            if since <= moment:
                return item
        return None


@dataclass(slots=True)
class Shelf:
    """One user's items in one table; `places` are the sort keys in order."""

    cells: dict[Place, Cell] = field(default_factory=dict)
    places: list[Any] = field(default_factory=list)

    def cell(self, place: Place) -> Cell:
        if place not in self.cells:
            self.cells[place] = Cell()
            insort(self.places, place)
        return self.cells[place]

    def next(self, place: Any, forward: bool) -> Any:
        """The sort key that follows in that direction, or None."""
        if forward:
            at = 0 if place is None else bisect_right(self.places, place)
            return self.places[at] if at < len(self.places) else None
        at = len(self.places) if place is None else bisect_left(self.places, place)
        return self.places[at - 1] if at else None


@dataclass(frozen=True, slots=True)
class Member:
    """One write, as a call of its own or in a transaction."""

    kind: str
    table: str
    user: str
    place: Place
    cell: Cell
    key: Item
    item: Item | None
    update: Update | None
    condition: Condition | None
    terms: Terms
    shows_old: bool

    @property
    def holds(self) -> bool:
        return self.condition is None or self.condition.holds(self.cell.truth or {}, self.terms)

    def change(self) -> Change | None:
        """What it makes of the truth; None if it writes nothing."""
        if self.kind == "ConditionCheck":
            return None
        new = self.item
        if self.update is not None:
            new = self.update.applied(self.cell.truth or self.key, self.terms)
            check_size(new)
        return Change(self.table, self.user, self.place, self.cell.truth, new)

    def reason(self) -> Reason:
        """Why it cannot be done now; the code None (the word) if it can."""
        if self.cell.locked:
            return Reason("TransactionConflict")
        if self.holds:
            return Reason("None")
        return Reason("ConditionalCheckFailed", copied(self.cell.truth) if self.shows_old else None)


COMMON = {"TableName", "ConditionExpression", "ExpressionAttributeNames"}
COMMON |= {"ExpressionAttributeValues", "ReturnValuesOnConditionCheckFailure"}
OWN = {
    "Put": {"Item"},
    "Update": {"Key", "UpdateExpression"},
    "Delete": {"Key"},
    "ConditionCheck": {"Key"},
}
READ = {"TableName", "ConsistentRead", "ReturnConsumedCapacity"}
QUERY = READ | {"KeyConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues"}
QUERY |= {"ScanIndexForward", "Limit", "ExclusiveStartKey", "ProjectionExpression"}


class MemoryDynamo:
    def __init__(
        self, tables: TableNames, conduct: Conduct | None = None, watcher: Watcher | None = None
    ) -> None:
        self._keys = {
            tables.primary: ("cursor", "N"),
            tables.partition: ("cursor", "N"),
            tables.idempotency: ("key", "S"),
        }
        self._indexed = tables.primary
        self._shelves: dict[tuple[str, str], Shelf] = {}
        self._tokens: dict[str, list[Cell]] = {}
        self._moment = 0
        self._lock = threading.RLock()
        self.conduct: Conduct = conduct or Calm()
        self.watcher: Watcher = watcher or Nobody()

    # Writes

    def put_item(self, **request: Any) -> Mapping[str, Any]:
        return self._single("Put", request)

    def update_item(self, **request: Any) -> Mapping[str, Any]:
        return self._single("Update", request)

    def transact_write_items(self, **request: Any) -> Mapping[str, Any]:
        """A resend with the same token answers what the first did, and does nothing more."""
        with self._lock:
            check_members(request, {"TransactItems", "ClientRequestToken"})
            token = request.get("ClientRequestToken")
            if token in self._tokens:
                return self._told_again(self._tokens[token])
            members = self._members(request["TransactItems"])
            reasons = [member.reason() for member in members]
            if any(reason.code != "None" for reason in reasons):
                raise Refused(reasons)
            if token is not None:
                self._tokens[token] = [member.cell for member in members]
            self._commit(members)
            return {}

    def _told_again(self, cells: Sequence[Cell]) -> Mapping[str, Any]:
        if any(cell.locked for cell in cells):
            raise UnknownOutcome("TransactionInProgressException")
        return {}

    def _single(self, kind: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        with self._lock:
            member = self._member(kind, request)
            reason = member.reason()
            if reason.code == "TransactionConflict":
                raise UnknownOutcome("TransactionConflictException")
            if reason.code != "None":
                raise Refused([reason])
            self._commit([member])
            return {}

    def _commit(self, members: Sequence[Member]) -> None:
        """Decided at once, then shown item by item; locked until all is shown."""
        changes = [change for member in members if (change := member.change()) is not None]
        for member in members:
            member.cell.locked = True
        for change in changes:
            self._cell(change).truth = change.new
        self.watcher.committed(changes)
        for nth, at in enumerate(self.conduct.order(len(changes))):
            if nth:
                self.conduct.between()
            self._show(changes[at])
        for member in members:
            member.cell.locked = False

    def _show(self, change: Change) -> None:
        self._moment += 1
        self._cell(change).shown.append((self._moment, change.new))
        self.watcher.shown(change)

    def _cell(self, change: Change) -> Cell:
        return self._shelf(change.table, change.user).cell(change.place)

    def _members(self, writes: Sequence[Mapping[str, Any]]) -> list[Member]:
        if not 1 <= len(writes) <= MAX_TRANSACTION_ITEMS:
            raise Invalid(f"{len(writes)} items in a transaction")
        members = []
        for write in writes:
            ((kind, request),) = write.items()
            members.append(self._member(kind, request))
        if len({(member.table, member.user, member.place) for member in members}) < len(members):
            raise Invalid("a transaction names the same item twice")
        if sum(size_of(member.item or {}) for member in members) > MAX_TRANSACTION_BYTES:
            raise Invalid("a transaction of more than 4 MB")
        return members

    def _member(self, kind: str, request: Mapping[str, Any]) -> Member:
        check_members(request, COMMON | OWN[kind])
        item = copied(request.get("Item"))
        table, key = request["TableName"], item if item is not None else request["Key"]
        user, place = self._address(table, key, whole=item is None)
        if item is not None:
            check_size(item)
        known, changes, terms = expressions_of(request)
        return Member(
            kind=kind,
            table=table,
            user=user,
            place=place,
            cell=self._shelf(table, user).cell(place),
            key=copied(key) or {},
            item=item,
            update=changes,
            condition=known,
            terms=terms,
            shows_old=request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD",
        )

    def _address(self, table: str, key: Item, *, whole: bool) -> tuple[str, Place]:
        """The user and sort key that the key attributes say; `whole` if there are no others."""
        name, kind = self._key_of(table)
        if key.get("user_id", {}).keys() != {"S"} or key.get(name, {}).keys() != {kind}:
            raise Invalid(f"no key of {table}: {key}")
        if whole and len(key) != 2:
            raise Invalid(f"more than a key: {key}")
        place = plain(key[name])
        if not key["user_id"]["S"] or place == "":
            raise Invalid("an empty key")
        return key["user_id"]["S"], place

    def _key_of(self, table: str) -> tuple[str, str]:
        if table not in self._keys:
            raise Invalid(f"no table {table}")
        return self._keys[table]

    def _shelf(self, table: str, user: str) -> Shelf:
        return self._shelves.setdefault((table, user), Shelf())

    # Reads

    def get_item(self, **request: Any) -> Mapping[str, Any]:
        with self._lock:
            check_members(request, READ | {"Key"})
            user, place = self._address(request["TableName"], request["Key"], whole=True)
            cell = self._shelf(request["TableName"], user).cells.get(place)
            item = None if cell is None else self._seen(cell, request)
            found = {} if item is None else {"Item": copied(item)}
            return {**found, **consumed(request, size_of(item or {}))}

    def query(self, **request: Any) -> Mapping[str, Any]:
        with self._lock:
            check_members(request, QUERY)
            found, size, last = Page(request), 0, None
            before: Item | None = None
            for item in self._matching(request):
                size += size_of(item)
                if found.items and size > PAGE_BYTES:
                    last = before
                    break
                before = item
                found.items.append(projected(copied(item) or {}, request))
                if found.is_full:
                    last = item
                    break
                self.conduct.within_query()
            return {**found.answer(self._last_key(request, last)), **consumed(request, size)}

    def _matching(self, request: Mapping[str, Any]) -> Iterator[Item]:
        """The items in order; each is looked at only when its turn comes."""
        forward = request.get("ScanIndexForward", True)
        user, bound = key_condition(request, forward=forward)
        shelf = self._shelf(request["TableName"], user)
        start = request.get("ExclusiveStartKey")
        place = bound
        if start is not None:
            place = self._address(request["TableName"], start, whole=True)[1]
        while (place := shelf.next(place, forward)) is not None:
            item = self._seen(shelf.cells[place], request)
            if item is not None:
                yield item

    def _last_key(self, request: Mapping[str, Any], item: Item | None) -> Item | None:
        if item is None:
            return None
        name, _kind = self._key_of(request["TableName"])
        return {"user_id": item["user_id"], name: item[name]}

    def _seen(self, cell: Cell, request: Mapping[str, Any]) -> Item | None:
        self._moment += 1
        lag = 0 if request.get("ConsistentRead") is True else self.conduct.lag()
        return cell.seen_at(self._moment - lag)

    def scan(self, **request: Any) -> Mapping[str, Any]:
        """Of the sparse index alone, whose order is that of the users' hashes."""
        with self._lock:
            check_members(request, READ | {"IndexName", "Limit", "ExclusiveStartKey"})
            if request.get("IndexName") != USERS_INDEX or "ConsistentRead" in request:
                raise Invalid(f"unknown scan: {request}")
            start = request.get("ExclusiveStartKey")
            after = None if start is None else index_order(start)
            found = Page(request)
            for item in sorted(self._index(request), key=index_order):
                if not found.is_full and (after is None or index_order(item) > after):
                    found.items.append(item)
            last = found.items[-1] if found.is_full else None
            return {**found.answer(last), **consumed(request, sum(map(size_of, found.items)))}

    def _index(self, request: Mapping[str, Any]) -> Iterator[Item]:
        for (table, _user), shelf in self._shelves.items():
            for cell in shelf.cells.values() if table == self._indexed else ():
                item = self._seen(cell, request)
                if item is not None and "registered_at" in item:
                    yield {name: item[name] for name in ("user_id", "registered_at", "cursor")}

    # For tests

    def truth(self, table: str, user: str) -> list[Item]:
        """All items of a user as they were decided, in order."""
        shelf = self._shelf(table, user)
        cells = (shelf.cells[place] for place in shelf.places)
        return [cell.truth for cell in cells if cell.truth is not None]


class Page:
    """The answer of a query or scan while it is being made."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.items: list[Item] = []
        self._limit = request.get("Limit")
        if self._limit is not None and self._limit < 1:
            raise Invalid(f"Limit={self._limit}")

    @property
    def is_full(self) -> bool:
        return len(self.items) == self._limit

    def answer(self, last: Item | None) -> dict[str, Any]:
        """`last` is there whenever a limit ended it, whether or not anything is behind."""
        found: dict[str, Any] = {"Items": self.items, "Count": len(self.items)}
        return found if last is None else {**found, "LastEvaluatedKey": last}


def projection(request: Mapping[str, Any]) -> list[str]:
    parts = request.get("ProjectionExpression", "").split(",")
    return [part.strip() for part in parts if part]


def projected(item: Item, request: Mapping[str, Any]) -> Item:
    """As much of the item as is asked for."""
    if "ProjectionExpression" not in request:
        return item
    wanted = {request["ExpressionAttributeNames"][token] for token in projection(request)}
    return {name: value for name, value in item.items() if name in wanted}


def key_condition(request: Mapping[str, Any], *, forward: bool) -> tuple[str, Place | None]:
    """Whose items, and the sort key beyond which they begin in the query's direction."""
    known = condition(request["KeyConditionExpression"])
    terms = terms_of(request)
    check_terms(terms, [known], projection(request))
    match known.tokens:
        case ("user_id", "=", user):
            return plain(terms.values[user]), None
        case ("user_id", "=", user, "AND", name, ">" | "<" as operator, bound):
            if terms.name(name) == "cursor" and (operator == ">") == forward:
                return plain(terms.values[user]), plain(terms.values[bound])
    raise Invalid(f"unknown key condition: {known.tokens}")


def expressions_of(
    request: Mapping[str, Any],
) -> tuple[Condition | None, Update | None, Terms]:
    text, changing = request.get("ConditionExpression"), request.get("UpdateExpression")
    known = None if text is None else condition(text)
    changes = None if changing is None else update(changing)
    terms = terms_of(request)
    check_terms(terms, [used for used in (known, changes) if used is not None])
    return known, changes, terms


def terms_of(request: Mapping[str, Any]) -> Terms:
    names = request.get("ExpressionAttributeNames", {})
    return Terms(names, request.get("ExpressionAttributeValues", {}))


def check_members(request: Mapping[str, Any], known: set[str]) -> None:
    unknown = request.keys() - known
    if unknown:
        raise Invalid(f"unknown members {sorted(unknown)}")


def check_size(item: Item) -> None:
    if size_of(item) > ITEM_BYTES:
        raise Invalid("an item of more than 400 KB")


def size_of(item: Item) -> int:
    """Bytes of an item by "DynamoDB item sizes and formats"."""
    return sum(
        len(name) + (len(str(plain(value)).encode()) if "S" in value else len(value["N"]) // 2 + 2)
        for name, value in item.items()
    )


def consumed(request: Mapping[str, Any], size: int) -> dict[str, Any]:
    """A unit for each 4 KB that a read went through, half for an eventually consistent one."""
    if request.get("ReturnConsumedCapacity") != "TOTAL":
        return {}
    units = max(1, -(-size // UNIT_BYTES)) * (1.0 if request.get("ConsistentRead") else 0.5)
    return {"ConsumedCapacity": {"TableName": request["TableName"], "CapacityUnits": units}}


def index_order(item: Item) -> tuple[int, str, str]:
    user = item["user_id"]["S"]
    return zlib.crc32(user.encode()), user, item["registered_at"]["S"]


def copied(item: Item | None) -> dict[str, Any] | None:
    return None if item is None else {name: dict(value) for name, value in item.items()}
