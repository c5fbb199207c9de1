"""Sync: append to a user's partition what the primary has after the partition's tail.

One function, whoever calls it: the stream handler, POST /api/images/sync, a deletion, the sweep,
the operations. Each write begins at an observed tail + 1 and is all-or-nothing, so that a partition
never has a hole, however many syncs race.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from chalicelib.dynamodb.protocol import MAX_TRANSACTION_ITEMS
from chalicelib.model.entries import START, Cursor, UserId
from chalicelib.model.timing import Backoff, Deadline, unix_time
from chalicelib.store.partition import Partition
from chalicelib.store.primary import Primary
from chalicelib.sync.migration import may_be_outdated, migrate
from chalicelib.sync.projection import project
from chalicelib.telemetry.metrics import Metrics, Name

READ_AHEAD = MAX_TRANSACTION_ITEMS + 1
"""Entries that are read for a chunk: one more than it holds tells whether there is another."""


@dataclass(frozen=True, slots=True)
class Synced:
    """The partition's tail, how many entries this call added, and whether the tail is the
    primary's as of the call's last read. `oldest` is the first added entry's `created_at`."""

    cursor: Cursor
    applied: int
    up_to_date: bool
    oldest: str | None = field(default=None, compare=False)

    def then(self, step: "Synced") -> "Synced":
        """Adds what a further step did."""
        applied, oldest = self.applied + step.applied, self.oldest or step.oldest
        return Synced(step.cursor, applied, step.up_to_date, oldest)


class Syncer:
    def __init__(
        self,
        primary: Primary,
        open_partition: Callable[[UserId], Partition],
        backoff: Backoff,
        metrics: Metrics,
    ) -> None:
        self._primary = primary
        self._open_partition = open_partition
        self._backoff = backoff
        self._metrics = metrics

    def sync(self, user: UserId, deadline: Deadline) -> Synced:
        """Brings the user's partition up to date, in chunks, until the deadline.

        Gives up with `up_to_date` False when the deadline passes or other syncs keep being
        faster; whatever was written stays, and the next call goes on from there. Raises
        `HoleFound` when the primary does not read as consecutive.
        """
        partition = self._open_partition(user)
        row = partition.tail_row()
        tail = START if row is None else row.cursor
        if may_be_outdated(row) and not self._migrated(partition, deadline):
            return Synced(tail, 0, up_to_date=False)
        synced = Synced(tail, 0, up_to_date=False)
        try:
            while not deadline.passed():
                step = self._step(user, partition, synced.cursor, deadline)
                synced = synced.then(step)
                if step.up_to_date or not step.applied:
                    break
        finally:  # what was added can be read, whatever came after it
            self._count(user, synced)
        return synced

    def _count(self, user: UserId, synced: Synced) -> None:
        if synced.oldest is None:
            return
        many = synced.applied
        values: dict[Name, int] = {"EntriesApplied": many, "SyncLagEntries": many}
        with suppress(ValueError):  # of a time that was damaged by hand, which must not stop a sync
            values["SyncLag"] = self._metrics.milliseconds_since(unix_time(synced.oldest))
        self._metrics.put(values, user=user)

    def _migrated(self, partition: Partition, deadline: Deadline) -> bool:
        """Whether all rows are in today's form now, so that the tail may again speak for all."""
        return migrate(partition, START, self._backoff, deadline).done

    def _step(self, user: UserId, partition: Partition, tail: Cursor, deadline: Deadline) -> Synced:
        """Appends one chunk. `applied` is 0 when there was none, or every try was overtaken."""
        for attempt in self._backoff.attempts(deadline):
            # 1. Where the partition ends: as it was seen, and anew if another sync was faster.
            if attempt:
                tail = partition.tail()
                if deadline.passed():
                    break
            # 2. The consecutive run that the primary has from there on.
            run = self._primary.read_after(user, tail, READ_AHEAD, deadline)
            if not run.entries:
                return Synced(tail, 0, up_to_date=run.is_all)
            if deadline.passed():
                break
            # 3. Shape it. Earlier images that it deletes go first: a reader must never see the
            #    deletion's cursor and still the image.
            chunk = project(run.entries)
            if not erased(partition, chunk.erase, deadline):
                break
            # 4. Then the run itself, each cursor only if nothing is there.
            if partition.append(chunk.rows):
                is_all = run.is_all and len(chunk.rows) == len(run.entries)
                oldest = run.entries[0].created_at
                return Synced(chunk.rows[-1].cursor, len(chunk.rows), is_all, oldest)
        return Synced(tail, 0, up_to_date=False)


def erased(partition: Partition, cursors: Iterable[Cursor], deadline: Deadline) -> bool:
    """Turns the images at these cursors into tombstones; False if the deadline passed before the
    end."""
    for cursor in cursors:
        partition.erase(cursor, deadline)
        if deadline.passed():
            return False
    return True
