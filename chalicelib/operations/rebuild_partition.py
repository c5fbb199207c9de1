"""Mend one user's partition in place, whatever was done to it by hand, while live traffic goes on.

Nothing is emptied first: readers see the library all the while, and it only gets better.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from chalicelib.entries import START, Cursor, Entry, UserId
from chalicelib.errors import Unavailable
from chalicelib.operations.comparison import (
    BELOW_ALL,
    CHUNK,
    is_as_projected,
    pairs,
    stored_between,
)
from chalicelib.operations.counts import counts_of, finished, to_be_resumed
from chalicelib.operations.event import Event
from chalicelib.partition import Partition
from chalicelib.primary import Primary
from chalicelib.projection import to_row
from chalicelib.services import Services
from chalicelib.timing import Backoff, Deadline

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
    synced = None if reached is not None else services.syncer.sync(user, deadline)
    if synced is not None and synced.up_to_date:
        return finished(counts, user=user, cursor=synced.cursor)
    resume = {"user": user, "cursor": cursor if reached is None else reached}
    return to_be_resumed(resume, counts, user=user)


@dataclass(frozen=True, slots=True)
class Rebuild:
    user: UserId
    primary: Primary
    partition: Partition
    backoff: Backoff
    counts: Counter[str]

    def run(self, after: Cursor, deadline: Deadline) -> Cursor | None:
        """Mends what lies beyond the cursor; where to go on, or None when that was all."""
        if not self._cut_back(deadline):
            return after
        while not deadline.passed():
            tail = self.partition.tail()
            run = self.primary.read_after(self.user, after, CHUNK, deadline)
            entries = [entry for entry in run.entries if entry.cursor <= tail]
            if not entries:
                return None
            last = entries[-1].cursor
            stored = list(stored_between(self.partition, after or BELOW_ALL, last))
            for pair in pairs(entries, stored):
                self.counts["compared"] += 1
                if not is_as_projected(self.user, pair):
                    self._mend(pair.cursor, deadline)
            after = last
        return after

    def _cut_back(self, deadline: Deadline) -> bool:
        """Removes what lies beyond the primary's tail, from the top, so that there is no hole."""
        while not deadline.passed():
            top = self.partition.tail()
            if top <= self.primary.tail(self.user).cursor:
                return True
            self._mend(top, deadline)
        return False

    def _mend(self, cursor: Cursor, deadline: Deadline) -> None:
        """Makes the partition's entry what the primary's says; `Unavailable` if that fails."""
        for _ in self.backoff.attempts(deadline):
            # Read anew at each try: an image may have been deleted since.
            entry = self.primary.entry(self.user, cursor)
            if entry is None:
                if self._remove(cursor):
                    self.counts["removed"] += 1
                    return
            elif self._restore(entry):
                self.counts["rewritten"] += 1
                return
        raise Unavailable("rebuild")

    def _restore(self, entry: Entry) -> bool:
        check = self.primary.check_kind(self.user, entry)
        return self.partition.restore(to_row(entry), check)

    def _remove(self, cursor: Cursor) -> bool:
        check = self.primary.check_nothing(self.user, cursor)
        return self.partition.remove(cursor, check)
