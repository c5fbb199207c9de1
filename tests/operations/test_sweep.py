"""Sweep: whoever is behind is found and synced, within a budget, round after round."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chalicelib.dynamo import UnknownOutcome
from chalicelib.entries import Cursor, UserId
from chalicelib.operations.sweep import LATE, MIN_READ_UNITS, next_sweep
from chalicelib.positions import Positions
from chalicelib.timing import Deadline
from tests.operations.support import (
    Answer,
    Rig,
    assert_as_projected,
    delete,
    delete_unsynced,
    fill_synced,
    operate,
    put,
    stored,
)
from tests.support import ALICE, BOB, Store, at_once

CAROL = UserId("carol".ljust(43, "-"))
USERS = (ALICE, BOB, CAROL)
LEAST = {"readUnits": MIN_READ_UNITS}


def sweep(store: Store) -> Answer:
    return operate(store, "sweep", {})


def counts(answer: Answer) -> tuple[int, int, int, int]:
    return answer["users"], answer["behind"], answer["applied"], answer["failed"]


def some_behind(store: Store) -> None:
    """Alice is up to date, Bob misses two images, Carol a deletion."""
    for user in USERS:
        fill_synced(store, 3, user)
    store.save(BOB, 2)
    delete_unsynced(store, 1, CAROL)


def test_sweep_syncs_who_is_behind(store: Store) -> None:
    """Afterwards each partition is the projection of its primary; again, nobody is behind."""
    some_behind(store)
    assert counts(sweep(store)) == (3, 2, 3, 0)
    for user in USERS:
        assert_as_projected(store, user)
    assert counts(sweep(store)) == (3, 0, 0, 0)


def later(seconds: float) -> Callable[[], float]:
    """The clock, put forward."""
    return lambda: time.time() + seconds


def test_sweep_tells_of_those_whom_the_stream_has_forgotten(store: Store) -> None:
    """Not of those who saved a moment ago: the stream may be about to bring that."""
    store.save(ALICE)
    at_once = Rig.on(store)
    assert at_once.finish("sweep", {})["behind"] == 1
    assert at_once.metrics("UsersBehind") == 0
    store.save(ALICE)
    much_later = Rig.on(store, now=later(LATE + 1))
    assert much_later.finish("sweep", {})["behind"] == 1
    assert much_later.metrics("UsersBehind") == 1


def test_sweep_tells_of_one_whose_times_are_damaged(store: Store) -> None:
    """It cannot know, so somebody has to look."""
    store.save(ALICE)
    entry = store.primary_log.get(ALICE, Cursor(1)) or {}
    damaged = {**entry, "created_at": {"S": "today"}}
    store.dynamo.put_item(TableName=store.tables.primary, Item=damaged)
    rig = Rig.on(store)
    assert rig.finish("sweep", {})["behind"] == 1
    assert rig.metrics("UsersBehind") == 1


def test_sweep_of_nobody(store: Store) -> None:
    """Without users it is done at once."""
    assert counts(sweep(store)) == (0, 0, 0, 0)


def test_sweep_finds_a_user_whose_first_image_is_deleted(store: Store) -> None:
    """The first entry stays in the index of users as a stub."""
    store.save(ALICE)
    delete(store, 1)
    store.save(ALICE)
    assert counts(sweep(store)) == (1, 1, 1, 0)


def test_sweep_of_more_users_than_one_page(store: Store) -> None:
    """Each user comes once, however many pages the index has."""
    for number in range(105):
        store.save(UserId(f"user-{number}".ljust(43, "-")))
    assert counts(sweep(store)) == (105, 105, 105, 0)


def failing_for(user: UserId, error: Exception) -> Any:
    def fault(operation: str, request: Any) -> None:
        if operation == "query" and request["ExpressionAttributeValues"][":user"]["S"] == user:
            raise error

    return fault


@pytest.mark.parametrize("failing", USERS)
@pytest.mark.parametrize("error", [UnknownOutcome("a prompt"), ValueError("a prompt")])
def test_sweep_goes_on_past_a_user_who_fails(
    store: Store, failing: UserId, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever it is and whatever the error: counted, told as a metric without content; the others
    are synced."""
    for user in USERS:
        store.save(user)
    rig = Rig.on(store, now=later(LATE + 1))
    rig.before(failing_for(failing, error))
    assert counts(rig.finish("sweep", {})) == (3, 2, 2, 1)
    for user in USERS:
        assert len(stored(store, user)) == (user != failing)
    assert (rig.metrics("SyncFailed"), rig.metrics("UsersBehind")) == (1, 2)
    assert [line.fields for line in rig.told("SyncFailed")] == [{"user": failing}]
    assert type(error).__name__ in caplog.text
    assert "prompt" not in caplog.text + "".join(rig.lines)


def test_sweep_says_nothing_while_all_is_well(store: Store) -> None:
    """No metric is written for users who are up to date."""
    fill_synced(store, 2)
    rig = Rig.on(store)
    rig.finish("sweep", {})
    assert rig.lines == []


class Spent:
    """The read units of a rig's calls, as DynamoDB tells them, each times a price; `largest` is
    that of one call."""

    def __init__(self, rig: Rig, price: int) -> None:
        self.units = self.largest = 0.0
        self._inner = rig.store.dynamo
        self._price = price
        rig.dynamo.inner = self

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            answer = getattr(self._inner, operation)(**request)
            return self._priced(answer) if "ConsumedCapacity" in answer else answer

        return call

    def _priced(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        units = answer["ConsumedCapacity"]["CapacityUnits"] * self._price
        self.units += units
        self.largest = max(self.largest, units)
        return {**answer, "ConsumedCapacity": {"CapacityUnits": units}}


@pytest.mark.real_engine
@pytest.mark.parametrize("price", [60, 80])
def test_sweep_keeps_to_its_budget(store: Store, price: int) -> None:
    """What a call spends is at most its budget and one read more; all calls together do it all."""
    for user in USERS:
        store.fill(user, 130)
    rig = Rig.on(store)
    spent = Spent(rig, price)
    answer: Answer = {"done": False, "resume": LEAST}
    calls = 0
    while not answer["done"]:
        before, spent.largest = spent.units, 0.0
        answer = rig.call("sweep", answer["resume"])
        calls += 1
        assert answer["readUnits"] == pytest.approx(spent.units - before, abs=0.06)
        assert spent.units - before < MIN_READ_UNITS + spent.largest
        assert calls < 20
    assert calls > 1
    assert counts(answer) == (3, 3, 390, 0)


def test_sweep_budget_counts_for_each_call_anew(store: Store) -> None:
    """The same services are used for many calls: what earlier ones spent is not held against it."""
    some_behind(store)
    rig = Rig.on(store)
    spent = Spent(rig, 70)
    for _ in range(4):
        assert rig.call("sweep", LEAST)["done"]
    assert spent.units > MIN_READ_UNITS


def round_of(rig: Rig) -> list[Answer]:
    """Scheduled sweeps with so small a budget, until one ends a round."""
    answers: list[Answer] = []
    positions = Positions(rig.store.dynamo, rig.store.tables.idempotency)
    while not answers or not answers[-1]["done"]:
        positions.put("sweep", positions.get("sweep") | LEAST)
        answers.append(next_sweep(rig.services, rig.store.deadline))
        assert len(answers) < 20
    return answers


def test_sweep_by_schedule_goes_round(store: Store) -> None:
    """Each run goes on where the last one stopped; after a full round it begins again."""
    some_behind(store)
    rig = Rig.on(store, now=later(LATE + 1))
    Spent(rig, 250)
    first = round_of(rig)
    assert len(first) > 1
    assert counts(first[-1]) == (3, 2, 3, 0)
    assert rig.metrics("UsersBehind") == 2
    store.save(ALICE)
    second = round_of(rig)
    assert counts(second[-1]) == (3, 1, 1, 0)


def test_sweep_by_schedule_begins_anew_with_a_place_it_cannot_read(store: Store) -> None:
    """A place that other code has left does not stop the sweeps."""
    some_behind(store)
    Positions(store.dynamo, store.tables.idempotency).put("sweep", {"place": "elsewhere"})
    rig = Rig.on(store)
    assert counts(next_sweep(rig.services, store.deadline)) == (3, 2, 3, 0)
    assert Positions(store.dynamo, store.tables.idempotency).get("sweep") == {}


def test_sweep_by_schedule_that_failed_is_made_again(store: Store) -> None:
    """The place stays where it was if the sweep did not come to an answer."""
    some_behind(store)
    rig = Rig.on(store)

    def fault(operation: str, _request: Any) -> None:
        if operation == "scan":
            raise UnknownOutcome("fault")

    rig.before(fault)
    with pytest.raises(UnknownOutcome):
        next_sweep(rig.services, store.deadline)
    assert counts(next_sweep(Rig.on(store).services, store.deadline)) == (3, 2, 3, 0)


def test_sweep_many_at_once(store: Store) -> None:
    """Sweeps that run at the same time do one another no harm."""
    for user in USERS:
        store.fill(user, 60)
    assert at_once(3, lambda: sweep(store)) == 3
    for user in USERS:
        assert_as_projected(store, user)


def test_sweep_migrates_too(store: Store) -> None:
    """Rows in an older form are brought up to date; their user is not behind for that."""
    fill_synced(store, 2)
    for item in stored(store, ALICE):
        put(store, {**item, "version": {"N": "1"}})
    assert counts(sweep(store)) == (1, 0, 0, 0)
    assert_as_projected(store)


def test_sweep_without_time_says_where_to_begin(store: Store) -> None:
    """A deadline that has passed ends it before the first user."""
    some_behind(store)
    answer = Rig.on(store).call("sweep", {}, Deadline(0.0, lambda: 1.0))
    assert (answer["done"], counts(answer)) == (False, (0, 0, 0, 0))
    assert "place" not in answer["resume"]
