"""Compare the two logs of one user by content."""

import math
from collections import Counter
from typing import Any

from chalicelib.entries import START, Cursor, UserId
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
from chalicelib.projection import to_row
from chalicelib.services import Services
from chalicelib.timing import Deadline

COUNTS = ("compared", "outdated")


def verify_user(services: Services, fields: Any, deadline: Deadline) -> dict[str, Any]:
    """Event: `user` or `subject`. Answers whether they are `equal` up to the partition's tail.

    If not, `difference` names the first cursor and what is wrong there, without content; then
    `rebuild_partition` mends it. `behind` is how many entries still wait for a sync: no fault.
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
    return finished(
        counts,
        user=user,
        equal=check.difference is None,
        difference=check.difference,
        behind=entries_behind(services, user),
    )


def entries_behind(services: Services, user: UserId) -> int:
    """How many entries still wait for a sync."""
    behind = services.primary.tail(user).cursor - services.open_partition(user).tail()
    return max(0, behind)


class Verification:
    """One user's comparison. `difference` is the first that was found and was there to stay."""

    def __init__(self, services: Services, user: UserId, counts: Counter[str]) -> None:
        self._primary = services.primary
        self._partition = services.open_partition(user)
        self._backoff = services.backoff._replace(cap=0.5)
        self._user = user
        self._counts = counts
        self.difference: dict[str, Any] | None = None

    def run(self, after: Cursor, deadline: Deadline) -> Cursor | None:
        """Compares what lies beyond the cursor; where to go on, or None when that was all."""
        while True:
            tail = self._partition.tail()
            run = self._primary.read_after(self._user, after, CHUNK, deadline)
            entries = [entry for entry in run.entries if entry.cursor <= tail]
            last = entries[-1].cursor if entries else tail
            stored = list(stored_between(self._partition, after or BELOW_ALL, last))
            for pair in pairs(entries, stored):
                what = self._what_stays(pair, deadline)
                self._counts["compared"] += 1
                self._counts["outdated"] += pair.stored is not None and is_outdated(pair.stored)
                if what is not None:
                    self.difference = {"cursor": pair.cursor, "what": what}
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
        is_stub = expected is not None and expected.kind == "erased"
        if is_stub and stored is not None and self._is_pending(pair.cursor, deadline):
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
