"""What the tests of the operations share: calling them as Lambda does, and doing damage."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event as Flag
from threading import Thread
from typing import Any

from chalicelib.bootstrap import build, no_dead_letters
from chalicelib.dynamodb.protocol import Item
from chalicelib.model.entries import Cursor, UserId
from chalicelib.model.errors import ImageStorageError, Unavailable
from chalicelib.model.timing import Clock, Deadline
from chalicelib.operations import OPERATIONS
from chalicelib.services import Services
from chalicelib.store.items import row_to_item
from chalicelib.store.log import Log
from chalicelib.sync.dead_letters import DeadLetters
from chalicelib.sync.projection import to_row
from tests import emf
from tests.grants import check_granted
from tests.support import ALICE, Call, Intercepted, Store, dump, picture

ISSUER = "https://issuer.example"
ANSWERS_IMAGES = ("get_images_for_user", "export_user")

Answer = dict[str, Any]


class Crash(BaseException):
    """The process is gone: nothing in the code may catch this."""


@dataclass
class Rig:
    """Services on the store's tables whose calls are recorded, and may be meddled with.

    While it calls an operation, a call that its Lambda function has no leave for is `AccessDenied`.
    """

    store: Store
    services: Services
    dynamo: Intercepted
    calls: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    function: str | None = None

    @classmethod
    def on(
        cls,
        store: Store,
        dead_letters: DeadLetters | None = None,
        now: Callable[[], float] = time.time,
        at_once: int = 1,
    ) -> "Rig":
        """With one user at once the calls have an order, which tests count on."""
        dynamo = Intercepted(store.dynamo)
        clock = Clock(now, sleep=lambda _seconds: None)
        lines: list[str] = []
        role = Intercepted(dynamo)
        services = build(
            role,
            store.tables,
            clock,
            emit=lines.append,
            issuer=ISSUER,
            dead_letters=no_dead_letters if dead_letters is None else lambda: dead_letters,
            at_once=at_once,
        )
        rig = cls(store, services, dynamo, lines=lines)
        dynamo.after = lambda operation, _request: rig.calls.append(operation)
        role.before = rig._check_granted
        return rig

    def _check_granted(self, operation: str, request: Mapping[str, Any]) -> None:
        if self.function is not None:
            check_granted(self.function, self.store.tables, operation, request)

    def before(self, hook: Call) -> None:
        self.dynamo.before = hook

    def after_calls(self, many: int) -> Deadline:
        """A deadline that passes once so many calls are made from now on."""
        return Deadline(float(len(self.calls) + many), lambda: float(len(self.calls)))

    def call(self, name: str, event: Any, deadline: Deadline | None = None) -> Answer:
        self.function = name
        try:
            return call(self.services, name, event, deadline or self.store.deadline)
        finally:
            self.function = None

    def finish(self, name: str, event: Any) -> Answer:
        """Invoked until it is done, which must be soon."""
        for _ in range(100):
            answer = self.call(name, event)
            if answer["done"]:
                return answer
            event = answer["resume"]
        raise AssertionError(f"{name} never ends: {event}")

    def metrics(self, name: str) -> int:
        """What was added to the metric."""
        return sum(line.metrics[name][0] for line in self.told(name))

    def told(self, name: str) -> list[emf.Line]:
        """The lines of metrics that have this one."""
        return [line for line in map(emf.read, self.lines) if name in line.metrics]


def call(services: Services, name: str, event: Any, deadline: Deadline) -> Answer:
    """As Lambda does it: JSON in, JSON out. Only two of the operations may answer content."""
    text = json.dumps(OPERATIONS[name](services, json.loads(json.dumps(event)), deadline))
    assert name in ANSWERS_IMAGES or "prompt" not in text
    assert name in ANSWERS_IMAGES or "images.example" not in text
    answer: Answer = json.loads(text)
    assert answer["done"] == ("resume" not in answer)
    return answer


def operate(store: Store, name: str, event: Any) -> Answer:
    """One undisturbed run to its end."""
    return Rig.on(store).finish(name, event)


def projected(store: Store, user: UserId) -> list[Item]:
    """What the partition must hold, attribute by attribute, once it is up to date."""
    return [row_to_item(user, to_row(entry)) for entry in store.primary_entries(user)]


def stored(store: Store, user: UserId) -> list[Item]:
    """What the partition holds, also at cursors that no log has."""
    return everything(store.partition_log, user)


def everything(log: Log, user: UserId) -> list[Item]:
    below = log.before(user, Cursor(0), limit=1000)
    return [*reversed(below.items), *dump(log, user)]


def assert_as_projected(store: Store, user: UserId = ALICE) -> None:
    assert stored(store, user) == projected(store, user)


def delete(store: Store, cursor: int, user: UserId = ALICE) -> None:
    """A deletion to its 204."""
    store.services.deleter.delete(user, [Cursor(cursor)], store.deadline)


def delete_unsynced(store: Store, cursor: int, user: UserId = ALICE) -> None:
    """A deletion that the partition has not heard of."""
    store.services.primary.delete(user, [Cursor(cursor)], store.deadline)


def fill_synced(store: Store, many: int, user: UserId = ALICE) -> None:
    store.fill(user, many)
    store.sync(user)


# Damage, done to the partition by hand


def put(store: Store, item: Mapping[str, Any]) -> None:
    store.dynamo.put_item(TableName=store.tables.partition, Item=item)


def remove(store: Store, cursor: int, user: UserId = ALICE) -> None:
    key = {"user_id": {"S": user}, "cursor": {"N": str(cursor)}}
    deletion = {"Delete": {"TableName": store.tables.partition, "Key": key}}
    store.dynamo.transact_write_items(TransactItems=[deletion])


def change(store: Store, cursor: int, user: UserId = ALICE, **attributes: Any) -> None:
    """Sets the row's attributes; None takes one away."""
    item = store.partition_log.get(user, Cursor(cursor)) or {}
    merged = {**item, **attributes}
    put(store, {name: value for name, value in merged.items() if value is not None})


def add(store: Store, cursor: float, user: UserId = ALICE) -> None:
    """A row where the primary has none."""
    put(
        store,
        {
            "user_id": {"S": user},
            "cursor": {"N": str(cursor)},
            "kind": {"S": "image"},
            "count": {"N": "1"},
            "version": {"N": "2"},
            "image": {"S": '{"cursor":1,"prompt":"by hand"}'},
        },
    )


def clear(store: Store, user: UserId = ALICE) -> None:
    for item in stored(store, user):
        remove(store, int(item["cursor"]["N"]), user)


class Scene:
    """What some users have in both logs, to be put back again and again."""

    def __init__(self, store: Store, *users: UserId) -> None:
        self._store = store
        self._users = users
        self._items = [(log, user, everything(log, user)) for log, user in self._logs()]

    def put_back(self) -> None:
        for log, user, items in self._items:
            now = {item["cursor"]["N"]: item for item in everything(log, user)}
            then = {item["cursor"]["N"]: item for item in items}
            gone = [{"Delete": {"Key": keys(now[n])}} for n in now.keys() - then.keys()]
            other = [{"Put": {"Item": then[n]}} for n in then if then[n] != now.get(n)]
            self._write(log, gone + other)

    def _write(self, log: Log, writes: list[dict[str, dict[str, Any]]]) -> None:
        table = {"TableName": self._table(log)}
        for first in range(0, len(writes), 100):
            named = [
                {operation: {**table, **rest} for operation, rest in write.items()}
                for write in writes[first : first + 100]
            ]
            self._store.dynamo.transact_write_items(TransactItems=named)

    def _table(self, log: Log) -> str:
        is_primary = log is self._primary
        return self._store.tables.primary if is_primary else self._store.tables.partition

    def _logs(self) -> Iterator[tuple[Log, UserId]]:
        self._primary, partition = self._store.primary_log, self._store.partition_log
        for user in self._users:
            yield self._primary, user
            yield partition, user


def keys(item: Item) -> Item:
    return {"user_id": item["user_id"], "cursor": item["cursor"]}


# Traffic

TIMES = 60


@contextmanager
def traffic(*work: Callable[[], object]) -> Iterator[None]:
    """Does each again and again in a thread of its own; trouble that clients know is no error.

    It ends with the block, or when each was done `TIMES`.
    """
    ended = Flag()
    errors: list[BaseException] = []

    def run(step: Callable[[], object]) -> None:
        for _ in range(TIMES):
            if ended.is_set():
                return
            try:
                step()
            except Unavailable:
                continue
            except BaseException as error:
                errors.append(error)
                return

    threads = [Thread(target=run, args=(step,)) for step in work]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join(60)
    assert errors == []


def writer(store: Store, user: UserId = ALICE) -> Callable[[], object]:
    def save() -> None:
        try:
            store.services.primary.append(user, [picture()], store.deadline)
        except ImageStorageError:
            return

    return save


def deleter(store: Store, user: UserId = ALICE) -> Callable[[], object]:
    """Deletes every other image, from the oldest on."""
    cursors = iter(range(1, 1_000_000, 2))
    pending: list[int] = []

    def one() -> None:
        if not pending:
            pending.append(next(cursors))
        if store.services.primary.tail(user).cursor <= pending[0]:
            return
        entry = store.services.primary.entry(user, Cursor(pending[0]))
        if entry is not None and entry.kind == "image":
            delete(store, pending[0], user)
        pending.clear()

    return one


def syncer(store: Store, user: UserId = ALICE) -> Callable[[], object]:
    return lambda: store.services.syncer.sync(user, store.deadline)
