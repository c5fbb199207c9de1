"""Upgrades a partition's rows to the current version, in place, while live traffic goes on."""

from dataclasses import dataclass

from chalicelib.dynamodb.protocol import MAX_TRANSACTION_ITEMS
from chalicelib.model.entries import Cursor, Row
from chalicelib.model.timing import Backoff, Deadline
from chalicelib.store.items import row_from_item
from chalicelib.store.partition import Partition
from chalicelib.sync.projection import fitting


@dataclass(frozen=True, slots=True)
class Migrated:
    """How far the rows are in today's form, how many this call rewrote, and whether that is all."""

    cursor: Cursor
    rewritten: int
    done: bool


def may_be_outdated(tail: Row | None) -> bool:
    """Whether a partition that ends so may have rows in an older form.

    Sync migrates before it appends, so the tail's form is that of all; but a tombstone tells none.
    """
    return tail is not None and (tail.outdated or tail.kind == "erased")


def migrate(partition: Partition, after: Cursor, backoff: Backoff, deadline: Deadline) -> Migrated:
    """Rewrites the outdated rows beyond the cursor, a transaction for each hundred rows."""
    rewritten = 0
    while not deadline.passed():
        step = _step(partition, after, backoff, deadline)
        rewritten += step.rewritten
        if step.done or step.cursor == after:
            return Migrated(step.cursor, rewritten, step.done)
        after = step.cursor
    return Migrated(after, rewritten, done=False)


def _step(partition: Partition, after: Cursor, backoff: Backoff, deadline: Deadline) -> Migrated:
    """The next rows; `cursor` stays where it was when every try was overtaken."""
    for _ in backoff.attempts(deadline):
        found = partition.stored_after(after, MAX_TRANSACTION_ITEMS)
        rows = [row_from_item(item) for item in found.items]
        outdated = [row for row in rows if row.outdated]
        some = fitting(outdated)  # today's form may be longer
        if not some or partition.rewrite(some):
            is_all = len(some) == len(outdated)
            last = rows[-1:] if is_all else some[-1:]
            end = last[0].cursor if last else after
            return Migrated(end, len(some), done=is_all and not found.cut)
    return Migrated(after, 0, done=False)
