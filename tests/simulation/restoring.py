"""A stage is lived through, its primary is put back to an earlier moment and outgrown by new saves,
and then the clients of its first life come back, each with what it has and its position.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from chalicelib.bootstrap import build
from chalicelib.model.entries import NO_MARK, Cursor, Mark, Payload, UserId
from chalicelib.model.errors import ResyncRequired
from chalicelib.model.timing import Deadline
from chalicelib.services import Services
from chalicelib.store.partition import Partition
from tests.simulation.engine import MemoryDynamo
from tests.simulation.plan import plan_of
from tests.simulation.run import play
from tests.simulation.stage import TABLES, Kept, Stage

MOMENTS = 3
"""To which a stage is put back, each by itself."""

CLIENTS = 15
"""Who come back to it; others of the first life do not."""

LIMIT = 20
SECONDS = 3600.0

Library = Mapping[int, str]


@dataclass
class Tally:
    """`told`: clients that were sent back to the start. `right`: those that went on, and have what
    the log has. `mixed` says which have anything else."""

    counts: Counter[str] = field(default_factory=Counter)
    mixed: list[str] = field(default_factory=list)


def restore_and_return(seed: int, tally: Tally, *, marks: bool = True) -> None:
    """Clients without `marks` send their cursors alone, as they did before there were marks."""
    stage = Stage(plan_of(seed))
    try:
        play(stage)
    finally:
        stage.scheduler.close()
    random = Random(f"restore/{seed}")
    for _ in range(MOMENTS):
        moment = random.randint(0, len(stage.history))
        life = SecondLife.of(stage, moment, random)
        for kept in random.sample(stage.kept, min(len(stage.kept), CLIENTS)):
            life.welcome(kept, tally, marks=marks)


@dataclass
class SecondLife:
    """`deleted_by` is of the first: which cursor deleted an image."""

    services: Services
    deleted_by: Mapping[str, Mapping[int, int]]
    seed: int
    truths: dict[UserId, Library] = field(default_factory=dict)

    @classmethod
    def of(cls, stage: Stage, moment: int, random: Random) -> "SecondLife":
        """The primary as it was after so many commits; then more saves and deletions."""
        engine = MemoryDynamo(TABLES)
        for change in (change for changes in stage.history[:moment] for change in changes):
            if change.table == TABLES.primary and change.new is not None:
                engine.put_item(TableName=TABLES.primary, Item=change.new)
        services = build(
            engine, TABLES, new_mark=fresh_marks(), uniform=random.uniform, emit=lambda _line: None
        )
        deleted_by = {user: ledger.deleted_by for user, ledger in stage.judge.ledgers.items()}
        life = cls(services, deleted_by, stage.plan.seed)
        for user in stage.users:
            life.outgrow(user, stage.judge.ledger(user).primary.tail, random)
        return life

    @property
    def deadline(self) -> Deadline:
        return self.services.clock.deadline(SECONDS)

    def outgrow(self, user: UserId, tail: int, random: Random) -> None:
        """Mostly to beyond where the first life ended."""
        primary = self.services.primary
        missing = tail - primary.tail(user).cursor
        alive = sorted(self.truth(user))
        for number in range(random.randint(0, max(missing, 0) + 5)):
            if alive and random.random() < 0.3:
                gone = alive.pop(random.randrange(len(alive)))
                primary.delete(user, [Cursor(gone)], self.deadline)
            else:
                payload = Payload(f"anew {number}", f"https://images.example/anew-{number}.png")
                primary.append(user, [payload], self.deadline)
        self.truths[user] = self.truth(user)

    def truth(self, user: UserId) -> Library:
        """The library as the log of record has it."""
        self.services.syncer.sync(user, self.deadline)
        return folded({}, follow(self.partition(user), Cursor(0), NO_MARK, self.deadline))

    def partition(self, user: UserId) -> Partition:
        return self.services.open_partition(user)

    def welcome(self, kept: Kept, tally: Tally, *, marks: bool) -> None:
        cursor, mark = kept.position
        partition = self.partition(kept.user)
        try:
            rows = follow(partition, cursor, mark if marks else NO_MARK, self.deadline)
        except ResyncRequired:
            tally.counts["told"] += 1
            return
        library, truth = folded(kept.images, rows), self.truths[kept.user]
        if self.is_right(kept, library, truth):
            tally.counts["right"] += 1
        else:
            tally.mixed.append(f"seed {self.seed}: {kept} has {library}, and there is {truth}")

    def is_right(self, kept: Kept, library: Library, truth: Library) -> bool:
        """It may lack an image that a page left out, since it was deleted after the position; the
        restore brought the image back."""
        deleted_by = self.deleted_by.get(kept.user, {})
        lacks = truth.keys() - library.keys()
        return library.items() <= truth.items() and all(
            deleted_by.get(image, 0) > kept.position.cursor for image in lacks
        )


Row = tuple[int, str | None, int | None]
"""A change: its cursor, and the image or what it deletes."""


def follow(partition: Partition, after: Cursor, mark: Mark, deadline: Deadline) -> list[Row]:
    """To the end, in small steps."""
    rows: list[Row] = []
    is_all = False
    while not is_all:
        found = partition.changes(after, LIMIT, deadline, mark)
        rows += [(row.cursor, row.image, row.deletes) for row in found.rows]
        after, mark, is_all = found.cursor, found.mark if mark else mark, found.up_to_date
    return rows


def folded(library: Library, rows: list[Row]) -> Library:
    images = dict(library)
    for cursor, image, deletes in rows:
        if image is not None:
            images[cursor] = image
        elif deletes is not None:
            images.pop(deletes, None)
    return images


def fresh_marks() -> Callable[[], Mark]:
    """None of which was given out in the first life."""
    numbers = iter(range(10**9))
    return lambda: Mark(f"again{next(numbers)}")
