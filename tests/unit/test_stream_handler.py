"""The stream handler: each user once, and failures in Lambda's own words."""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chalicelib.dynamodb.connections import MAX_KEPT
from chalicelib.model.entries import Cursor, UserId
from chalicelib.model.errors import Unavailable
from chalicelib.model.timing import Clock, Deadline
from chalicelib.sync import stream_handler
from chalicelib.sync.syncer import Synced
from chalicelib.telemetry.metrics import Metrics

CANARY = "a prompt that nobody may log"


class Syncs:
    """Stands in for `Syncer`: remembers its calls, fails for some users, never ends for others."""

    def __init__(self, failing: tuple[str, ...] = (), unfinished: tuple[str, ...] = ()) -> None:
        self.failing = failing
        self.unfinished = unfinished
        self.users: list[str] = []

    def sync(self, user: UserId, _deadline: Deadline) -> Synced:
        self.users.append(user)
        if user in self.failing:
            raise Unavailable(CANARY)
        return Synced(Cursor(1), 1, up_to_date=user not in self.unfinished)


def record(user: str, number: int, name: str = "INSERT") -> dict[str, Any]:
    """A record of a KEYS_ONLY stream, as Lambda hands it over."""
    return {
        "eventID": f"event-{number}",
        "eventName": name,
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "ApproximateCreationDateTime": 1795386625.0,
            "Keys": {"user_id": {"S": user}, "cursor": {"N": str(number)}},
            "SequenceNumber": f"{number:021d}",
            "SizeBytes": 50,
            "StreamViewType": "KEYS_ONLY",
        },
    }


def ring(
    syncs: Syncs,
    *records: dict[str, Any],
    deadline: Deadline | None = None,
    emitted: list[str] | None = None,
    at_once: int = 1,
) -> Mapping[str, Any]:
    deadline = deadline or Clock().deadline(10)
    lines: list[str] = [] if emitted is None else emitted
    metrics = Metrics(lines.append, lambda: 0.0, "tests")
    event = {"Records": list(records)}
    return stream_handler.handle(event, syncs, metrics, deadline, at_once)  # type: ignore[arg-type]


def failed(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": f"{number:021d}"} for number in numbers]}


def test_each_user_of_a_batch_is_synced_once() -> None:
    """However many records a user has in a batch, it is one sync."""
    syncs = Syncs()
    assert ring(syncs, record("a", 1), record("b", 2), record("a", 3)) == failed()
    assert syncs.users == ["a", "b"]


def test_only_inserts_ring() -> None:
    """What modifies or removes an entry needs no sync of its own."""
    syncs = Syncs()
    assert ring(syncs, record("a", 1, "MODIFY"), record("b", 2, "REMOVE")) == failed()
    assert syncs.users == []


def test_a_failing_user_is_reported_by_its_first_record_and_the_others_go_on() -> None:
    """One user's trouble holds up nobody else of the batch."""
    syncs = Syncs(failing=("b",))
    answer = ring(syncs, record("a", 1), record("b", 2), record("c", 3), record("b", 4))
    assert answer == failed(2)
    assert syncs.users == ["a", "b", "c"]


def test_a_sync_that_does_not_finish_is_delivered_again() -> None:
    """A user who is not up to date after the sync is reported, so that the rest comes later."""
    assert ring(Syncs(unfinished=("a",)), record("a", 1)) == failed(1)


def test_users_beyond_the_deadline_are_reported_without_a_try() -> None:
    """A function that is about to be ended says which users are left, and syncs no more."""
    syncs = Syncs()
    deadline = Deadline(at=2.0, monotonic=lambda: float(len(syncs.users)))
    answer = ring(syncs, record("a", 1), record("b", 2), record("c", 3), deadline=deadline)
    assert answer == failed(3)
    assert syncs.users == ["a", "b"]


def test_an_error_is_logged_by_its_name_alone(caplog: pytest.LogCaptureFixture) -> None:
    """The log says who and what kind of error, never the error's text."""
    ring(Syncs(failing=("a",)), record("a", 1))
    assert "Unavailable" in caplog.text
    assert CANARY not in caplog.text


class Timed(Syncs):
    """Each sync takes so many seconds of a clock that only syncs move, unless its deadline stops
    it."""

    def __init__(self, *seconds: float) -> None:
        super().__init__()
        self.now = 0.0
        self.took: list[float] = []
        self._seconds = iter(seconds)

    def sync(self, user: UserId, deadline: Deadline) -> Synced:
        began = self.now
        for _ in range(int(next(self._seconds))):
            if deadline.passed():
                break
            self.now += 1
        self.took.append(self.now - began)
        self.users.append(user)
        return Synced(Cursor(1), 1, up_to_date=not deadline.passed())

    def deadline(self, seconds: float) -> Deadline:
        return Clock(monotonic=lambda: self.now).deadline(seconds)


HANGS = 1000.0


def test_a_user_who_hangs_takes_one_share_alone() -> None:
    """Of twelve seconds for three users the first may take four, and so may each other."""
    syncs = Timed(HANGS, HANGS, HANGS)
    records = [record(user, number) for number, user in enumerate("abc", start=1)]
    assert ring(syncs, *records, deadline=syncs.deadline(12)) == failed(1, 2, 3)
    assert syncs.took == [4, 4, 4]


def test_what_one_user_leaves_is_shared_among_the_others() -> None:
    """Who is quick leaves time for the slow ones; the last may take all that is left."""
    syncs = Timed(1, HANGS, 4)
    records = [record(user, number) for number, user in enumerate("abc", start=1)]
    assert ring(syncs, *records, deadline=syncs.deadline(11)) == failed(2)
    assert syncs.took == [1, 5, 4]


class Together(Syncs):
    """Each sync waits until so many others are under way too; some fail then."""

    def __init__(self, many: int, failing: tuple[str, ...] = ()) -> None:
        super().__init__(failing)
        self._meeting = threading.Barrier(many, timeout=10)

    def sync(self, user: UserId, deadline: Deadline) -> Synced:
        self._meeting.wait()
        return super().sync(user, deadline)


def test_the_users_of_a_batch_are_synced_side_by_side() -> None:
    """By the stream's own number at once: nobody waits until another's calls have come back."""
    many = stream_handler.AT_ONCE
    records = [record(f"user {number}", number) for number in range(2 * many)]
    syncs = Together(many, failing=("user 3", "user 20"))
    assert ring(syncs, *records, at_once=many) == failed(3, 20)
    assert sorted(syncs.users) == sorted(f"user {number}" for number in range(2 * many))


class Shares(Syncs):
    """Remembers how much time each user was given, of a clock that stands still."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def sync(self, user: UserId, deadline: Deadline) -> Synced:
        self.seconds.append(deadline.at)
        return super().sync(user, deadline)


def test_time_is_shared_among_those_who_come_one_after_the_other() -> None:
    """Four at once, five users: the first gives half of the time to the fifth; the others have
    nobody behind them."""
    syncs = Shares()
    records = [record(user, number) for number, user in enumerate("abcde", start=1)]
    still = Deadline(at=12.0, monotonic=lambda: 0.0)
    ring(syncs, *records, deadline=still, at_once=4)
    assert sorted(syncs.seconds) == [6, 12, 12, 12, 12]


def test_there_is_a_kept_connection_for_each_user_at_once() -> None:
    """Or some would be opened anew for every batch."""
    assert stream_handler.AT_ONCE <= MAX_KEPT


class Unsynced(BaseException):
    """The process is gone."""


def test_a_crash_in_a_thread_is_the_functions() -> None:
    """It must not be answered as if all had been synced."""

    class Crashing(Syncs):
        def sync(self, user: UserId, deadline: Deadline) -> Synced:
            if user == "b":
                raise Unsynced
            return super().sync(user, deadline)

    with pytest.raises(Unsynced):
        ring(Crashing(), record("a", 1), record("b", 2), record("c", 3), at_once=2)


@pytest.mark.parametrize(
    ("syncs", "name"),
    [
        (lambda: Syncs(failing=("b",)), "SyncFailed"),
        (lambda: Syncs(unfinished=("b",)), "SyncUnfinished"),
    ],
)
def test_trouble_is_counted_by_user(syncs: Callable[[], Syncs], name: str) -> None:
    """One line for each user whose sync failed or did not finish; none for the others."""
    emitted: list[str] = []
    ring(syncs(), record("a", 1), record("b", 2), record("b", 3), emitted=emitted)
    (line,) = [json.loads(text) for text in emitted]
    assert (line[name], line["user"]) == (1, "b")
    assert CANARY not in emitted[0]


def test_nothing_is_counted_while_all_is_well() -> None:
    """A batch that was synced leaves no line."""
    emitted: list[str] = []
    ring(Syncs(), record("a", 1), emitted=emitted)
    assert emitted == []
