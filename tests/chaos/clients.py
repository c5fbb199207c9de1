"""Users' devices: they save, delete, sync and read, and try again as clients do.

Each device notes what it was told, so that the log can be held against it afterwards.
"""

import itertools
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from chalicelib.bootstrap import build
from chalicelib.config import table_names
from chalicelib.dynamodb.client import HttpDynamo
from chalicelib.model.entries import START, Cursor, Payload, UserId
from chalicelib.model.errors import Contended, HoleFound, ImageNotFound, NotSyncedYet, Unavailable
from chalicelib.model.timing import Deadline
from chalicelib.services import Services
from chalicelib.store.idempotency import idempotent_request
from tests.chaos.board import DEVICES, Board, Deleted, Plan, Report, Saved
from tests.chaos.event_source import MAX_CRASH_STEP, Crash, Crashes
from tests.chaos.faults import FaultyDynamo

AT_ONCE = 3
"""Users whose devices are at work at the same time, in each process."""

MIX = {"save": 50, "batch": 10, "delete": 15, "sync": 5, "read": 20}
"""Of a hundred operations."""

CRASHES = 0.03
"""How likely it is that the function which answers a try dies meanwhile."""

TRIES = 10
GIVES_UP = 0.2
"""How likely it is that a client whose save had no answer never asks again."""

PASSING = (Contended, Unavailable, HoleFound)
"""What the API answers with 503 and Retry-After."""

T = TypeVar("T")


class Unanswered(Exception):
    """The client has given up: it does not know whether it was done."""


class Label(threading.local):
    """What the entries of this thread's request are marked with, beside its chance part."""

    key = ""
    tries = 0

    def new_request_id(self) -> str:
        """Random per request in the product; here it also tells whose request it was."""
        self.tries += 1
        return f"{self.key}.{self.tries}"


@dataclass
class Process:
    """What the devices of one process share."""

    services: Services
    crashes: Crashes
    label: Label
    board: Board
    plan: Plan
    failed: list[BaseException] = field(default_factory=list)
    """What one of them could not get over; then all of them end."""


@dataclass
class Device:
    """One user's, in a thread of its own; `name` is its alone."""

    process: Process
    user: UserId
    name: str
    random: Random
    number: int
    report: Report = field(default_factory=Report)
    known: list[int] = field(default_factory=list)
    keys: int = 0

    def run(self, operations: int) -> None:
        for kind in self.random.choices(list(MIX), list(MIX.values()), k=operations):
            if self.process.failed:
                return
            self.process.board.begin_operation(self.process.plan)
            self.report.counts[kind] += 1
            self._do(kind)

    def _do(self, kind: str) -> None:
        match kind:
            case "save":
                self._save(1, "image")
            case "batch":
                self._save(self.random.randint(2, 25), "batch")
            case "delete":
                self._delete()
            case "sync":
                self._sync()
            case "read":
                self._read()

    def _save(self, many: int, route: str) -> None:
        """One Idempotency-Key for all tries: at most one of them has an effect."""
        key = self._next_key()
        payloads = [Payload(f"{key} {n}", f"https://images.example/{n}.png") for n in range(many)]
        request = idempotent_request(key, route, payloads)
        append = self.process.services.primary.append
        try:
            images = self._answered(
                lambda: append(self.user, payloads, self._deadline(), request), GIVES_UP
            )
        except Unanswered:
            self.report.saves.append(Saved(self.user, key, many, None))
            return
        cursors = tuple(image.cursor for image in images)
        self.known += cursors
        self.report.saves.append(Saved(self.user, key, many, cursors))

    def _delete(self) -> None:
        """After the answer nobody sees the image any more."""
        if not self.known:
            return
        cursor = Cursor(self.random.choice(self.known))
        self._next_key()
        delete = self.process.services.deleter.delete
        self._answered(lambda: delete(self.user, [cursor], self._deadline()))
        self.report.deletes.append(Deleted(self.user, cursor))
        if self._answered(lambda: self._shows(cursor)):
            self._violation(f"{cursor} is shown after its deletion was answered")

    def _shows(self, cursor: Cursor) -> bool:
        try:
            self.process.services.open_partition(self.user).image(cursor)
        except ImageNotFound:
            return False
        return True

    def _sync(self) -> None:
        """Up to date: whatever was acknowledged before is there now."""
        acknowledged = Cursor(max(self.known, default=START))
        sync = self.process.services.syncer.sync
        synced = self._answered(lambda: sync(self.user, self._deadline()))
        if not synced.up_to_date:
            self.report.counts["syncs unfinished"] += 1
            return
        if synced.cursor < acknowledged:
            self._violation(f"up to date at {synced.cursor}, with {acknowledged} acknowledged")
        self._answered(lambda: self._page(acknowledged))

    def _read(self) -> None:
        """Sees what the user's other devices have saved, too."""
        shown = self._answered(lambda: self._page(None))
        if shown != sorted(set(shown), reverse=True):
            self._violation(f"a page in the order {shown}")
        self.known = sorted({*self.known, *shown})

    def _page(self, at_least: Cursor | None) -> list[int]:
        partition = self.process.services.open_partition(self.user)
        try:
            page = partition.page(50, None, at_least, self._deadline())
        except NotSyncedYet:
            self._violation(f"up to date, and yet not at {at_least}")
            return []
        return [cursor_of(image) for image in page.images]

    def _answered(self, call: Callable[[], T], gives_up: float = 0.0) -> T:
        """Tries until there is an answer; a function that dies gives none."""
        for _ in range(TRIES):
            dies = self.random.random() < CRASHES
            try:
                with self.process.crashes.after(
                    self.random.randint(1, MAX_CRASH_STEP) if dies else None
                ):
                    return call()
            except PASSING as error:
                self.report.counts[f"answered {type(error).__name__}"] += 1
            except Crash:
                self.report.counts["api crashes"] += 1
            if self.random.random() < gives_up:
                raise Unanswered
        raise AssertionError(f"{self.name}: no answer in {TRIES} tries")

    def _next_key(self) -> str:
        self.keys += 1
        key = f"{self.name}.{self.keys}"
        self.process.label.key = key
        return key

    def _deadline(self) -> Deadline:
        return self.process.services.clock.deadline(20)

    def _violation(self, what: str) -> None:
        self.report.violations.append(f"{self.name}: {what}")


def cursor_of(image: str) -> int:
    return int(image.split(",", 1)[0].removeprefix('{"cursor":'))


def write(plan: Plan, board: Board, number: int) -> Report:
    """One process of writers. Several threads take the users in turn, each as another device."""
    crashes, label = Crashes(), Label()
    faulty = FaultyDynamo(HttpDynamo.from_environment(os.environ), f"{plan.seed} writer {number}")
    report = Report()
    services = build(
        crashes.over(faulty),
        table_names(os.environ),
        new_request_id=label.new_request_id,
        emit=report.take_metric,
    )
    process = Process(services, crashes, label, board, plan)
    teams = [
        [
            device_of(process, user, number * DEVICES + device)
            for user in plan.all_users()[n::AT_ONCE]
        ]
        for n in range(AT_ONCE)
        for device in range(DEVICES)
    ]
    _in_threads(process, teams)
    faulty.close()
    report.faults = faulty.counts
    for device in itertools.chain(*teams):
        report.add(device.report)
    return report


def device_of(process: Process, user: UserId, number: int) -> Device:
    name = f"{user.rstrip('-')}.{number}"
    return Device(process, user, name, Random(f"{process.plan.seed} {name}"), number)


def _in_threads(process: Process, teams: list[list[Device]]) -> None:
    def run(team: list[Device]) -> None:
        try:
            for device in team:
                device.run(process.plan.share(device.number))
        except Exception as error:
            process.failed.append(error)

    threads = [threading.Thread(target=run, args=[team]) for team in teams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if process.failed:
        raise process.failed[0]
