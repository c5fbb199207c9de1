"""Sweep: whoever is behind is found and synced, within a budget, round after round."""

import itertools
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chalicelib.bootstrap import AT_ONCE
from chalicelib.dynamodb.connections import MAX_KEPT
from chalicelib.dynamodb.protocol import UnknownOutcome
from chalicelib.model.entries import Cursor, UserId
from chalicelib.model.timing import Deadline
from chalicelib.operations.sweep import LATE, MIN_READ_UNITS, next_sweep, scheduled
from chalicelib.store.checkpoints import Checkpoints
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
from tests.operations.test_redrive import Letters
from tests.support import ALICE, BOB, Store
from tests.support import at_once as threads

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
    """The first entry stays in the index of users as a tombstone."""
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
        self._lock = threading.Lock()
        rig.dynamo.inner = self

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            answer = getattr(self._inner, operation)(**request)
            return self._priced(answer) if "ConsumedCapacity" in answer else answer

        return call

    def _priced(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        units = answer["ConsumedCapacity"]["CapacityUnits"] * self._price
        with self._lock:
            self.units += units
            self.largest = max(self.largest, units)
        return {**answer, "ConsumedCapacity": {"CapacityUnits": units}}


@pytest.mark.real_engine
@pytest.mark.parametrize(("price", "at_once"), [(60, 1), (80, 1), (60, 4)])
def test_sweep_keeps_to_its_budget(store: Store, price: int, at_once: int) -> None:
    """What a call spends is at most its budget and one read more of each user at once; all calls
    together do it all."""
    for user in USERS:
        store.fill(user, 130)
    rig = Rig.on(store, at_once=at_once)
    spent = Spent(rig, price)
    answer: Answer = {"done": False, "resume": LEAST}
    calls = 0
    while not answer["done"]:
        before, spent.largest = spent.units, 0.0
        answer = rig.call("sweep", answer["resume"])
        calls += 1
        assert answer["readUnits"] == pytest.approx(spent.units - before, abs=0.06)
        assert spent.units - before < MIN_READ_UNITS + at_once * spent.largest
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
    while not answers or not answers[-1]["done"]:
        answers.append(next_sweep(rig.services, rig.store.deadline, MIN_READ_UNITS))
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
    Checkpoints(store.dynamo, store.tables.idempotency).put("sweep", {"place": "elsewhere"})
    rig = Rig.on(store)
    assert counts(next_sweep(rig.services, store.deadline)) == (3, 2, 3, 0)
    assert Checkpoints(store.dynamo, store.tables.idempotency).get("sweep") == {}


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
    assert threads(3, lambda: sweep(store)) == 3
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


# Side by side


def many_users(store: Store, many: int) -> list[UserId]:
    users = [UserId(f"user-{number}".ljust(43, "-")) for number in range(many)]
    for user in users:
        store.save(user)
    return users


@pytest.mark.real_engine
def test_sweep_has_users_of_several_segments_under_way_at_once(store: Store) -> None:
    """Nobody waits for another's calls: here each sync waits for three others."""
    users = many_users(store, 40)
    rig, meeting = Rig.on(store, at_once=4), threading.Barrier(4, timeout=10)
    met: list[str] = []

    def fault(operation: str, request: Any) -> None:
        if operation == "put_item" and len(met) < 4:
            met.append(request["Item"]["user_id"]["S"])
            meeting.wait()

    rig.before(fault)
    assert counts(rig.finish("sweep", {})) == (40, 40, 40, 0)
    assert len(set(met)) == 4
    for user in users:
        assert_as_projected(store, user)


@pytest.mark.real_engine
@pytest.mark.parametrize("at_once", [2, 48])
def test_sweep_in_segments_goes_on_where_each_of_them_stopped(store: Store, at_once: int) -> None:
    """However often it is cut short: each user comes once, and the counts go on."""
    users = many_users(store, 60)
    rig = Rig.on(store, at_once=at_once)
    answer: Answer = {"done": False, "resume": {}}
    calls = 0
    while not answer["done"]:
        event = json.loads(json.dumps(answer["resume"]))
        answer = rig.call("sweep", event, rig.after_calls(70))
        calls += 1
        assert calls < 50
    assert calls > 2
    assert counts(answer) == (60, 60, 60, 0)
    for user in users:
        assert_as_projected(store, user)


@pytest.mark.real_engine
def test_sweep_resumes_in_the_segments_that_the_resume_was_made_of(store: Store) -> None:
    """Also by code that would divide the users otherwise."""
    many_users(store, 40)
    first = Rig.on(store, at_once=8)
    answer = first.call("sweep", {}, first.after_calls(60))
    assert answer["resume"]["segments"]["of"] == 8
    assert 0 < answer["users"] < 40
    assert counts(Rig.on(store, at_once=3).finish("sweep", answer["resume"])) == (40, 40, 40, 0)


@pytest.mark.real_engine
def test_sweep_goes_on_from_a_place_in_the_form_of_before(store: Store) -> None:
    """A resume of code that swept one user after the other names one place, and means all users
    after it."""
    many_users(store, 40)
    rig = Rig.on(store)
    answer = rig.call("sweep", {}, rig.after_calls(40))
    assert set(answer["resume"]) == {"place", "readUnits", "counts"}
    assert 0 < answer["users"] < 40
    assert counts(Rig.on(store, at_once=8).finish("sweep", answer["resume"])) == (40, 40, 40, 0)


@pytest.mark.real_engine
def test_sweep_counts_of_threads_are_whole(store: Store) -> None:
    """Each line of metrics too, and the read units as the database tells them."""
    many_users(store, 60)
    rig = Rig.on(store, at_once=16)
    spent = Spent(rig, 1)
    answer = rig.finish("sweep", {})
    assert counts(answer) == (60, 60, 60, 0)
    assert answer["readUnits"] == pytest.approx(spent.units, abs=0.06)
    assert rig.metrics("EntriesApplied") == 60


@pytest.mark.real_engine
def test_sweep_of_a_segment_that_cannot_be_listed_comes_again(store: Store) -> None:
    """What the others did stays done, and is not looked at again."""
    many_users(store, 40)
    rig = Rig.on(store, at_once=4)

    def fault(operation: str, request: Any) -> None:
        if operation == "scan" and request["Segment"] == 2:
            raise UnknownOutcome("fault")

    rig.before(fault)
    answer = rig.call("sweep", {})
    assert not answer["done"]
    assert set(answer["resume"]["segments"]) == {"of", "2"}
    rig.before(lambda _operation, _request: None)
    assert counts(rig.call("sweep", answer["resume"])) == (40, 40, 40, 0)


@pytest.mark.real_engine
def test_sweep_of_segments_none_of_which_can_be_listed_is_an_error(store: Store) -> None:
    """Or nobody would be told that nothing is swept any more."""
    rig = Rig.on(store, at_once=4)

    def fault(operation: str, _request: Any) -> None:
        if operation == "scan":
            raise UnknownOutcome("fault")

    rig.before(fault)
    with pytest.raises(UnknownOutcome):
        rig.call("sweep", {})


def test_sweep_has_a_kept_connection_for_each_user_at_once() -> None:
    assert AT_ONCE <= MAX_KEPT


# By schedule


def test_sweep_by_schedule_takes_the_stages_budget_each_time(store: Store) -> None:
    """Not that of the run before, which it goes on from."""
    some_behind(store)
    rig = Rig.on(store)
    Spent(rig, 250)
    first = next_sweep(rig.services, store.deadline, MIN_READ_UNITS)
    assert not first["done"]
    rest = next_sweep(rig.services, store.deadline, 100 * MIN_READ_UNITS)
    assert counts(rest) == (3, 2, 3, 0)


def test_sweep_by_schedule_keeps_its_place_though_the_reply_is_lost(store: Store) -> None:
    """Or what it did would be done again."""
    some_behind(store)
    rig, failures = Rig.on(store), itertools.count()

    def fault(operation: str, request: Any) -> None:
        is_place = operation == "put_item" and "resume" in request["Item"]
        if is_place and next(failures) < 2:
            raise UnknownOutcome("fault")

    rig.before(fault)
    Spent(rig, 250)
    swept = next_sweep(rig.services, store.deadline, MIN_READ_UNITS)
    kept = Checkpoints(store.dynamo, store.tables.idempotency).get("sweep")
    assert kept == swept["resume"]


def test_sweep_by_schedule_redrives_dead_letters_first(store: Store) -> None:
    """Nobody has to do that within the stream's 24 hours."""
    store.save(ALICE)
    letters = Letters()
    letters.add("alice", ALICE)
    answer = scheduled(Rig.on(store, letters).services, store.deadline)
    assert answer["deadLetters"]["redriven"] == 1
    assert letters.left == []
    assert counts(answer) == (1, 0, 0, 0)


def test_sweep_by_schedule_does_not_fail_with_the_queue(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """The sweep syncs users even if the stored position is damaged."""

    class Unreachable(Letters):
        def receive(self) -> Any:
            raise ConnectionError("a prompt")

    store.save(ALICE)
    answer = scheduled(Rig.on(store, Unreachable()).services, store.deadline)
    assert (answer["deadLetters"], counts(answer)) == (None, (1, 1, 1, 0))
    assert "redrive failed" in caplog.text
    assert "prompt" not in caplog.text
