"""One run of chaos: writers, followers and the stream at once; then one sweep, then the audit."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from chalicelib.bootstrap import build
from chalicelib.model.entries import Cursor, UserId
from chalicelib.operations import OPERATIONS
from chalicelib.operations.sweep import MIN_READ_UNITS
from chalicelib.services import Services
from chalicelib.sync import stream_handler
from tests.chaos import clients, followers
from tests.chaos.audit import Audit
from tests.chaos.board import FOLLOWERS, WRITERS, Board, Job, Plan, Report, start
from tests.chaos.event_source import (
    ALL_LOST,
    FAULTY,
    Answer,
    Crashes,
    EventSource,
    Rules,
    StreamFunction,
    done_of,
    place_of,
    streaming,
)
from tests.chaos.faults import FaultyDynamo, Rates
from tests.support import Store

RETRIES = 2
"""Few, so that some batches do end as dead letters."""

SYNC_SECONDS = 20
PROGRESS_SECONDS = 5
DRAIN_SECONDS = 120
TORN_EVERY = 3
BACKLOG = 125
"""More entries than one transaction of a sync holds."""


@dataclass
class Outcome:
    """The figures of a run, and what was wrong."""

    report: Report = field(default_factory=Report)
    source: Counter[str] = field(default_factory=Counter)
    undelivered: int = 0
    behind_after_stream: int = 0
    behind_before_sweep: int = 0
    sweep_calls: int = 0
    equal: int = 0
    seconds: float = 0.0

    @property
    def violations(self) -> list[str]:
        return self.report.violations


Say = Callable[[str], None]


@dataclass
class Run:
    """`store` is without faults: for the parts that are no part of the chaos."""

    store: Store
    plan: Plan
    folder: Path
    say: Say
    board: Board = field(default_factory=Board)
    outcome: Outcome = field(default_factory=Outcome)

    def run(self, sweep: bool = True) -> Outcome:
        """All of it. Without the sweep, the partitions stay as lost deliveries left them."""
        began = time.monotonic()
        with self._streaming() as source, self._following() as following:
            self._write()
            self._sync_torn()
            self._drain(source)
            self.outcome.behind_after_stream = self._behind()
            self._lose_the_last(source)
            if sweep:
                self.outcome.sweep_calls = sweep_once(self.store)
            self.board.swept.set()
            for job in following:
                self.outcome.report.add(job.result())
        self._audit()
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    @contextmanager
    def _streaming(self) -> Iterator[EventSource]:
        """The primary's stream through the stream handler, whose calls to DynamoDB go wrong as all
        do."""
        faulty = FaultyDynamo(self.store.dynamo, f"{self.plan.seed} stream")
        crashes, emit = Crashes(), self.outcome.report.take_metric

        def one(event: dict[str, Any]) -> Answer:
            services = build(crashes.over_threads(faulty), self.store.tables, emit=emit)
            return ringing(services)(event)

        function = self._checked(one)
        source = EventSource(function, self.plan.seed, FAULTY, Rules(RETRIES), crashes)
        with streaming(self.store.tables.primary, source, self.folder):
            yield source
        faulty.close()
        self.outcome.source = source.counts
        self.outcome.undelivered = len(source.undelivered)
        self.outcome.report.faults += faulty.counts

    def _checked(self, ring: StreamFunction) -> StreamFunction:
        """What a delivery is answered to have done is in the partitions then."""

        def function(event: dict[str, Any]) -> Answer:
            answer = ring(event)
            done = event["Records"][: done_of(event["Records"], answer) or 0]
            reached = {user: self._reached(user) for user in {place_of(each)[0] for each in done}}
            for user, cursor in map(place_of, done):
                if reached[user] < cursor:
                    self.outcome.report.violations.append(f"{user}: {cursor} done, and not there")
            return answer

        return function

    def _reached(self, user: UserId) -> Cursor:
        return self.store.partition(user).tail()

    @contextmanager
    def _following(self) -> Iterator[list[Job]]:
        jobs = [start(followers.follow, self.plan, self.board, n) for n in range(FOLLOWERS)]
        try:
            yield jobs
        finally:
            end(jobs)

    def _write(self) -> None:
        jobs = [start(clients.write, self.plan, self.board, n) for n in range(WRITERS)]
        done = threading.Event()
        progress = threading.Thread(target=self._tell, args=[done])
        progress.start()
        try:
            for job in jobs:
                self.outcome.report.add(job.result())
        finally:
            done.set()
            progress.join()
            end(jobs)

    def _tell(self, done: threading.Event) -> None:
        while not done.wait(PROGRESS_SECONDS):
            operations, reads = self.board.operations.value, self.board.reads.value
            self.say(f"{operations} of {self.plan.total} operations, {reads} feed reads")

    def _sync_torn(self) -> None:
        """Some users' syncs while batches are being committed, of which their queries see a part.

        Chance alone would seldom have it so.
        """
        for user in self.plan.all_users()[::TORN_EVERY]:
            batches = iter([5, 4, 5, 4])
            save = partial(save_next, self.store, user, batches)
            rates = Rates(fault=0.0, torn=1.0, meanwhile=save)
            faulty = FaultyDynamo(self.store.dynamo, f"{self.plan.seed} {user}", rates)
            build(faulty, self.store.tables).syncer.sync(user, self.store.deadline)
            self.outcome.report.faults += faulty.counts

    def _drain(self, source: EventSource) -> None:
        """Until the source has had every entry of the primary, and has dealt with it."""
        entries = sum(self._tail(user) for user in self.plan.all_users())
        give_up = time.monotonic() + DRAIN_SECONDS
        while source.counts["records"] < entries or not source.is_idle():
            assert time.monotonic() < give_up, f"{source.counts['records']} of {entries} records"
            time.sleep(0.05)

    def _tail(self, user: UserId) -> Cursor:
        return self.store.services.primary.tail(user).cursor

    def _behind(self) -> int:
        return len(Audit.of(self.store, self.plan.all_users()).behind)

    def _lose_the_last(self, source: EventSource) -> None:
        """Each user's last records are lost on their way, so only a sweep can find them.

        The last of all are a save and a deletion whose function died before its own sync; some
        users are behind by more than one transaction of a sync.
        """
        source.faults = ALL_LOST
        for number, user in enumerate(self.plan.all_users()):
            self.store.services.syncer.sync(user, self.store.deadline)
            (saved, *_) = self.store.save(user, 2)
            self.store.services.syncer.sync(user, self.store.deadline)
            self.store.fill(user, BACKLOG if number % 10 == 0 else 1)
            self.store.services.primary.delete(user, [saved], self.store.deadline)
        self._drain(source)
        self.outcome.behind_before_sweep = self._behind()

    def _audit(self) -> None:
        audit = Audit.of(self.store, self.plan.all_users())
        self.outcome.equal = audit.equal
        self.outcome.report.violations += audit.wrong(self.outcome.report)


def save_next(store: Store, user: UserId, batches: Iterator[int]) -> None:
    for many in itertools.islice(batches, 1):
        store.save_batch(user, many)


def end(jobs: Iterable[Job]) -> None:
    for job in jobs:
        job.end()


def ringing(services: Services) -> StreamFunction:
    """The stream function of these services, as `app.py` has it."""
    clock = services.clock
    return lambda event: stream_handler.handle(
        event, services.syncer, services.metrics, clock.deadline(SYNC_SECONDS)
    )


def sweep_once(store: Store) -> int:
    """One sweep, in as many calls as it takes until all users are done; how many."""
    event: dict[str, Any] = {"readUnits": MIN_READ_UNITS}
    calls, is_done = 0, False
    while not is_done:
        swept = OPERATIONS["sweep"](store.services, event, store.deadline)
        calls, is_done, event = calls + 1, swept["done"], swept.get("resume", {})
    return calls
