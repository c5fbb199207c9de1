"""Delete all of a user's images up to now, and say so only when both logs hold none of them."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from chalicelib.entries import START, Cursor, UserId
from chalicelib.errors import Contended, InvalidEvent
from chalicelib.operations.counts import counts_of, finished, to_be_resumed
from chalicelib.operations.event import Event
from chalicelib.partition import Partition
from chalicelib.primary import Primary
from chalicelib.removal import MAX_DELETIONS
from chalicelib.services import Services
from chalicelib.sync import Syncer
from chalicelib.timing import Backoff, Deadline

RUN = 100
COUNTS = ("entries", "erased")


def erase_user(services: Services, fields: Any, deadline: Deadline) -> dict[str, Any]:
    """Event: `user` or `subject`. What is saved after the first call is not touched.

    The receipt tells `through` (the last cursor that this erasure is about), and up to there the
    `entries` that were checked and the `erased` images among them. What stays is a skeleton: a
    hashed key, numbers, times. Idempotency markers hold no content, and go by themselves in days.
    """
    event = Event(fields, services.issuer)
    user = event.user()
    through = event.cursor("through")
    deleted, checked = event.cursor("deleted") or START, event.cursor("checked") or START
    counts = counts_of(event, *COUNTS)
    event.end()
    tail = services.primary.tail(user).cursor
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
    )
    deleted = erasure.delete(deleted, deadline)
    found = Checked(checked, 0)
    if deleted == through:
        found = erasure.check(checked, deadline)
        counts["entries"] += found.cursor - checked
        counts["erased"] += found.stubs
    if found.cursor == through:
        return finished(counts, user=user, through=through)
    resume = {"user": user, "through": through, "deleted": deleted, "checked": found.cursor}
    return to_be_resumed(resume, counts, user=user, through=through)


def check_order(through: Cursor, deleted: Cursor, checked: Cursor, tail: Cursor) -> None:
    """What was checked was deleted before, and so on: InvalidEvent unless that is so."""
    for name, value, most in (
        ("through", through, tail),
        ("deleted", deleted, through),
        ("checked", checked, deleted),
    ):
        if value > most:
            raise InvalidEvent(name, f"It is beyond {most}; give an earlier answer's resume.")


@dataclass(frozen=True, slots=True)
class Checked:
    """How far the partition is free of images, and the stubs among what was looked at."""

    cursor: Cursor
    stubs: int


@dataclass(frozen=True, slots=True)
class Erasure:
    user: UserId
    primary: Primary
    partition: Partition
    syncer: Syncer
    backoff: Backoff
    through: Cursor

    def delete(self, after: Cursor, deadline: Deadline) -> Cursor:
        """Deletes, in the primary, the images beyond the cursor; how far it came."""
        while after < self.through and not deadline.passed():
            after = self._delete_some(after, deadline)
        return after

    def _delete_some(self, after: Cursor, deadline: Deadline) -> Cursor:
        run = self.primary.read_after(self.user, after, RUN, deadline)
        entries = [entry for entry in run.entries if entry.cursor <= self.through]
        images = [entry.cursor for entry in entries if entry.kind == "image"][:MAX_DELETIONS]
        if not images:
            return entries[-1].cursor if entries else after
        with suppress(Contended):  # nothing was deleted: the entries are read anew
            self.primary.delete(self.user, images, deadline)
            return images[-1]
        return after

    def check(self, after: Cursor, deadline: Deadline) -> Checked:
        """Syncs, and reads the partition, consistently and without a gap, up to an image if any."""
        checked = Checked(after, 0)
        for _ in self.backoff.attempts(deadline):
            if checked.cursor == self.through:
                break
            self.syncer.sync(self.user, deadline)
            checked = self._look_on(checked, deadline)
        return checked

    def _look_on(self, checked: Checked, deadline: Deadline) -> Checked:
        while checked.cursor < self.through and not deadline.passed():
            seen = self.partition.changes(checked.cursor, RUN, deadline)
            rows = [row for row in seen.rows if row.cursor <= self.through]
            first_image = next((row.cursor for row in rows if row.kind == "image"), None)
            end = min(seen.cursor, self.through)
            if first_image is not None:
                end = Cursor(first_image - 1)
            deletions = sum(row.cursor <= end for row in rows)
            stubs = checked.stubs + end - checked.cursor - deletions
            came_further = end > checked.cursor
            checked = Checked(end, stubs)
            if first_image is not None or not came_further:
                break
        return checked
