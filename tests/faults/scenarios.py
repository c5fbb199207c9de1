"""What a client asks for, each in its own scene: what is there before, and one try of the request.

A scene is played by users of its own, so that one set of tables holds many. The clock stands still:
two runs differ in nothing but their users and their random `request_id`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.bootstrap import build
from chalicelib.dynamodb.protocol import Dynamo
from chalicelib.model.entries import Cursor, Payload, UserId
from chalicelib.model.errors import Unavailable
from chalicelib.model.timing import Clock, Deadline
from chalicelib.operations import OPERATIONS
from chalicelib.services import Services
from chalicelib.store.idempotency import LIFETIME, idempotent_request
from chalicelib.store.table_names import TableNames
from chalicelib.sync import stream_handler
from local.pump import delivered
from tests.support import Store, picture, pictures

NOW = 1_800_000_000.0
KEY = "key"
NEW = (Payload("a new prompt", "https://images.example/new.png"),)
NEW_BATCH = tuple(
    Payload(f"a new prompt {n}", f"https://images.example/new{n}.png", seed=str(n)) for n in (1, 2)
)
DELIVERIES = 5
"""How often the event source delivers a batch before this gives up on it."""


@dataclass(frozen=True)
class Cast:
    """The users of one scene. Most have only alice."""

    alice: UserId
    bob: UserId

    @classmethod
    def of(cls, scene: str) -> "Cast":
        return cls(UserId(f"{scene}-alice".ljust(43, "-")), UserId(f"{scene}-bob".ljust(43, "-")))


@dataclass(frozen=True)
class Stage:
    """The tables, through whatever `Dynamo` leads to them."""

    dynamo: Dynamo
    tables: TableNames

    @classmethod
    def of(cls, store: Store) -> "Stage":
        return cls(store.dynamo, store.tables)

    def services(self, now: float = NOW) -> Services:
        clock = Clock(now=lambda: now, sleep=lambda _seconds: None)
        return build(self.dynamo, self.tables, clock, emit=lambda _line: None)

    @property
    def deadline(self) -> Deadline:
        return Clock().deadline(60)

    def append(
        self, user: UserId, payloads: tuple[Payload, ...], key: str | None = None, now: float = NOW
    ) -> tuple[int, ...]:
        idempotent = None if key is None else idempotent_request(key, "image", payloads)
        images = self.services(now).primary.append(user, payloads, self.deadline, idempotent)
        return tuple(image.cursor for image in images)

    def delete_from_primary(self, user: UserId, cursor: int) -> None:
        self.services().primary.delete(user, [Cursor(cursor)], self.deadline)

    def delete(self, user: UserId, *cursors: int) -> None:
        self.services().deleter.delete(user, [Cursor(c) for c in cursors], self.deadline)

    def sync(self, user: UserId) -> int:
        """The tail that it has brought the partition to; Unavailable if that is not the end."""
        synced = self.services().syncer.sync(user, self.deadline)
        if not synced.up_to_date:
            raise Unavailable("sync")
        return synced.cursor


@dataclass(frozen=True)
class Scenario:
    """`request` answers what it was told, or raises: then the client may try again.

    `repeatable` says that doing it twice is doing it once. `kinds` are those of alice's entries
    afterwards, by their first letters; `shown` those of her partition, if it is not all of them.
    """

    name: str
    prepare: Callable[[Stage, Cast], None]
    request: Callable[[Stage, Cast], object]
    kinds: str
    shown: str | None = None
    repeatable: bool = True


def two_images(stage: Stage, cast: Cast) -> None:
    stage.append(cast.alice, pictures(2))
    stage.sync(cast.alice)


def three_images(stage: Stage, cast: Cast) -> None:
    stage.append(cast.alice, pictures(3))
    stage.sync(cast.alice)


def three_images_never_synced(stage: Stage, cast: Cast) -> None:
    stage.append(cast.alice, pictures(3))


def an_expired_key(stage: Stage, cast: Cast) -> None:
    """The same request was made 24 hours ago; its marker is still there."""
    stage.append(cast.alice, NEW, KEY, now=NOW - LIFETIME)
    stage.sync(cast.alice)


def a_long_log(stage: Stage, cast: Cast) -> None:
    """Two chunks beyond the partition's tail: deletions of what came before and beside them."""
    alice = cast.alice
    two_images(stage, cast)
    fill(stage, alice, 97)
    stage.delete_from_primary(alice, 1)  # before the chunk 3 … 102
    stage.delete_from_primary(alice, 5)  # within it
    fill(stage, alice, 4)
    for cursor in (2, 50, 103):
        stage.delete_from_primary(alice, cursor)


def fill(stage: Stage, user: UserId, many: int) -> None:
    for first in range(0, many, 25):
        stage.append(user, tuple(picture(first + n) for n in range(min(25, many - first))))


LONG = "eei" + "ie" + "i" * 44 + "e" + "i" * 49 + "dd" + "iei" + "iddd"


def two_users(stage: Stage, cast: Cast) -> None:
    three_images(stage, cast)
    stage.append(cast.alice, pictures(2))
    stage.delete_from_primary(cast.alice, 2)
    stage.append(cast.bob, pictures(2))


def a_few(stage: Stage, cast: Cast) -> None:
    """One image deleted already, two synced, one saved under a key."""
    two_images(stage, cast)
    stage.append(cast.alice, pictures(2))
    stage.delete_from_primary(cast.alice, 3)
    stage.append(cast.alice, NEW, KEY)
    stage.append(cast.bob, pictures(2))


def a_library(stage: Stage, cast: Cast) -> None:
    """More images than one transaction deletes, one of them deleted, and two of them synced."""
    two_images(stage, cast)
    fill(stage, cast.alice, 33)
    stage.delete_from_primary(cast.alice, 3)
    stage.append(cast.alice, NEW, KEY)
    stage.append(cast.bob, pictures(2))


def erase(stage: Stage, cast: Cast) -> None:
    """As an operator invokes it: on and on with what it answers, until it is done."""
    event: Any = {"user": cast.alice}
    for _ in range(DELIVERIES):
        receipt = OPERATIONS["erase_user"](stage.services(), event, stage.deadline)
        if receipt["done"]:
            assert receipt["entries"] == receipt["through"]
            return
        event = receipt["resume"]
    raise Unavailable("erase_user")


def ring(stage: Stage, cast: Cast) -> None:
    """One batch of the stream, delivered until nothing of it is left."""
    services = stage.services()
    left = [insert(n, user) for n, user in enumerate([cast.alice, cast.bob, cast.alice])]
    for _ in range(DELIVERIES):
        event = {"Records": left}
        # One user after the other, so that the calls have an order.
        answer = stream_handler.handle(
            event, services.syncer, services.metrics, stage.deadline, at_once=1
        )
        left = list(delivered(left, answer).left)
        if not left:
            return
    raise Unavailable("stream handler")


def insert(number: int, user: UserId) -> Mapping[str, Any]:
    keys = {"user_id": {"S": user}, "cursor": {"N": "1"}}
    record = {"SequenceNumber": str(number), "Keys": keys}
    return {"eventName": "INSERT", "dynamodb": record}


ALL = [
    Scenario(
        "append",
        two_images,
        lambda stage, cast: stage.append(cast.alice, NEW),
        "iii",
        shown="ii",
        repeatable=False,
    ),
    Scenario(
        "append-with-key",
        two_images,
        lambda stage, cast: stage.append(cast.alice, NEW, KEY),
        "iii",
        shown="ii",
    ),
    Scenario(
        "append-with-expired-key",
        an_expired_key,
        lambda stage, cast: stage.append(cast.alice, NEW, KEY),
        "ii",
        shown="i",
    ),
    Scenario(
        "batch",
        two_images,
        lambda stage, cast: stage.append(cast.alice, NEW_BATCH),
        "iiii",
        shown="ii",
        repeatable=False,
    ),
    Scenario(
        "batch-with-key",
        two_images,
        lambda stage, cast: stage.append(cast.alice, NEW_BATCH, KEY),
        "iiii",
        shown="ii",
    ),
    Scenario(
        "delete",
        three_images,
        lambda stage, cast: stage.delete(cast.alice, 2),
        "ieid",
    ),
    Scenario(
        "delete-never-synced",
        three_images_never_synced,
        lambda stage, cast: stage.delete(cast.alice, 2),
        "ieid",
    ),
    Scenario(
        "delete-many",
        three_images,
        lambda stage, cast: stage.delete(cast.alice, 1, 3),
        "eie" + "dd",
    ),
    Scenario("sync", a_long_log, lambda stage, cast: stage.sync(cast.alice), LONG),
    Scenario("stream handler", two_users, ring, "ieiiid"),
    Scenario("erase-user", a_few, erase, "eeeede" + "dddd"),
]
LONG_ERASURE = Scenario("erase-library", a_library, erase, "e" * 35 + "d" + "e" + "d" * 35)
"""In two transactions. It is slow, so it is killed between its writes alone."""

SCENARIOS = {scenario.name: scenario for scenario in (*ALL, LONG_ERASURE)}
