"""Deletes all of a user's images up to now, and reports success only when both logs hold none of
them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from chalicelib.dynamodb.protocol import Item
from chalicelib.model.entries import MAX_CURSOR, START, Cursor, UserId, leading_run
from chalicelib.model.errors import Contended, HoleFound, InvalidEvent, LogDamaged, Unreadable
from chalicelib.model.timing import Backoff, Deadline
from chalicelib.operations.comparison import ABOVE_ALL, BELOW_ALL, stored_between
from chalicelib.operations.counts import counts_of, finished, to_be_resumed
from chalicelib.operations.event import Event
from chalicelib.operations.salvage import BELOW_FIRST, Salvage, is_whole
from chalicelib.services import Services
from chalicelib.store.items import place_of
from chalicelib.store.partition import Partition
from chalicelib.store.primary import Primary
from chalicelib.store.removal import MAX_DELETIONS
from chalicelib.sync.syncer import Syncer

RUN = 100
COUNTS = ("entries", "erased")


def erase_user(services: Services, fields: Any, deadline: Deadline) -> dict[str, Any]:
    """Event: `user` or `subject`. What is saved after the first call is not touched.

    The receipt tells `through` (the last cursor that this erasure is about), and up to there the
    `entries` of the partition that were checked and the `erased` images among them. What stays is a
    skeleton: a hashed key, numbers, times. Idempotency markers hold no content, and go by
    themselves in days. `damage` names places of a damaged log: what stood there is erased too.
    """
    event = Event(fields, services.issuer)
    user = event.user()
    through = event.cursor("through")
    deleted, checked = event.cursor("deleted") or START, event.cursor("checked") or START
    counts = counts_of(event, *COUNTS)
    event.end()
    # The partition's too: of a primary that lost its end, readers may still see what it had.
    ends = services.primary.last_cursor(user), services.open_partition(user).tail()
    tail = min(max(ends), MAX_CURSOR)
    check_order(through or START, deleted, checked, tail)
    if through is None:
        through = tail
    erasure = Erasure(
        user,
        services.primary,
        services.open_partition(user),
        services.syncer,
        services.backoff,
        through,
        Salvage(services.primary, user),
    )
    deleted = erasure.delete(deleted, deadline)
    found = Checked(checked, 0, 0)
    if deleted == through:
        found = erasure.check(checked, deadline)
        counts["entries"] += found.rows
        counts["erased"] += found.tombstones
    answer = {"user": user, "through": through, "damage": erasure.salvage.damage}
    if found.cursor == through:
        return finished(counts, **answer)
    reached = {"deleted": math.floor(deleted), "checked": math.floor(found.cursor)}
    resume = {"user": user, "through": through, **reached}
    return to_be_resumed(resume, counts, **answer)


def check_order(through: Cursor, deleted: Cursor, checked: Cursor, tail: Cursor) -> None:
    """Raises InvalidEvent unless `checked` ≤ `deleted` ≤ `through` ≤ the tail."""
    for name, value, most in (
        ("through", through, tail),
        ("deleted", deleted, through),
        ("checked", checked, deleted),
    ):
        if value > most:
            raise InvalidEvent(name, f"It is beyond {most}; give an earlier answer's resume.")


@dataclass(frozen=True, slots=True)
class Checked:
    """How far the partition is free of images; the rows that were looked at, and the tombstones."""

    cursor: Cursor
    rows: int
    tombstones: int


@dataclass(frozen=True, slots=True)
class Erasure:
    user: UserId
    primary: Primary
    partition: Partition
    syncer: Syncer
    backoff: Backoff
    through: Cursor
    salvage: Salvage

    def delete(self, after: Cursor, deadline: Deadline) -> Cursor:
        """Deletes the images beyond the cursor from the primary; returns how far it came."""
        if after == START:
            self._strip_outside(deadline)
        while after < self.through and not deadline.passed():
            after = self._delete_some(after, deadline)
        return after

    def _strip_outside(self, deadline: Deadline) -> None:
        """Strips what somebody put by hand below the first or beyond the last cursor, where nothing
        reads."""
        for place in self.primary.below_first(self.user):
            self._strip(LogDamaged("primary", place, BELOW_FIRST))
        for place in self.primary.beyond_last(self.user):
            self._strip(Unreadable("primary", place))
        for after, last in (BELOW_ALL, START), (MAX_CURSOR, ABOVE_ALL):
            for item in stored_between(self.partition, after, last):
                self.partition.erase(place_of(item), deadline)

    def _strip(self, found: LogDamaged) -> None:
        self.salvage.note(found)
        self.primary.strip(self.user, cast(Cursor, found.cursor))

    def _delete_some(self, after: Cursor, deadline: Deadline) -> Cursor:
        part = self.salvage.read_after(after, RUN, deadline)
        if part.broken is not None:
            return min(part.cursor, self.through) if self._is_passed(part.broken) else after
        entries = [entry for entry in part.entries if entry.cursor <= self.through]
        images = [entry.cursor for entry in entries if entry.kind == "image"][:MAX_DELETIONS]
        if images:
            return images[-1] if self._deleted(images, deadline) else after
        if part.is_all:
            return self.through
        return min(part.cursor, self.through)

    def _is_passed(self, broken: LogDamaged) -> bool:
        """Returns whether nothing is left to erase there. What looks like a hole may be a write
        that is seen half-way."""
        if isinstance(broken, HoleFound):
            return self._is_hole(broken)
        self._strip(broken)
        return True

    def _is_hole(self, found: HoleFound) -> bool:
        """Notes it if nothing stands there: a condition never sees a write half-way."""
        cursor = cast(Cursor, found.cursor)
        log = self.primary if found.log == "primary" else self.partition
        if not log.has_nothing_at(self.user, cursor):
            return False
        self.salvage.note(found)
        return True

    def _deleted(self, images: Sequence[Cursor], deadline: Deadline) -> bool:
        """Turns the images into tombstones; returns whether it is done. If the log's end is broken,
        no deletion can be appended: then the images alone are stripped."""
        try:
            self.primary.delete(self.user, images, deadline)
        except Contended:  # nothing was deleted: the entries are read anew
            return False
        except LogDamaged as found:
            self.salvage.note(found)
            for cursor in images:
                self.primary.strip(self.user, cursor)
        return True

    def check(self, after: Cursor, deadline: Deadline) -> Checked:
        """Syncs, erases what the partition shows all the same, and reads it up to `through`.

        Of sound logs, all rows must be there: then no slow sync can still bring an image.
        """
        checked = Checked(after, 0, 0)
        is_all = False
        for _ in self.backoff.attempts(deadline):
            is_all = self._sync(deadline)
            checked = self._look_on(checked, deadline)
            if checked.cursor == self.through or deadline.passed():
                return checked
        # Nothing more comes, and yet not all is there?
        if is_all and self._is_hole(HoleFound("partition", checked.cursor + 1)):
            checked = self._look_on(checked, deadline)
        return checked

    def _sync(self, deadline: Deadline) -> bool:
        """Whether nothing is left that a sync could bring."""
        try:
            return self.syncer.sync(self.user, deadline).up_to_date
        except HoleFound as found:
            return self._is_hole(found)
        except LogDamaged as found:
            self.salvage.note(found)
            return True

    def _note_odd(self, items: Sequence[Item]) -> None:
        """Notes rows between two cursors, which somebody put there by hand."""
        for place in map(place_of, items):
            if not is_whole(place):
                self.salvage.note(Unreadable("partition", place))

    def _look_on(self, checked: Checked, deadline: Deadline) -> Checked:
        while checked.cursor < self.through and not deadline.passed():
            found = self.partition.stored_after(checked.cursor, RUN)
            items = [item for item in found.items if place_of(item) <= self.through]
            self._note_odd(items)
            if not self.salvage.damage:
                items = items[: leading_run(map(place_of, items), checked.cursor)]
            for item in items:
                if "image" in item:
                    self.partition.erase(place_of(item), deadline)
            if not items and not self.salvage.damage:
                break
            end = place_of(items[-1]) if items else self.through
            tombstones = sum("deletes" not in item for item in items)
            checked = Checked(end, checked.rows + len(items), checked.tombstones + tombstones)
        return checked
