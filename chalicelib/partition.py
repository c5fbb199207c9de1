"""One user's read copy: a prefix of that user's log, shaped for reading.

A `Partition` is opened for one user and knows no other. Readers check that what they get is
exactly the consecutive run that they asked for, since a transaction may be seen half-way. Only
`chalicelib.sync` writes, and what repairs or migrates.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from chalicelib.dynamo import Dynamo, Item, Refused, UnknownOutcome
from chalicelib.entries import START, Cursor, Row, UserId, is_consecutive
from chalicelib.errors import (
    HoleFound,
    ImageNotFound,
    NotSyncedYet,
    ResyncRequired,
    Unavailable,
)
from chalicelib.items import (
    LOOK,
    PAGE,
    ROW_PAYLOAD,
    count_of,
    cursor_of,
    deleted_by,
    image_of,
    row_from_item,
    row_to_item,
)
from chalicelib.log import Log, Slice, Write
from chalicelib.timing import Backoff, Deadline
from chalicelib.versions import CURRENT

MAX_FILLS = 4
"""Queries spent on filling one page with images where deleted ones left stubs."""

MAX_FILL_BYTES = 500_000
"""Bytes of images beyond which a page is filled no further. A query answers up to 1 MB, and an
answer may be three times as long once it is escaped: Lambda takes 6 MB (its developer guide,
"Lambda quotas")."""


MAX_LOOK = 100
"""Rows that one query looks through for stubs: some are images, and are read to be passed over."""


@dataclass(frozen=True, slots=True)
class Page:
    """Images newest first, rendered. `next` is the `before` of the following page, if any.

    `cursor` (the tail) and `count` (live images at it) are of the first page only.
    """

    images: tuple[str, ...]
    next: Cursor | None
    cursor: Cursor | None
    count: int | None


class Changes(NamedTuple):
    """Images and deletions in commit order, stubs left out; `cursor` is where to go on from."""

    rows: tuple[Row, ...]
    cursor: Cursor
    up_to_date: bool


class Partition:
    def __init__(self, dynamo: Dynamo, table: str, user: UserId, backoff: Backoff) -> None:
        self._log = Log(dynamo, table)
        self._user = user
        self._backoff = backoff

    # Reading

    def tail(self) -> Cursor:
        item = self._log.last(self._user)
        return START if item is None else cursor_of(item)

    def tail_row(self) -> Row | None:
        item = self._log.last(self._user)
        return None if item is None else row_from_item(item)

    def image(self, cursor: Cursor) -> str:
        """The rendered image at the cursor; ImageNotFound if none stands there."""
        item = self._log.get(self._user, cursor)
        image = None if item is None else image_of(item)
        if image is None:
            raise ImageNotFound
        return image

    def are_erased(self, cursors: Sequence[Cursor], deadline: Deadline) -> bool:
        """Whether stubs stand at all the cursors: not images, and not nothing yet.

        One query for all that lie close together; False if the deadline passed before the end.
        """
        left = sorted(cursors, reverse=True)
        while left and not deadline.passed():
            top = left[0]
            lowest = min(cursor for cursor in left if top - cursor < MAX_LOOK)
            found = self._log.before(self._user, Cursor(top + 1), top - lowest + 1, LOOK)
            erased = {cursor_of(item) for item in found.items if item["kind"]["S"] == "erased"}
            if top not in erased:
                return False
            left = [cursor for cursor in left if cursor not in erased]
        return not left

    def page(
        self, limit: int, before: Cursor | None, at_least: Cursor | None, deadline: Deadline
    ) -> Page:
        """Up to `limit` images below `before` (None: from the tail), newest first.

        Raises `NotSyncedYet` while the tail is below `at_least`, `ResyncRequired` when `before`
        lies beyond the tail, `HoleFound` when the partition does not read as consecutive.
        """
        read = self._read_down(before, limit, deadline)
        self._check_at_least(at_least, before, read)
        images, bottom = images_in(read), below(read)
        for _ in range(MAX_FILLS - 1):
            if len(images) >= limit or bottom is None or deadline.passed() or is_heavy(images):
                break
            more = self._read_down(bottom, limit - len(images), deadline)
            images += images_in(more)
            bottom = below(more)
        if before is not None:
            return Page(tuple(images), bottom, None, None)
        if not read.items:
            return Page((), None, START, 0)
        top = read.items[0]
        return Page(tuple(images), bottom, cursor_of(top), count_of(top))

    def changes(self, after: Cursor, limit: int, deadline: Deadline) -> Changes:
        """What was saved and deleted beyond the cursor, oldest first.

        Raises `ResyncRequired` when `after` lies beyond the tail; `HoleFound` as `page`.
        """
        read = self._read_up(after, limit, deadline)
        rows = [row_from_item(item) for item in read.items]
        shown = tuple(row for row in rows if row.kind != "erased")
        return Changes(shown, rows[-1].cursor if rows else after, up_to_date=not read.cut)

    def _check_at_least(self, at_least: Cursor | None, before: Cursor | None, read: Slice) -> None:
        if at_least is None:
            return
        tail = cursor_of(read.items[0]) if before is None and read.items else self.tail()
        if tail < at_least:
            raise NotSyncedYet

    def _read_down(self, before: Cursor | None, limit: int, deadline: Deadline) -> Slice:
        for _ in self._backoff.attempts(deadline):
            read = self._log.before(self._user, before, limit, PAGE)
            if is_descending_run(read, before):
                return read
            if before is not None and before - 1 > self.tail():
                raise ResyncRequired
        raise HoleFound("partition")

    def _read_up(self, after: Cursor, limit: int, deadline: Deadline) -> Slice:
        for _ in self._backoff.attempts(deadline):
            read = self._log.after(self._user, after, limit)
            if is_ascending_run(read, after):
                return read
            tail = self.tail()
            if after > tail:
                raise ResyncRequired
            if after == tail and not read.items:
                return read
        raise HoleFound("partition")

    # As it stands, consecutive or not: for repair and migration

    def stored_after(self, cursor: Cursor, limit: int) -> Slice:
        """Up to `limit` stored items beyond the cursor, ascending."""
        return self._log.after(self._user, cursor, limit)

    def stored_at(self, cursor: Cursor) -> Item | None:
        return self._log.get(self._user, cursor)

    def rewrite(self, rows: Sequence[Row]) -> bool:
        """Stores the rows in today's form if all stand there in an older one; whether it is done.

        An image that was turned into a stub meanwhile stays one.
        """
        items = [row_to_item(self._user, row) for row in rows]
        return self._transacted([self._log.put_if_outdated(item, CURRENT) for item in items])

    def restore(self, row: Row, check: Write) -> bool:
        """Puts what must stand at the row's cursor while `check` holds in the primary; whether it
        is known to be done."""
        item = row_to_item(self._user, row)
        return self._transacted([self._log.replacement(item), check])

    def remove(self, cursor: Cursor, check: Write) -> bool:
        """Removes what must not stand at the cursor, while `check` holds in the primary."""
        return self._transacted([self._log.removal(self._user, cursor), check])

    def _transacted(self, writes: Sequence[Write]) -> bool:
        try:
            self._log.transact(writes)
        except (Refused, UnknownOutcome):
            return False
        return True

    # Writing: for sync alone

    def erase(self, cursor: Cursor, deadline: Deadline) -> None:
        """Turns what stands at the cursor into a stub; repeatable, and done where nothing stands.

        `Unavailable` if that could not be made sure of in time.
        """
        for _ in self._backoff.attempts(deadline):
            with suppress(UnknownOutcome):
                self._strip(cursor)
                return
        raise Unavailable("erase")

    def _strip(self, cursor: Cursor) -> None:
        with suppress(Refused):  # nothing stands there, in a partition that was damaged by hand
            self._log.strip(self._user, cursor, ROW_PAYLOAD)

    def append(self, rows: Sequence[Row]) -> bool:
        """Writes all the rows if nothing stands at any of them; whether that is known to be done.

        False is no failure: another sync was faster, a write is in conflict, or the outcome is
        unknown. The caller reads the tail again.
        """
        try:
            self._log.put_new([row_to_item(self._user, row) for row in rows])
        except (Refused, UnknownOutcome):
            return False
        return True


def images_in(read: Slice) -> list[str]:
    """The images among the rows, rendered, without those that a deletion among them names.

    Sync erases an image before it writes the deletion. But a query may have seen the one as of an
    earlier moment than the other, and a client that goes on from there would never be told again.
    """
    gone = {deleted_by(item) for item in read.items if "deletes" in item}
    shown = [item for item in read.items if cursor_of(item) not in gone] if gone else read.items
    return [image for item in shown if (image := image_of(item)) is not None]


def is_heavy(images: Sequence[str]) -> bool:
    """Whether there is enough in bytes, however few images it is."""
    return sum(len(image.encode()) for image in images) > MAX_FILL_BYTES


def below(read: Slice) -> Cursor | None:
    """Where the next page down begins; None where the log begins."""
    lowest = cursor_of(read.items[-1]) if read.items else None
    return None if lowest == 1 else lowest


def is_descending_run(read: Slice, before: Cursor | None) -> bool:
    """Whether the rows are before-1, before-2, … without a gap, and end at 1 unless cut short."""
    cursors = [cursor_of(item) for item in read.items]
    if not cursors:
        return before in (None, 1)
    top_fits = before is None or cursors[0] == before - 1
    end_fits = read.cut or cursors[-1] == 1
    return top_fits and end_fits and is_consecutive(cursors, -1)


def is_ascending_run(read: Slice, after: Cursor) -> bool:
    """Whether the rows are after+1, after+2, … without a gap, and at least one."""
    cursors = [cursor_of(item) for item in read.items]
    return bool(cursors) and cursors[0] == after + 1 and is_consecutive(cursors, 1)
