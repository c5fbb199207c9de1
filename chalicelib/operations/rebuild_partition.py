"""Repairs one user's partition in place, whatever was done to it by hand, while live traffic goes
on.

Nothing is emptied first: readers see the library all the while, and it only gets better.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.model.entries import START, Cursor, Entry, UserId
from chalicelib.model.errors import Unavailable
from chalicelib.model.timing import Backoff, Deadline
from chalicelib.operations.comparison import (
    BELOW_ALL,
    CHUNK,
    is_as_projected,
    pairs,
    stored_between,
)
from chalicelib.operations.counts import counts_of, finished, to_be_resumed
from chalicelib.operations.event import Event
from chalicelib.services import Services
from chalicelib.store.items import place_of
from chalicelib.store.partition import Partition
from chalicelib.store.primary import Primary
from chalicelib.sync.projection import to_row

COUNTS = ("compared", "rewritten", "removed")


def rebuild_partition(services: Services, fields: Any, deadline: Deadline) -> dict[str, Any]:
    """Event: `user` or `subject`. Counts the cursors `compared`, `rewritten` and `removed`.

    Ends with a sync, whose tail is the answer's `cursor`. What lies beyond the primary's tail (the
    primary was restored from a backup) is removed: clients that had seen it get 410 and start over.
    """
    event = Event(fields, services.issuer)
    user = event.user()
    cursor = event.cursor("cursor") or START
    counts = counts_of(event, *COUNTS)
    event.end()
    rebuild = Rebuild(
        user, services.primary, services.open_partition(user), services.backoff, counts
    )
    reached = rebuild.run(cursor, deadline)
    if reached.is_all:
        synced = services.syncer.sync(user, deadline)
        if synced.up_to_date:
            return finished(counts, user=user, cursor=synced.cursor)
    return to_be_resumed({"user": user, "cursor": reached.cursor}, counts, user=user)


@dataclass(frozen=True, slots=True)
class Reached:
    """Up to where everything is as it must be, and whether that is the partition's tail."""

    cursor: Cursor
    is_all: bool


@dataclass(frozen=True, slots=True)
class Rebuild:
    user: UserId
    primary: Primary
    partition: Partition
    backoff: Backoff
    counts: Counter[str]

    def run(self, after: Cursor, deadline: Deadline) -> Reached:
        """Mends what lies beyond the cursor."""
        if not (self._clear_below(deadline) and self._cut_back(deadline)):
            return Reached(after, is_all=False)
        while not deadline.passed():
            tail = self.partition.tail()
            run = self.primary.read_after(self.user, after, CHUNK, deadline)
            entries = [entry for entry in run.entries if entry.cursor <= tail]
            if not entries:
                return Reached(after, is_all=True)
            after = self._mend_some(entries, after, deadline)
        return Reached(after, is_all=False)

    def _mend_some(self, entries: Sequence[Entry], after: Cursor, deadline: Deadline) -> Cursor:
        """Mends where these entries stand, beyond the cursor; how far it came."""
        stored = list(stored_between(self.partition, after, entries[-1].cursor))
        for pair in pairs(entries, stored):
            if not (is_as_projected(self.user, pair) or self._mend(pair.cursor, deadline)):
                break
            self.counts["compared"] += 1
            after = pair.cursor
            if deadline.passed():
                break
        return after

    def _clear_below(self, deadline: Deadline) -> bool:
        """Removes what stands below the first cursor: from there a sync could not go on."""
        below = list(stored_between(self.partition, BELOW_ALL, START))
        return all(self._mend(place_of(item), deadline) for item in below)

    def _cut_back(self, deadline: Deadline) -> bool:
        """Removes what lies beyond the primary's tail, from the top, so that there is no hole."""
        while not deadline.passed():
            top = self.partition.tail()
            if top <= self.primary.last_cursor(self.user):
                return True
            self._mend(top, deadline)
        return False

    def _mend(self, cursor: Cursor, deadline: Deadline) -> bool:
        """Makes the partition's entry what the primary's says; False if the deadline passed before.

        `Unavailable` if every try failed.
        """
        for _ in self.backoff.attempts(deadline):
            # Read anew at each try: an image may have been deleted since.
            entry = self.primary.entry(self.user, cursor)
            if entry is None:
                if self._remove(cursor):
                    self.counts["removed"] += 1
                    return True
            elif self._restore(entry):
                self.counts["rewritten"] += 1
                return True
        if deadline.passed():
            return False
        raise Unavailable("rebuild")

    def _restore(self, entry: Entry) -> bool:
        check = self.primary.check_kind(self.user, entry)
        return self.partition.restore(to_row(entry), check)

    def _remove(self, cursor: Cursor) -> bool:
        check = self.primary.check_nothing(self.user, cursor)
        return self.partition.remove(cursor, check)
