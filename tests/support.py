"""What the tests of the domain share: values to save, services on fresh tables, and faults."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from chalicelib.bootstrap import build
from chalicelib.dynamodb.client import HttpDynamo
from chalicelib.dynamodb.connections import Reply
from chalicelib.dynamodb.protocol import Dynamo
from chalicelib.model.entries import Cursor, Entry, Image, Payload, Row, UserId, render
from chalicelib.model.timing import Clock, Deadline
from chalicelib.services import Services
from chalicelib.store.items import entry_from_item, entry_to_item, row_from_item
from chalicelib.store.log import Log
from chalicelib.store.partition import Partition
from chalicelib.store.table_names import TableNames

ALICE = UserId("alice".ljust(43, "-"))
BOB = UserId("bob".ljust(43, "-"))

Call = Callable[[str, Mapping[str, Any]], None]


def picture(number: int = 1) -> Payload:
    return Payload(f"prompt {number}", f"https://images.example/{number}.png")


def pictures(many: int) -> tuple[Payload, ...]:
    return tuple(picture(number) for number in range(1, many + 1))


@dataclass
class Intercepted:
    """A `Dynamo` that runs a hook before and after each call of the one inside.

    A hook that raises in `before` is a call that never arrived; in `after`, a reply that was lost.
    """

    inner: Dynamo
    before: Call = field(default=lambda _operation, _request: None)
    after: Call = field(default=lambda _operation, _request: None)

    def query(self, **request: Any) -> Mapping[str, Any]:
        return self._call("query", request)

    def scan(self, **request: Any) -> Mapping[str, Any]:
        return self._call("scan", request)

    def get_item(self, **request: Any) -> Mapping[str, Any]:
        return self._call("get_item", request)

    def put_item(self, **request: Any) -> Mapping[str, Any]:
        return self._call("put_item", request)

    def update_item(self, **request: Any) -> Mapping[str, Any]:
        return self._call("update_item", request)

    def transact_write_items(self, **request: Any) -> Mapping[str, Any]:
        return self._call("transact_write_items", request)

    def _call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.before(operation, request)
        answer: Mapping[str, Any] = getattr(self.inner, operation)(**request)
        self.after(operation, request)
        return answer


@contextmanager
def overheard(dynamo: HttpDynamo, hear: Callable[[str, bytes], None]) -> Iterator[None]:
    """Tells of each call that leaves this process: its operation, and its request as it is sent."""
    post = dynamo.post

    def telling(headers: Mapping[str, str], body: bytes) -> Reply:
        hear(headers["x-amz-target"].partition(".")[2], body)
        return post(headers, body)

    dynamo.post = telling
    try:
        yield
    finally:
        dynamo.post = post


@dataclass(frozen=True)
class Store:
    """Services on three fresh tables, and short words for what tests do with them."""

    services: Services
    dynamo: Dynamo
    tables: TableNames

    @property
    def deadline(self) -> Deadline:
        return self.services.clock.deadline(60)

    @property
    def primary_log(self) -> Log:
        return Log(self.dynamo, self.tables.primary)

    @property
    def partition_log(self) -> Log:
        return Log(self.dynamo, self.tables.partition)

    def save(self, user: UserId, many: int = 1) -> list[Cursor]:
        """Saves so many images, each by a request of its own."""
        saved = []
        for number in range(many):
            (image,) = self.services.primary.append(user, [picture(number)], self.deadline)
            saved.append(image.cursor)
        return saved

    def save_batch(self, user: UserId, many: int) -> list[Cursor]:
        images = self.services.primary.append(user, pictures(many), self.deadline)
        return [image.cursor for image in images]

    def fill(self, user: UserId, many: int) -> None:
        """Puts so many images into the primary, quickly."""
        tail = self.services.primary.tail(user).cursor
        for first in range(tail, tail + many, 25):
            self.save_batch(user, min(25, tail + many - first))

    def put_entry(self, user: UserId, entry: Entry) -> None:
        self.primary_log.put_new([entry_to_item(user, entry)])

    def sync(self, user: UserId) -> None:
        synced = self.services.syncer.sync(user, self.deadline)
        assert synced.up_to_date

    def primary_entries(self, user: UserId) -> list[Entry]:
        return [entry_from_item(item) for item in dump(self.primary_log, user)]

    def partition_images(self, user: UserId) -> list[str | None]:
        """The partition as it stands, rendered images or None, checked to be cursors 1, 2, 3 …"""
        rows = self.partition_rows(user)
        assert [row.cursor for row in rows] == list(range(1, len(rows) + 1))
        return [row.image for row in rows]

    def partition_rows(self, user: UserId) -> list[Row]:
        return [row_from_item(item) for item in dump(self.partition_log, user)]

    def partition(self, user: UserId) -> Partition:
        return self.services.open_partition(user)

    def expected_images(self, user: UserId) -> list[str | None]:
        """What the partition must hold once it is up to date, when nothing was deleted."""
        return [
            render(Image(entry.cursor, entry.created_at, entry.payload))
            for entry in self.primary_entries(user)
            if entry.payload is not None
        ]


def quick(store: Store, now: Callable[[], float] = time.time) -> tuple[Store, Intercepted]:
    """The same tables through a `Dynamo` that tests may meddle with, without pauses."""
    dynamo = Intercepted(store.dynamo)
    clock = Clock(now=now, sleep=lambda _seconds: None)
    return Store(build(dynamo, store.tables, clock), dynamo, store.tables), dynamo


def foreign(cursor: int) -> Entry:
    """An image at the cursor that another request saved."""
    return Entry(Cursor(cursor), "another", "2026-01-01T00:00:00.000Z", cursor, picture(cursor))


def at_once(many: int, work: Callable[[], object]) -> int:
    """Runs the work in so many threads that begin together; how many ended without an error."""
    start = threading.Barrier(many)
    done: list[object] = []

    def run() -> None:
        start.wait()
        done.append(work())

    threads = [threading.Thread(target=run) for _ in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(done)


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Looks again and again until it holds; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def dump(log: Log, user: UserId) -> list[Mapping[str, Any]]:
    """Everything under the user's key, ascending."""
    items: list[Mapping[str, Any]] = []
    cut = True
    while cut:
        after = Cursor(int(items[-1]["cursor"]["N"])) if items else Cursor(-1)
        found = log.after(user, after, limit=1000)
        items += found.items
        cut = found.cut
    return items
