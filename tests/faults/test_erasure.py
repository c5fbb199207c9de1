"""What a deletion leaves of an image: nothing, anywhere, whatever was killed or slow meanwhile.

A canary is a word that stands nowhere else. It is found where it must be before the deletion, and
nowhere after the 204: so the search itself is known to work.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import httpx
import pytest

import app as app_module
from chalicelib.config import table_names
from chalicelib.dynamodb.protocol import UnknownOutcome
from chalicelib.model.entries import Cursor, UserId
from chalicelib.model.timing import Deadline
from chalicelib.operations import OPERATIONS
from chalicelib.sync import stream_handler
from local.dynamodb_local import Connection
from local.pump import Pump
from local.workspace import Credentials
from tests.api.server import Server, running
from tests.faults.conftest import Tried
from tests.faults.crashing import KILLED, Moment, exit_code
from tests.faults.evidence import Evidence
from tests.faults.gateway import Gateway, composed, delete_until
from tests.faults.wire import Wire
from tests.support import Intercepted, Store, quick, wait_until

MOMENTS: tuple[Moment, Moment] = ("before", "after")
CANARY = "canary"
"""How all of them begin."""

PARTITION_WRITES = ("put_item", "transact_write_items")


@dataclass(frozen=True)
class House:
    """The app, its users' way in, and where to look for what they left."""

    store: Store
    wire: Wire
    gateway: Gateway
    evidence: Evidence
    folder: Path

    @property
    def output(self) -> Path:
        """What processes that were killed had printed."""
        return self.folder / "output"


@pytest.fixture
def house(
    store: Store,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    engine: Connection,
) -> Iterator[House]:
    listen(caplog)
    gateway = Gateway()
    printed: list[str] = []

    def printed_so_far() -> str:
        printed.extend(capfd.readouterr())
        return "".join(printed)

    told: dict[str, Callable[[], str]] = {
        "answers": lambda: "".join(gateway.answers),
        "log": lambda: caplog.text,
        "printed": printed_so_far,
        "killed": lambda: text_of(tmp_path / "output"),
    }
    evidence = Evidence(engine.client_args(), store.tables, tmp_path / "dead-letters.jsonl", told)
    with composed() as wire:
        yield House(store, wire, gateway, evidence, tmp_path)


def listen(caplog: pytest.LogCaptureFixture) -> None:
    """To all that the app says, and to the SDK as far as the app lets it speak."""
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "chalicelib")
    caplog.set_level(logging.DEBUG, "local")


def text_of(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def new_user() -> UserId:
    return UserId(uuid.uuid4().hex.ljust(43, "-"))


def new_canary() -> str:
    return f"{CANARY}{uuid.uuid4().hex}"


def look_everywhere(house: House, user: UserId, word: str) -> set[str]:
    """Where the word stands, after the user has read all there is and a further sync."""
    house.gateway.answers.clear()
    house.gateway.sync(user)
    house.gateway.read_everything(user)
    return house.evidence.places(word)


def test_a_deleted_image_is_nowhere(house: House) -> None:
    """After the 204 the prompt is in no table, answer, log line, stream record or dead letter."""
    user, canary = new_user(), new_canary()
    house.gateway.save(user, canary, key="key")
    house.gateway.save(user, "another-prompt")
    assert look_everywhere(house, user, canary) == {"primary", "partition", "answers"}
    house.gateway.answers.clear()
    assert house.gateway.delete(user, 1) == 204
    house.gateway.read_everything(user)
    assert house.evidence.places(canary) == set()
    make_dead_letters(house)
    assert look_everywhere(house, user, canary) == set()
    assert {"primary", "partition", "answers"} <= house.evidence.places("another-prompt")
    everywhere = {"primary", "partition", "idempotency", "stream", "log", "printed"}
    assert house.evidence.places(user) == everywhere
    assert house.evidence.places("equenceNumber") == {"stream", "dead letters"}


def make_dead_letters(house: House) -> None:
    """The pump delivers the stream to a stream handler whose syncs fail, until it gives up."""
    broken, dynamo = quick(house.store)
    dynamo.before = always_unknown
    services = broken.services

    def function(event: dict[str, Any]) -> Mapping[str, Any]:
        return stream_handler.handle(event, services.syncer, services.metrics, broken.deadline)

    pump = Pump.of(house.store.tables.primary, function, house.folder, Hurried())
    thread = threading.Thread(target=pump.run)
    thread.start()
    try:
        wait_until(house.evidence.dead_letters.exists)
    finally:
        pump.stop.set()
        thread.join(30)


def always_unknown(_operation: str, _request: Mapping[str, Any]) -> None:
    raise UnknownOutcome("fault")


class Hurried(threading.Event):
    """An event whose waits take no time."""

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        return self.is_set()


@pytest.mark.parametrize("synced", [True, False])
def test_nothing_is_left_wherever_a_deletion_is_killed(
    house: House, forks: ForkServerContext, tried: Tried, *, synced: bool
) -> None:
    """A process that dies at any call of a DELETE, and the client's retry: the prompt is gone."""
    calls = calls_of_a_delete(house, synced=synced)
    passed = set()
    for number in range(1, len(calls) + 1):
        for moment in MOMENTS:
            kill_and_retry(house, forks, moment, number, synced=synced)
            passed.add((number, moment))
    assert len(passed) == len(MOMENTS) * len(calls)
    assert house.evidence.places(CANARY) == set()
    name = "delete" if synced else "delete-never-synced"
    tried.add(name, "erasure", len(calls), len(passed))


def calls_of_a_delete(house: House, *, synced: bool) -> list[str]:
    user = new_user()
    save_canary(house, user, new_canary(), synced=synced)
    house.wire.reset(None, 0)
    assert house.gateway.delete(user, 1) == 204
    return list(house.wire.operations)


def save_canary(house: House, user: UserId, canary: str, *, synced: bool) -> None:
    house.gateway.save(user, canary)
    house.gateway.save(user, "another-prompt")
    if synced:
        house.gateway.sync(user)
    house.gateway.answers.clear()
    assert house.evidence.places(canary) == {"primary"} | ({"partition"} if synced else set())


def kill_and_retry(
    house: House, forks: ForkServerContext, moment: Moment, number: int, *, synced: bool
) -> None:
    user, canary = new_user(), new_canary()
    save_canary(house, user, canary, synced=synced)
    died = exit_code(forks, house.output, delete_until, user, 1, moment, number)
    assert died == KILLED, f"{moment} call {number}: {text_of(house.output)}"
    assert house.gateway.delete(user, 1) == 204
    house.gateway.read_everything(user)
    assert house.evidence.places(canary) == set(), f"{moment} call {number}"
    house.gateway.sync(user)


@dataclass
class SlowSync:
    """A sync that stops just before its first write, with what it is about to write in hand."""

    held: str = ""
    landed: bool = False
    _reached: threading.Event = field(default_factory=threading.Event)
    _go: threading.Event = field(default_factory=threading.Event)

    def before(self, operation: str, request: Mapping[str, Any]) -> None:
        if operation in PARTITION_WRITES and not self.held:
            self.held = str(request)
            self._reached.set()
            assert self._go.wait(60)

    def after(self, operation: str, request: Mapping[str, Any]) -> None:
        self.landed |= operation in PARTITION_WRITES and str(request) == self.held

    def wait(self) -> None:
        assert self._reached.wait(60)

    def release(self) -> None:
        self._go.set()


@contextmanager
def slow_sync(store: Store, user: UserId) -> Iterator[SlowSync]:
    """It is let go, and awaited, at the end at the latest."""
    slow = SlowSync()
    dynamo = Intercepted(store.dynamo, slow.before, slow.after)
    syncer = Store(store.services, dynamo, store.tables)
    services = quick(syncer)[0].services
    thread = threading.Thread(target=services.syncer.sync, args=(user, store.deadline))
    thread.start()
    try:
        slow.wait()
        yield slow
    finally:
        slow.release()
        thread.join(60)
    assert not thread.is_alive()


@pytest.mark.parametrize("beside", [0, 2])
def test_a_slow_sync_does_not_bring_it_back(house: House, beside: int) -> None:
    """A sync that held the image while it was deleted is refused its write, as a whole."""
    user, canary = new_user(), new_canary()
    house.gateway.save(user, canary)
    for number in range(beside):
        house.gateway.save(user, f"beside-{number}")
    with slow_sync(house.store, user) as slow:
        assert canary in slow.held
        assert house.gateway.delete(user, 1) == 204
        assert house.evidence.places(canary) <= {"answers"}  # that of the save
    assert not slow.landed
    assert look_everywhere(house, user, canary) == set()


def test_a_slow_sync_beside_new_rows_does_not_bring_it_back(house: House) -> None:
    """Also when nothing stands yet at the other cursors of its chunk, none of it is written."""
    user, canary = new_user(), new_canary()
    for prompt in (canary, "second", "third"):
        house.gateway.save(user, prompt)
    deleting, dynamo = quick(house.store)
    with slow_sync(house.store, user) as slow:
        assert canary in slow.held
        sync_the_first(house.store, user)
        dynamo.before = meet(slow, house.store, user)
        deleting.services.deleter.delete(user, [Cursor(1)], deleting.deadline)
    assert not slow.landed
    assert [row.kind for row in house.store.partition_rows(user)][:3] == ["erased", *["image"] * 2]
    assert look_everywhere(house, user, canary) == set()


def sync_the_first(store: Store, user: UserId) -> None:
    """As a sync does that began when the primary had only the first entry."""
    narrow = Narrow(store.dynamo)
    services = quick(Store(store.services, narrow, store.tables))[0].services
    services.syncer.sync(user, Deadline(1.0, lambda: float(narrow.written)))
    assert [row.kind for row in store.partition_rows(user)] == ["image"]


class Narrow(Intercepted):
    """A `Dynamo` whose queries find one item at most."""

    written = 0

    def query(self, **request: Any) -> Mapping[str, Any]:
        return self.inner.query(**{**request, "Limit": 1})

    def put_item(self, **request: Any) -> Mapping[str, Any]:
        answer = self.inner.put_item(**request)
        self.written += 1
        return answer


def meet(slow: SlowSync, store: Store, user: UserId) -> Callable[[str, Mapping[str, Any]], None]:
    """Lets the slow sync go when the deletion has made the tombstone and not yet written the
    rest."""

    def release(operation: str, request: Mapping[str, Any]) -> None:
        if operation in PARTITION_WRITES and store.tables.partition in str(request):
            assert [row.kind for row in store.partition_rows(user)][:1] == ["erased"]
            slow.release()

    return release


@pytest.mark.parametrize("slow", [True, False])
def test_after_the_receipt_of_an_erasure_nothing_is_left(house: House, *, slow: bool) -> None:
    """All of a user's images are nowhere, though a sync held them; another user's are untouched."""
    user, other, canary = new_user(), new_user(), new_canary()
    for number in range(4):
        house.gateway.save(user, f"{canary}{number}", key=f"key{number}")
    house.gateway.save(other, "another-prompt")
    house.gateway.sync(other)
    with slow_sync(house.store, user) if slow else synced(house, user) as held:
        assert held.held.count(f"{canary}3")
        erase_user(user)
        assert house.evidence.places(canary) <= {"answers"}  # those of the saves
    assert not held.landed
    assert look_everywhere(house, user, canary) == set()
    assert look_everywhere(house, other, "another-prompt") >= {"primary", "partition", "answers"}


@contextmanager
def synced(house: House, user: UserId) -> Iterator[SlowSync]:
    """Nothing is slow: the images are in the partition already."""
    house.gateway.sync(user)
    yield SlowSync(held=str(house.store.partition_rows(user)))


def erase_user(user: UserId) -> None:
    services = app_module.services()
    receipt = OPERATIONS["erase_user"](services, {"user": user}, services.clock.deadline(60))
    assert (receipt["done"], receipt["through"], receipt["erased"]) == (True, 4, 4)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("erasure") / "data") as started:
        yield started


def test_over_http(server: Server) -> None:
    """The same as users see it: a server of its own, with its log, its stream and its database."""
    canary, name = new_canary(), f"alice {uuid.uuid4()}"
    environ = server.environ()
    told = {"log": server.log.read_text}
    letters = server.data / "dead-letters.jsonl"
    keys = Credentials(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"])
    database = Connection(environ["AWS_ENDPOINT_URL"], keys).client_args()
    evidence = Evidence(database, table_names(environ), letters, told)
    with server.client(name) as alice:
        image = {"prompt": canary, "imageUrl": f"https://images.example/{canary}", "seed": 7}
        headers = {"Idempotency-Key": "key"}
        for _ in range(2):
            alice.post("/api/images", json=image, headers=headers).raise_for_status()
        alice.post("/api/images/sync").raise_for_status()
        assert evidence.places(canary) == {"primary", "partition"}
        assert canary in shown(alice)
        assert alice.delete("/api/images/1").status_code == 204
        assert canary not in shown(alice)
    assert evidence.places(canary) == set()
    assert "DELETE" in server.log.read_text()


def shown(client: httpx.Client) -> str:
    """All that any route answers."""
    paths = ["", "/changes", "/1", "/2"]
    return "".join(client.get(f"/api/images{path}").text for path in paths)
