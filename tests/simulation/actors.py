"""Those who take part: clients, the stream handlers, the schedule, and operators.

Each does a few things of its kind, with the production code, and hands every answer to the judge.
Each has a process of the product to itself, which remembers as a warm function does. A crash ends
a request and its process; the client lives on, and may ask again, of a new one.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from chalicelib.model.entries import NO_MARK, START, Cursor, Mark, Payload, Position, UserId
from chalicelib.model.errors import (
    IdempotencyKeyReused,
    ImageNotFound,
    ImageStorageError,
    NotSyncedYet,
)
from chalicelib.model.timing import Deadline
from chalicelib.operations import OPERATIONS
from chalicelib.store.idempotency import LIFETIME, idempotent_request
from chalicelib.store.partition import Changes, Page, Partition
from chalicelib.sync import stream_handler
from tests.simulation.invariants import QUOTE, Before, Errand
from tests.simulation.network import Crash
from tests.simulation.plan import Part
from tests.simulation.stage import Kept, Record, Shard, Stage, user_of

REQUEST_SECONDS = 16
BACKGROUND_SECONDS = 48
DELIVERIES = 3
"""How often a batch of the stream is tried before it is given up."""

RESUMES = 25

LONG = 0.01
"""Seconds between two items of a transaction being shown, from which on `verify` may be misled."""


class Actor:
    """One who takes part, with what all of them do."""

    def __init__(self, stage: Stage, part: Part) -> None:
        self.stage = stage
        self.services = stage.new_services()
        self.judge = stage.judge
        self.user: UserId = user_of(part.user)
        self.name = part.name
        self._saved = 0

    @property
    def random(self) -> Any:
        return self.stage.scheduler.current.random

    def think(self, seconds: float = 0.05) -> None:
        self.stage.scheduler.pause(self.random.expovariate(1 / seconds))

    def chance(self, of: float) -> bool:
        return bool(self.random.random() < of)

    def deadline(self, seconds: float = REQUEST_SECONDS) -> Deadline:
        """Now and then there is hardly any time left."""
        return self.stage.clock.deadline(
            self.random.uniform(0, 1) if self.chance(0.05) else seconds
        )

    def before(self) -> Before:
        return self.judge.before(self.user)

    def tail(self) -> int:
        return self.judge.ledger(self.user).primary.shown_tail

    def some_cursor(self) -> Cursor:
        """Of an entry, more often than not; else one that is not there yet."""
        return Cursor(self.random.randint(1, max(2, self.tail() + 1)))

    def some_image(self) -> Cursor:
        """Of an image that is not deleted."""
        ledger = self.judge.ledger(self.user)
        return Cursor(self.random.choice(sorted(ledger.fold(ledger.primary.shown_tail))))

    def payload(self) -> Payload:
        self._saved += 1
        name = f"{self.name}.{self._saved}"
        full = self.chance(0.2)
        return Payload(
            prompt=f"{QUOTE}{name} <&>»",
            image_url=f"https://images.example/{name}.png",
            model="model" if full else None,
            seed="18446744073709551615" if full else None,
            steps=30 if full else None,
        )

    def payloads(self) -> tuple[Payload, ...]:
        many = self.random.choice((1, 1, 1, 2, 3, 5))
        return tuple(self.payload() for _ in range(many))


def tried(actor: Actor, work: Callable[[], Any]) -> Any:
    """What came of a request: its answer, the product's error, or a crash."""
    try:
        return work()
    except ImageStorageError as error:
        return error
    except Crash as crash:
        actor.services = actor.stage.new_services()
        return crash


def save(actor: Actor, errand: Errand) -> Any:
    """One request to save, judged."""
    stage, task = actor.stage, actor.stage.scheduler.current
    stage.errands[task] = errand
    before = actor.before()
    append = actor.services.primary.append
    answer = tried(
        actor, lambda: append(errand.user, errand.payloads, actor.deadline(), errand.idempotent)
    )
    del stage.errands[task]
    stage.network.say(f"save -> {answer!r:.80}")
    if not isinstance(answer, Crash):
        actor.judge.saved(before, errand, stage.request_ids[task], answer)
    return answer


def sync(actor: Actor) -> None:
    before = actor.before()
    answer = tried(actor, lambda: actor.services.syncer.sync(actor.user, actor.deadline()))
    actor.stage.network.say(f"sync -> {answer!r:.80}")
    if not isinstance(answer, Crash):
        actor.judge.synced(before, answer)


def saver(actor: Actor) -> None:
    """Saves without a key; often calls sync, as the gallery does."""
    for _ in range(actor.random.randint(2, 5)):
        actor.think()
        save(actor, Errand(actor.user, actor.payloads()))
        if actor.chance(0.3):
            sync(actor)


def keyed_saver(actor: Actor) -> None:
    """Repeats a request under one key: after failures, after success, with another body, late."""
    key = actor.random.choice(("key-1", "key-2"))  # shared with other savers of the user
    for _ in range(actor.random.randint(1, 3)):
        payloads = actor.payloads()
        _insist(actor, key, payloads)
        if actor.chance(0.4):
            _insist(actor, key, payloads)
        if actor.chance(0.3):
            _insist(actor, key, actor.payloads())
        if actor.chance(0.5):
            actor.stage.scheduler.pause(LIFETIME + actor.random.uniform(-60, 60))


def _insist(actor: Actor, key: str, payloads: tuple[Payload, ...]) -> None:
    errand = Errand(actor.user, payloads, idempotent_request(key, "batch", payloads))
    for _ in range(4):
        answer = save(actor, errand)
        if isinstance(answer, (tuple, IdempotencyKeyReused)):
            return
        actor.think()


def deleter(actor: Actor) -> None:
    """Deletes what is there, what is deleted, and what is not there; insists after failures."""
    for _ in range(actor.random.randint(2, 4)):
        actor.think()
        many = actor.random.choice((1, 1, 2, 5))
        cursors = sorted({actor.some_cursor() for _ in range(many)})
        for _ in range(4):
            if not _delete(actor, cursors):
                break
            actor.think()


def _delete(actor: Actor, cursors: Sequence[Cursor]) -> bool:
    """Whether it is to be asked for again."""
    before, stage = actor.before(), actor.stage
    deleter = actor.services.deleter
    answer = tried(actor, lambda: deleter.delete(actor.user, cursors, actor.deadline()))
    stage.network.say(f"delete {cursors} -> {answer!r:.80}")
    if not isinstance(answer, Crash):
        actor.judge.deleted(before, cursors, stage.request_ids[stage.scheduler.current], answer)
    return not (answer is None or isinstance(answer, ImageNotFound))


def syncer(actor: Actor) -> None:
    for _ in range(actor.random.randint(2, 5)):
        actor.think()
        sync(actor)


def viewer(actor: Actor) -> None:
    """Looks at single images."""
    for _ in range(actor.random.randint(3, 8)):
        actor.think(0.03)
        cursor, before = actor.some_cursor(), actor.before()
        was_there = cursor in actor.judge.ledger(actor.user).partition.shown
        answer = tried(actor, partial(actor.services.open_partition(actor.user).image, cursor))
        if not isinstance(answer, Crash):
            actor.judge.image(before, cursor, answer, was_there=was_there)


class Library:
    """What a client shows: images by cursor, and the position in the feed up to which it is so."""

    WITHOUT_MARKS = 0.2

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._limit = actor.random.choice((1, 2, 3, 5, 50))
        self._sends_marks = not actor.chance(self.WITHOUT_MARKS)
        self.position = START
        self.mark = NO_MARK
        self.images: dict[int, str] = {}

    @property
    def _partition(self) -> Partition:
        return self._actor.services.open_partition(self._actor.user)

    def read(self) -> bool:
        """Reads page after page to the end; whether that came off."""
        top: Position | None = None
        while True:
            page = self._insist(partial(self._page, top))
            if page is None:
                return False
            self.images |= {_cursor_of(image): image for image in page.images}
            if page.next is None:
                self._keep()
                return True
            top = Position(page.next, page.next_mark)
            self._actor.think(0.02)

    def follow(self) -> bool:
        """Follows the feed as far as it goes."""
        while True:
            changes = self._insist(self._changes)
            if changes is None:
                return False
            self._apply(changes)
            if changes.up_to_date:
                return True

    def _insist(self, work: Callable[[], Any]) -> Any:
        """The answer, or None if even the third try failed."""
        for _ in range(3):
            answer = work()
            if answer is not None:
                return answer
            self._actor.think()
        return None

    def _keep(self) -> None:
        """Tells the stage what a client has by now, and where it would go on from."""
        position = Position(self.position, self.mark)
        self._actor.stage.kept.append(Kept(self._actor.user, position, dict(self.images)))

    def _sent(self, mark: Mark) -> Mark:
        return mark if self._sends_marks else NO_MARK

    def _page(self, place: Position | None) -> Page | None:
        actor, before = self._actor, self._actor.before()
        at_least = Cursor(before.acked) if actor.chance(0.2) else None
        top, mark = place or (None, NO_MARK)
        sent = self._sent(mark)
        page = tried(
            actor, lambda: self._partition.page(self._limit, top, at_least, actor.deadline(), sent)
        )
        actor.stage.network.say(f"page below {top} of {self._limit} -> {page!r:.300}")
        if isinstance(page, NotSyncedYet):
            actor.judge.require(before.partition_tail < (at_least or 0), "I5", "it was synced")
        elif isinstance(page, Page):
            actor.judge.page(before, top, self.position, page, self._limit, at_least)
            if page.cursor is not None:
                self.position, self.mark = page.cursor, page.mark
            actor.judge.marked(before.ledger, self.position, self.mark)
            return page
        elif not isinstance(page, Crash):
            actor.judge.reading(before, page)
        return None

    def _changes(self) -> Changes | None:
        actor, before = self._actor, self._actor.before()
        after, mark = self.position, self._sent(self.mark)
        changes = tried(
            actor, lambda: self._partition.changes(after, self._limit, actor.deadline(), mark)
        )
        actor.stage.network.say(f"changes after {after} -> {changes!r:.300}")
        if isinstance(changes, Changes):
            actor.judge.changes(before, after, changes)
            actor.judge.marked(before.ledger, changes.cursor, changes.mark)
            return changes
        if not isinstance(changes, Crash):
            actor.judge.reading(before, changes)
        return None

    def _apply(self, changes: Changes) -> None:
        for row in changes.rows:
            if row.image is not None:
                self.images[row.cursor] = row.image
            elif row.deletes is not None:
                self.images.pop(row.deletes, None)
        self.position, self.mark = changes.cursor, changes.mark
        ledger = self._actor.judge.ledger(self._actor.user)
        self._actor.judge.followed(ledger, self.position, set(self.images))
        self._keep()


def _cursor_of(image: str) -> int:
    return int(image.split(",", 1)[0].removeprefix('{"cursor":'))


def pager(actor: Actor) -> None:
    """Opens the library, and then keeps it up to date by the feed."""
    for _ in range(actor.random.randint(1, 3)):
        actor.think()
        library = Library(actor)
        if library.read():
            _keep_following(actor, library, actor.random.randint(0, 3))


def follower(actor: Actor) -> None:
    """Follows the feed from the very beginning."""
    _keep_following(actor, Library(actor), actor.random.randint(2, 6))


def _keep_following(actor: Actor, library: Library, times: int) -> None:
    for _ in range(times):
        actor.think()
        library.follow()


def operate(actor: Actor, name: str, event: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """An operation, resumed until it is done, and asked for again after failures."""
    for _ in range(RESUMES):
        deadline = actor.deadline(BACKGROUND_SECONDS)
        answer = tried(actor, partial(OPERATIONS[name], actor.services, event, deadline))
        actor.stage.network.say(f"{name} {event} -> {answer!r:.200}")
        if isinstance(answer, BaseException):
            actor.think()
        elif answer["done"]:
            return dict(answer)
        else:
            event = answer["resume"]
    return None


def sweeper(actor: Actor) -> None:
    for _ in range(actor.random.randint(1, 2)):
        actor.think(0.2)
        operate(actor, "sweep", {})


def eraser(actor: Actor) -> None:
    actor.think(0.3)
    before = actor.before()
    receipt = operate(actor, "erase_user", {"user": actor.user})
    if receipt is not None:
        actor.judge.erased(before, receipt)


def rebuilder(actor: Actor) -> None:
    actor.think(0.2)
    operate(actor, "rebuild_partition", {"user": actor.user})


def verifier(actor: Actor) -> None:
    """Nothing is ever wrong for good, so nothing may be reported."""
    actor.think(0.2)
    one = operate(actor, "verify_user", {"user": actor.user})
    if one is not None:
        _nothing_reported(actor, [one["difference"]])
    everyone = operate(actor, "verify_all", {})
    if everyone is not None:
        _nothing_reported(actor, everyone["differences"])


def _nothing_reported(actor: Actor, differences: Sequence[Mapping[str, Any] | None]) -> None:
    # Where transactions are half shown for seconds, which is more than DynamoDB ever takes,
    # `verify` cannot wait for so long.
    real = [found for found in differences if found is not None]
    is_alarm = bool(real) and actor.stage.plan.spread < LONG
    actor.judge.require(not is_alarm, "verify", "a false alarm", real)


def migrator(actor: Actor) -> None:
    actor.think(0.2)
    operate(actor, "migrate", {})


def bell(actor: Actor, shard: Shard) -> None:
    """Delivers what comes in a shard, in batches, until nothing comes any more."""
    scheduler = actor.stage.scheduler
    while True:
        while not shard.records:
            shard.waiting = scheduler.current
            scheduler.park()
        _deliver(actor, actor.stage.stream.take(shard, actor.random.randint(1, 6)))


def _deliver(actor: Actor, batch: list[Record]) -> None:
    """As Lambda does: from the first failure on, the rest of the batch is delivered again."""
    for _ in range(DELIVERIES):
        failed = _ring(actor, batch)
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        actor.judge.require(failed <= set(numbers), "stream", "failures of another batch", failed)
        batch = batch[min((numbers.index(number) for number in failed), default=len(batch)) :]
        if not batch:
            return
        actor.think(0.2)


def _ring(actor: Actor, batch: list[Record]) -> set[str]:
    """The records that failed; all if the function crashed."""
    deadline = actor.deadline(BACKGROUND_SECONDS)
    syncer, metrics = actor.services.syncer, actor.services.metrics
    answer = tried(
        actor,  # one user after the other: here tasks take turns, not threads
        lambda: stream_handler.handle({"Records": batch}, syncer, metrics, deadline, at_once=1),
    )
    actor.stage.network.say(f"ring {len(batch)} -> {answer!r:.80}")
    if isinstance(answer, BaseException):
        return {record["dynamodb"]["SequenceNumber"] for record in batch}
    return {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}


WORK: Mapping[str, Callable[[Actor], None]] = {
    "saver": saver,
    "keyed-saver": keyed_saver,
    "deleter": deleter,
    "syncer": syncer,
    "pager": pager,
    "follower": follower,
    "viewer": viewer,
    "sweeper": sweeper,
    "eraser": eraser,
    "rebuilder": rebuilder,
    "verifier": verifier,
    "migrator": migrator,
}
