"""A user whose sync always fails, in the same batches as other users.

The records really come from the primary's stream; then they lie in the event source's shards, so
that they are delivered in the same batches in each run.
"""

import json
import logging
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chalicelib.bootstrap import build
from chalicelib.dynamodb.protocol import UnknownOutcome
from chalicelib.model.entries import UserId
from chalicelib.model.timing import Clock
from chalicelib.operations import OPERATIONS
from chalicelib.services import Services
from chalicelib.sync.dead_letters import Record, sequence_number
from local.pump import Pump
from tests.chaos.event_source import (
    STREAM_ARN,
    Answer,
    DeadLetterQueue,
    EventSource,
    Place,
    Rules,
    place_of,
    shard_of,
)
from tests.chaos.run import ringing
from tests.support import ALICE, Intercepted, Store, wait_until

POISON = UserId("poison".ljust(43, "-"))
OTHERS = [UserId(f"other-{number}".ljust(43, "-")) for number in range(9)]
USERS = [*OTHERS[:4], POISON, *OTHERS[4:]]
SAVES = 16
RULES = Rules(retries=3)
SEED = 20261122


@dataclass
class Poisoned:
    """Services for which every call about the poisoned user fails, and what was seen of it."""

    store: Store
    services: Services = field(init=False)
    queue: DeadLetterQueue = field(default_factory=DeadLetterQueue)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    is_over: bool = False
    deliveries: Counter[Place] = field(default_factory=Counter)
    late: dict[Place, int] = field(default_factory=dict)
    """Per record: the deliveries that held it until the user's partition did."""

    def __post_init__(self) -> None:
        self.services = build(
            Intercepted(self.store.dynamo, before=self._fail),
            self.store.tables,
            Clock(sleep=lambda _seconds: None),
            emit=lambda line: self.metrics.append(json.loads(line)),
            dead_letters=lambda: self.queue,
        )

    def _fail(self, _operation: str, request: Mapping[str, Any]) -> None:
        if POISON in str(request) and not self.is_over:
            raise UnknownOutcome("poison")

    def function(self, event: dict[str, Any]) -> Answer:
        """The stream function; after each delivery it looks which records' users are there."""
        answer = ringing(self.services)(event)
        tails = {user: self.store.partition(user).tail() for user in users_of(event["Records"])}
        for place in map(place_of, event["Records"]):
            self.deliveries[place] += 1
            if tails[place[0]] >= place[1]:
                self.late.setdefault(place, self.deliveries[place])
        return answer

    def named(self, metric: str) -> list[dict[str, Any]]:
        return [line for line in self.metrics if metric in line]


def users_of(records: list[Record]) -> set[UserId]:
    return {place_of(record)[0] for record in records}


@pytest.fixture
def records(store: Store, tmp_path: Path) -> list[Record]:
    """The real records of all users' saves, in turn: some users' come before the poison."""
    for user in USERS:
        store.save_batch(user, SAVES)
    with collected(store, tmp_path) as found:
        wait_until(lambda: len(found) == SAVES * len(USERS))
    assert all(POISON in users_of(of_shard(found, number)) for number in range(4))
    return found


@contextmanager
def collected(store: Store, folder: Path) -> Iterator[list[Record]]:
    """What the primary's stream holds, as the pump reads it."""
    found: list[Record] = []

    def take(event: dict[str, Any]) -> Mapping[str, Any]:
        found.extend(event["Records"])
        return {}

    pump = Pump.of(store.tables.primary, take, folder, threading.Event())
    thread = threading.Thread(target=pump.run)
    thread.start()
    try:
        yield found
    finally:
        pump.stop.set()
        thread.join(30)


def of_shard(records: list[Record], number: int) -> list[Record]:
    return [record for record in records if shard_of(record) == number]


@pytest.fixture
def poisoned(store: Store) -> Poisoned:
    return Poisoned(store)


def delivered(poisoned: Poisoned, records: list[Record]) -> EventSource:
    """The source, once it has dealt with the records: there is nothing left to wait for."""
    source = EventSource(poisoned.function, SEED, rules=RULES)
    poisoned.queue.of = source
    source.feed({"Records": records})
    with source:
        wait_until(source.is_idle)
    return source


def is_synced(store: Store, user: UserId) -> bool:
    return store.partition_images(user) == store.expected_images(user)


def test_no_other_user_waits_for_the_poison(
    poisoned: Poisoned, records: list[Record], store: Store
) -> None:
    """Each record of another user is in its partition after two deliveries that hold it."""
    delivered(poisoned, records)
    others = [place_of(record) for record in records if place_of(record)[0] != POISON]
    assert {place: poisoned.late.get(place, 99) for place in others if late(poisoned, place)} == {}
    assert all(is_synced(store, user) for user in OTHERS)
    assert store.partition_rows(POISON) == []


def late(poisoned: Poisoned, place: Place) -> bool:
    return poisoned.late.get(place, 99) > 2


def test_what_stands_before_the_poison_is_never_delivered_again(
    poisoned: Poisoned, records: list[Record]
) -> None:
    """Only from the poison on a batch comes again, and only so often as there are retries."""
    delivered(poisoned, records)
    for number in range(4):
        shard = [place_of(record) for record in of_shard(records, number)]
        first = next(at for at, (user, _) in enumerate(shard) if user == POISON)
        assert first > 0, "choose users of whom some come before the poison"
        assert [poisoned.deliveries[place] for place in shard[:first]] == [1] * first
        behind = len(shard) - first
        assert [poisoned.deliveries[p] for p in shard[first:]] == [1 + RULES.retries] * behind


def test_the_poison_ends_as_a_letter_without_its_key(
    poisoned: Poisoned, records: list[Record]
) -> None:
    """After the retries each shard gives it up, by place alone, and says so to an operator."""
    source = delivered(poisoned, records)
    firsts = {letter["DDBStreamBatchInfo"]["startSequenceNumber"] for letter in source.dead_letters}
    mine = [[r for r in of_shard(records, n) if place_of(r)[0] == POISON] for n in range(4)]
    assert {int(first) for first in firsts} == {sequence_number(shard[0]) for shard in mine}
    assert not any(user in str(source.dead_letters) for user in USERS)
    failed = poisoned.named("SyncFailed")
    assert len(failed) == 4 * (1 + RULES.retries)
    assert {line["user"] for line in failed} == {POISON}


def test_a_shard_goes_on_behind_the_poison(
    poisoned: Poisoned, records: list[Record], store: Store
) -> None:
    """What is saved later is delivered as ever: no shard is blocked for good."""
    source = EventSource(poisoned.function, SEED, rules=RULES)
    source.feed({"Records": records})
    with source:
        wait_until(source.is_idle)
        store.save(ALICE, SAVES)
        source.feed({"Records": [record_of(ALICE, n) for n in range(1, SAVES + 1)]})
        wait_until(source.is_idle)
    assert is_synced(store, ALICE)
    assert {poisoned.deliveries[ALICE, n] for n in range(1, SAVES + 1)} == {1}


def record_of(user: UserId, cursor: int) -> Record:
    """A record as the stream has it, beyond all that it had before."""
    keys = {"user_id": {"S": user}, "cursor": {"N": str(cursor)}}
    number = f"{10**30 + cursor}"
    stream = {"Keys": keys, "SequenceNumber": number, "StreamViewType": "KEYS_ONLY"}
    return {"eventName": "INSERT", "dynamodb": stream, "eventSourceARN": STREAM_ARN}


def test_a_sweep_heals_it_once_the_poison_is_over(
    poisoned: Poisoned, records: list[Record], store: Store
) -> None:
    """While it lasts, the sweep counts it as failed and goes on; the next one finds it behind."""
    delivered(poisoned, records)
    swept = OPERATIONS["sweep"](poisoned.services, {}, store.deadline)
    assert (swept["done"], swept["users"], swept["failed"]) == (True, len(USERS), 1)
    poisoned.is_over = True
    swept = OPERATIONS["sweep"](poisoned.services, {}, store.deadline)
    assert (swept["done"], swept["behind"], swept["failed"]) == (True, 1, 0)
    assert is_synced(store, POISON)


def test_redriving_the_letters_heals_it_once_the_poison_is_over(
    poisoned: Poisoned, records: list[Record], store: Store
) -> None:
    """While it lasts, the letters stay in the queue; then they lead to the user, and are gone."""
    delivered(poisoned, records)
    redriven = OPERATIONS["redrive_dead_letters"](poisoned.services, {}, store.deadline)
    assert (redriven["redriven"], redriven["failed"]) == (0, 4)
    assert len(poisoned.queue.receive()) == 4
    poisoned.is_over = True
    redriven = OPERATIONS["redrive_dead_letters"](poisoned.services, {}, store.deadline)
    assert (redriven["redriven"], redriven["failed"]) == (4, 0)
    assert poisoned.queue.receive() == []
    assert is_synced(store, POISON)


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Hides the stream handler's log lines about the poisoned user."""
    caplog.set_level(logging.CRITICAL)
