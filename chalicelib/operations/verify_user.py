"""Compare the two logs of one user by content."""

import math
from collections import Counter
from typing import Any

from chalicelib.model.entries import START, Cursor, Entry, UserId
from chalicelib.model.errors import LogDamaged
from chalicelib.model.timing import Deadline
from chalicelib.operations.comparison import (
    BELOW_ALL,
    CHUNK,
    Pair,
    difference,
    is_outdated,
    pairs,
    stored_between,
    stripped,
)
from chalicelib.operations.counts import counts_of, finished, to_be_resumed
from chalicelib.operations.event import Event
from chalicelib.operations.salvage import BELOW_FIRST, damage_fields, shown
from chalicelib.services import Services
from chalicelib.store.primary import Run, end_of
from chalicelib.store.tail_cache import Tail
from chalicelib.sync.projection import to_row

COUNTS = ("compared", "outdated")


def verify_user(services: Services, fields: Any, deadline: Deadline) -> dict[str, Any]:
    """Event: `user` or `subject`. Answers whether they are `equal` up to the partition's tail.

    If not, `difference` names the log, the first cursor and what is wrong there, without content.
    In the partition, `rebuild_partition` mends it; in the primary, which is looked at to its end, a
    person must. `entries` is the cursor of the primary's last entry, 0 where the user has none;
    `behind` is how many entries still wait for a sync: no fault.
    """
    event = Event(fields, services.issuer)
    user = event.user()
    cursor = event.cursor("cursor") or START
    counts = counts_of(event, *COUNTS)
    event.end()
    check = Verification(services, user, counts)
    reached = check.run(cursor, deadline)
    if reached is not None:
        return to_be_resumed({"user": user, "cursor": reached}, counts, user=user)
    entries = services.primary.last_cursor(user)
    return finished(
        counts,
        user=user,
        equal=check.difference is None,
        difference=check.difference,
        entries=entries,
        behind=entries_behind(services, user, entries),
    )


def entries_behind(services: Services, user: UserId, entries: int) -> int:
    """How many of the primary's entries still wait for a sync."""
    return max(0, entries - services.open_partition(user).tail())


class Verification:
    """One user's comparison. `difference` is the first that was found and was there to stay."""

    def __init__(self, services: Services, user: UserId, counts: Counter[str]) -> None:
        self._primary = services.primary
        self._partition = services.open_partition(user)
        self._backoff = services.backoff._replace(cap=0.5)
        self._user = user
        self._counts = counts
        self._last: Tail | None = None
        self.difference: dict[str, Any] | None = None

    def run(self, after: Cursor, deadline: Deadline) -> Cursor | None:
        """Compares what lies beyond the cursor; where to go on, or None when that was all."""
        try:
            for place in self._primary.below_first(self._user):
                raise LogDamaged("primary", place, BELOW_FIRST)
            reached = self._compare(after, deadline)
            return self._look_beyond(after, deadline) if reached is None else reached
        except LogDamaged as found:
            self.difference = damage_fields(found)
            return None

    def _look_beyond(self, after: Cursor, deadline: Deadline) -> Cursor | None:
        """Whether the primary can be read to its end, beyond what was compared."""
        after = max(after, self._partition.tail())
        while self.difference is None:
            run = self._read_sound(after, deadline)
            if run.is_all or not run.entries:
                break
            after = run.entries[-1].cursor
            if deadline.passed():
                return after
        return None

    def _read_sound(self, after: Cursor, deadline: Deadline) -> Run:
        """The next entries of the primary; LogDamaged where one does not follow from the last."""
        run = self._primary.read_after(self._user, after, CHUNK, deadline)
        if after == START:
            self._last = Tail(START, 0)
        for entry in run.entries:
            check_follows(self._last, entry)
            self._last = end_of([entry])
        return run

    def _compare(self, after: Cursor, deadline: Deadline) -> Cursor | None:
        while True:
            tail = self._partition.tail()
            run = self._read_sound(after, deadline)
            entries = [entry for entry in run.entries if entry.cursor <= tail]
            last = entries[-1].cursor if entries else tail
            stored = list(stored_between(self._partition, after or BELOW_ALL, last))
            for pair in pairs(entries, stored):
                what = self._what_stays(pair, deadline)
                self._counts["compared"] += 1
                self._counts["outdated"] += pair.stored is not None and is_outdated(pair.stored)
                if what is not None:
                    place = shown(pair.cursor)
                    self.difference = {"log": "partition", "cursor": place, "what": what}
                    return None
            if last >= tail:
                return None
            after = last
            if deadline.passed():
                return after

    def _what_stays(self, pair: Pair, deadline: Deadline) -> str | None:
        """What is different however often it is looked at: writes go on meanwhile.

        That is a second or two, whatever the deadline: something half-seen must not be told.
        """
        what = difference(self._user, pair)
        for _ in self._backoff.attempts(deadline._replace(at=math.inf, sooner=None)):
            if what is None:
                break
            what = self._again(pair, deadline)
        return what

    def _again(self, pair: Pair, deadline: Deadline) -> str | None:
        """What is wrong there now, if it is. A deletion that waits for its sync is not wrong."""
        stored = self._partition.stored_at(pair.cursor)
        entry = self._primary.entry(self._user, pair.cursor)
        expected = None if entry is None else to_row(entry)
        is_tombstone = expected is not None and expected.kind == "erased"
        if is_tombstone and stored is not None and self._is_pending(pair.cursor, deadline):
            stored = stripped(stored)
        return difference(self._user, Pair(pair.cursor, expected, stored))

    def _is_pending(self, cursor: Cursor, deadline: Deadline) -> bool:
        """Whether the deletion of that cursor lies beyond the partition's tail."""
        after = self._partition.tail()
        while True:
            run = self._primary.read_after(self._user, after, CHUNK, deadline)
            if any(entry.deletes == cursor for entry in run.entries):
                return True
            if run.is_all or not run.entries:
                return False
            after = run.entries[-1].cursor


def check_follows(last: Tail | None, entry: Entry) -> None:
    """LogDamaged unless the entry is one that may come after the last; None if that is not known.

    An image counts one more live image, also as a tombstone; a deletion, of an earlier cursor, one
    less.
    """
    if entry.deletes is not None and not 1 <= entry.deletes < entry.cursor:
        raise LogDamaged("primary", entry.cursor, "it deletes no earlier entry")
    step = -1 if entry.kind == "deletion" else 1
    if last is not None and last.cursor == entry.cursor - 1 and entry.count != last.count + step:
        raise LogDamaged("primary", entry.cursor, "its count does not follow from the one before")
