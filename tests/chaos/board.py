"""What the processes of one run share: the plan, its progress, and answers handed back."""

import json
import multiprocessing
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from typing import Any

from chalicelib.model.entries import UserId

CONTEXT = multiprocessing.get_context("spawn")
"""Processes that begin from nothing, as separate Lambda functions do."""

WRITERS = 2
"""Processes of writers."""

DEVICES = 2
"""Of each user in each of these processes, all at work at the same time: so appends race."""

FOLLOWERS = 2

DURING = 0.8
"""The part of the feed reads that writers wait for: so most come while writes go on."""

STALLED_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """`operations` is per user, over all devices; `feed_reads` is the sum of all followers'."""

    users: int
    operations: int
    feed_reads: int
    seed: int

    @property
    def total(self) -> int:
        return self.users * self.operations

    def share(self, device: int) -> int:
        """The operations of one of a user's devices, over all processes."""
        share, rest = divmod(self.operations, WRITERS * DEVICES)
        return share + (device < rest)

    def user(self, number: int) -> UserId:
        return UserId(f"user-{number:03d}".ljust(43, "-"))

    def all_users(self) -> list[UserId]:
        return [self.user(number) for number in range(self.users)]


@dataclass(frozen=True)
class Board:
    """Counts and signals that all processes see."""

    operations: "Synchronized[int]" = field(default_factory=lambda: CONTEXT.Value("q", 0))
    reads: "Synchronized[int]" = field(default_factory=lambda: CONTEXT.Value("q", 0))
    swept: Event = field(default_factory=CONTEXT.Event)

    def begin_operation(self, plan: Plan) -> None:
        """Counts it; waits while the readers are too far behind the writers."""
        with self.operations.get_lock():
            self.operations.value += 1
            due = plan.feed_reads * DURING * self.operations.value / plan.total
        give_up = time.monotonic() + STALLED_SECONDS
        while self.reads.value < due:
            assert time.monotonic() < give_up, "no follower reads any more"
            time.sleep(0.005)

    def count_read(self) -> None:
        with self.reads.get_lock():
            self.reads.value += 1


@dataclass(frozen=True, slots=True)
class Saved:
    """A save under a key: the cursors that were acknowledged, or None. `many` images."""

    user: UserId
    key: str
    many: int
    cursors: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Deleted:
    user: UserId
    cursor: int


@dataclass
class Report:
    """What one process did and saw. `folds`: what each followed feed came to."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    saves: list[Saved] = field(default_factory=list)
    deletes: list[Deleted] = field(default_factory=list)
    folds: list["Folded"] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def take_metric(self, line: str) -> None:
        """Counts what a process says to an operator, in the embedded metric format."""
        for metrics in json.loads(line)["_aws"]["CloudWatchMetrics"]:
            self.counts.update(f"metric {metric['Name']}" for metric in metrics["Metrics"])

    def add(self, other: "Report") -> None:
        self.counts += other.counts
        self.faults += other.faults
        self.saves += other.saves
        self.deletes += other.deletes
        self.folds += other.folds
        self.violations += other.violations


@dataclass(frozen=True, slots=True)
class Folded:
    """The live images above `bottom` that a follower's feed came to, by cursor, at `cursor`."""

    user: UserId
    cursor: int
    bottom: int
    live: dict[int, str]


class Died(Exception):
    """A process could not go on; the message is its traceback."""


@dataclass(frozen=True)
class Job:
    """A process at work."""

    process: multiprocessing.process.BaseProcess
    answers: Connection

    def result(self) -> Report:
        """Its report, once it is done; `Died` if it failed."""
        answer: Report | str = self.answers.recv()
        self.process.join(60)
        if isinstance(answer, str):
            raise Died(answer)
        return answer

    def end(self) -> None:
        """Ends it, if it has not come to its own end."""
        self.process.terminate()
        self.process.join(10)


def start(work: Callable[..., Report], *args: Any) -> Job:
    receiving, sending = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_run, args=(sending, work, args), daemon=True)
    process.start()
    sending.close()
    return Job(process, receiving)


def _run(sending: Connection, work: Callable[..., Report], args: tuple[Any, ...]) -> None:
    try:
        sending.send(work(*args))
    except Exception:
        sending.send(traceback.format_exc())
