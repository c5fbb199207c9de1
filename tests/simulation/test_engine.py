"""What the in-memory engine does beyond what the contract tests ask of every engine."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chalicelib.dynamodb.protocol import Refused, UnknownOutcome
from tests.simulation.engine import Calm, MemoryDynamo
from tests.simulation.expressions import Invalid, Terms, condition
from tests.simulation.network import Network
from tests.simulation.plan import Plan
from tests.simulation.scheduler import Scheduler
from tests.simulation.stage import TABLES

ALICE = "alice"


class Watched(Calm):
    """Runs something of the test's wherever others may act; reads are as old as `behind` says."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], object] = lambda: None
        self.during_query: Callable[[], object] = lambda: None
        self.behind = 0

    def between(self) -> None:
        self.meanwhile()

    def within_query(self) -> None:
        self.during_query()

    def order(self, many: int) -> list[int]:
        return list(range(many))[::-1]

    def lag(self) -> int:
        return self.behind


@pytest.fixture
def conduct() -> Watched:
    return Watched()


@pytest.fixture
def engine(conduct: Watched) -> MemoryDynamo:
    return MemoryDynamo(TABLES, conduct)


def item(cursor: int, **more: str) -> dict[str, Any]:
    texts = {name: {"S": text} for name, text in more.items()}
    return {"user_id": {"S": ALICE}, "cursor": {"N": str(cursor)}, **texts}


def put(engine: MemoryDynamo, cursor: int, **more: str) -> None:
    engine.put_item(TableName=TABLES.primary, Item=item(cursor, **more))


def transact(engine: MemoryDynamo, *cursors: int, **more: Any) -> None:
    puts = [put_of(cursor) for cursor in cursors]
    engine.transact_write_items(TransactItems=puts, **more)


def put_of(cursor: int) -> dict[str, Any]:
    """Puts an item if nothing is there."""
    condition = {"ConditionExpression": "attribute_not_exists(user_id)"}
    return {"Put": {"TableName": TABLES.primary, "Item": item(cursor), **condition}}


def query(engine: MemoryDynamo, **more: Any) -> Mapping[str, Any]:
    values = {":user": {"S": ALICE}}
    request = {"KeyConditionExpression": "user_id = :user", "ExpressionAttributeValues": values}
    return engine.query(**{"TableName": TABLES.primary, "ConsistentRead": True, **request, **more})


def cursors(answer: Mapping[str, Any]) -> list[int]:
    return [int(found["cursor"]["N"]) for found in answer["Items"]]


def test_a_transaction_is_seen_half_way(engine: MemoryDynamo, conduct: Watched) -> None:
    """Consistent reads see its items one by one, and once it answered, all of them."""
    seen: list[list[int]] = []
    conduct.meanwhile = lambda: seen.append(cursors(query(engine)))
    transact(engine, 1, 2, 3)
    assert seen == [[3], [2, 3]]
    assert cursors(query(engine)) == [1, 2, 3]


def test_a_transaction_is_decided_at_once(engine: MemoryDynamo, conduct: Watched) -> None:
    """Its truth is there whole while it is shown in part."""
    decided: list[int] = []
    conduct.meanwhile = lambda: decided.append(len(engine.truth(TABLES.primary, ALICE)))
    transact(engine, 1, 2, 3)
    assert decided == [3, 3]


def test_what_a_transaction_holds_is_in_conflict(engine: MemoryDynamo, conduct: Watched) -> None:
    """While it is shown, another transaction is refused whole, and a single write fails."""

    def collide() -> None:
        with pytest.raises(Refused) as refused:
            transact(engine, 2, 3)
        assert [reason.code for reason in refused.value.reasons] == ["TransactionConflict", "None"]
        with pytest.raises(UnknownOutcome):
            put(engine, 1)

    conduct.meanwhile = collide
    transact(engine, 1, 2)
    conduct.meanwhile = lambda: None
    assert cursors(query(engine)) == [1, 2]
    transact(engine, 3)


def test_a_resent_transaction_is_done_once(engine: MemoryDynamo, conduct: Watched) -> None:
    """The same token gets the first one's success, or an unsure answer while that is under way."""

    def resend() -> None:
        with pytest.raises(UnknownOutcome):
            transact(engine, 1, 2, ClientRequestToken="token")

    conduct.meanwhile = resend
    transact(engine, 1, 2, ClientRequestToken="token")
    transact(engine, 1, 2, ClientRequestToken="token")
    with pytest.raises(Refused):
        transact(engine, 1, 2, ClientRequestToken="another")


def test_only_inconsistent_reads_lag(engine: MemoryDynamo, conduct: Watched) -> None:
    """What was written a moment ago may be missing from them, never from consistent ones."""
    put(engine, 1)
    conduct.behind = 5
    assert cursors(query(engine, ConsistentRead=False)) == []
    assert cursors(query(engine)) == [1]


def test_a_query_is_no_snapshot(engine: MemoryDynamo, conduct: Watched) -> None:
    """What is written while it is under way, and lies before it, is in its answer."""
    put(engine, 1)
    conduct.during_query = lambda: put(engine, 2)
    assert cursors(query(engine)) == [1, 2]


@pytest.mark.parametrize(("limit", "last"), [(1, "1"), (2, "2"), (3, None)])
def test_a_limit_that_was_reached_cuts(engine: MemoryDynamo, limit: int, last: str | None) -> None:
    """The last key is given when the limit was reached, even if nothing lies behind."""
    put(engine, 1)
    put(engine, 2)
    found = query(engine, Limit=limit)
    assert found.get("LastEvaluatedKey", {}).get("cursor", {}).get("N") == last


def test_a_query_answers_a_megabyte(engine: MemoryDynamo) -> None:
    """Beyond it the answer is cut, and goes on from its last key."""
    for cursor in range(1, 5):
        put(engine, cursor, prompt="x" * 300_000)
    first = query(engine)
    assert cursors(first) == [1, 2, 3]
    rest = query(engine, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert (cursors(rest), "LastEvaluatedKey" in rest) == ([4], False)


@pytest.mark.parametrize(("consistent", "units"), [(True, 3), (False, 1.5)])
def test_reads_are_metered(engine: MemoryDynamo, *, consistent: bool, units: float) -> None:
    """A unit for each 4 KB of all that was read, half for reads that may lag."""
    put(engine, 1, prompt="x" * 5_000)
    put(engine, 2, prompt="x" * 5_000)
    found = query(engine, ConsistentRead=consistent, ReturnConsumedCapacity="TOTAL")
    assert found["ConsumedCapacity"]["CapacityUnits"] == units


def test_the_index_lists_who_has_its_attribute(engine: MemoryDynamo) -> None:
    """Keys only, a page at a time."""
    for user in ("alice", "bob"):
        entry = item(1, registered_at="2026") | {"user_id": {"S": user}, "prompt": {"S": "p"}}
        engine.put_item(TableName=TABLES.primary, Item=entry)
    put(engine, 2)
    scan = {"TableName": TABLES.primary, "IndexName": "users", "Limit": 1}
    first = engine.scan(**scan)
    second = engine.scan(**scan, ExclusiveStartKey=first["LastEvaluatedKey"])
    last = engine.scan(**scan, ExclusiveStartKey=second["LastEvaluatedKey"])
    found = [*first["Items"], *second["Items"], *last["Items"]]
    assert sorted(entry["user_id"]["S"] for entry in found) == ["alice", "bob"]
    assert all(set(entry) == {"user_id", "registered_at", "cursor"} for entry in found)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("attribute_exists(kind) AND NOT kind = :v", False),
        ("kind = :w OR kind = :v AND kind = :w", False),
        ("(kind = :v OR kind = :w) AND kind <> :w", True),
        ("absent < :v", False),
        ("NOT absent < :v", True),
    ],
)
def test_conditions_bind_as_documented(text: str, *, holds: bool) -> None:
    """NOT before AND before OR; a comparison with what is missing does not hold."""
    terms = Terms({}, {":v": {"S": "image"}, ":w": {"S": "erased"}})
    assert condition(text).holds({"kind": {"S": "image"}}, terms) == holds


def conditioned(text: str, **more: Any) -> dict[str, Any]:
    return {"TableName": TABLES.primary, "Item": item(1), "ConditionExpression": text, **more}


@pytest.mark.parametrize(
    "request_",
    [
        conditioned("size(prompt) > :v"),
        conditioned("cursor = :v", ExpressionAttributeValues={":v": {"N": "1"}}),
        conditioned("attribute_exists(user_id)", ExpressionAttributeValues={":v": {"N": "1"}}),
        conditioned("attribute_exists(#gone)"),
        conditioned("attribute_exists(user_id)", ReturnValues="ALL_OLD"),
        {"TableName": "elsewhere", "Item": item(1)},
        {"TableName": TABLES.primary, "Item": {"user_id": {"S": ALICE}}},
        {"TableName": TABLES.primary, "Item": item(1, prompt="x" * 500_000)},
    ],
)
def test_what_dynamodb_would_refuse_ends_the_test(
    engine: MemoryDynamo, request_: dict[str, Any]
) -> None:
    """Wrong or unknown requests are never answered, and no code under test can swallow that."""
    with pytest.raises(Invalid):
        engine.put_item(**request_)
    assert not issubclass(Invalid, Exception)


@pytest.mark.parametrize("many", [[1, 2, 1], range(1, 102)])
def test_limits_of_a_transaction(engine: MemoryDynamo, many: Any) -> None:
    """At most 100 items, each once."""
    with pytest.raises(Invalid):
        transact(engine, *many)


def test_a_late_write_arrives_after_its_client_gave_up() -> None:
    """The client gets an unsure answer first, and the write is done some time."""
    plan = Plan(seed=1, users=1, parts=(), faults={"late": 1})
    scheduler = Scheduler("1")
    engine = MemoryDynamo(TABLES)
    network = Network(engine, scheduler, plan)
    given_up: list[int] = []

    def client() -> None:
        with pytest.raises(UnknownOutcome):
            network.put_item(TableName=TABLES.primary, Item=item(1))
        given_up.append(len(engine.truth(TABLES.primary, ALICE)))

    for number in range(20):
        scheduler.spawn(f"client-{number}", client)
    scheduler.run()
    assert 0 in given_up
    assert cursors(query(engine)) == [1]
