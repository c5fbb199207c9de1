"""The stream's doorbell: each user once, and failures in Lambda's own words."""

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib import doorbell
from chalicelib.entries import Cursor, UserId
from chalicelib.errors import HoleFound
from chalicelib.metrics import Metrics
from chalicelib.sync import Synced
from chalicelib.timing import Clock, Deadline

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
            raise HoleFound(CANARY)
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
) -> Mapping[str, Any]:
    deadline = deadline or Clock().deadline(10)
    lines: list[str] = [] if emitted is None else emitted
    metrics = Metrics(lines.append, lambda: 0.0)
    event = {"Records": list(records)}
    return doorbell.ring(event, syncs, metrics, deadline)  # type: ignore[arg-type]


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
    assert "HoleFound" in caplog.text
    assert CANARY not in caplog.text
