"""One user's read copy: a prefix of that user's log, shaped for reading.

A `Partition` is opened for one user and knows no other. Readers check that what they get is
exactly the consecutive run that they asked for, since a transaction may be seen half-way. Only
`chalicelib.sync.syncer` writes, and what repairs or migrates.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from chalicelib.dynamodb.protocol import Dynamo, Item, Refused, UnknownOutcome
from chalicelib.model.entries import (
    NO_MARK,
    START,
    Cursor,
    Mark,
    Position,
    Row,
    UserId,
    is_consecutive,
)
from chalicelib.model.errors import (
    HoleFound,
    ImageNotFound,
    NotSyncedYet,
    ResyncRequired,
    Unavailable,
    Unreadable,
)
from chalicelib.model.row_versions import CURRENT
from chalicelib.model.timing import Backoff, Deadline
from chalicelib.store.items import (
    LOOK,
    PAGE,
    ROW_PAYLOAD,
    count_of,
    cursor_of,
    deleted_by,
    image_of,
    mark_of,
    place_of,
    row_from_item,
    row_to_item,
    skip_of,
)
from chalicelib.store.log import Log, Slice, Write

FILLS = (1, 8, 64, 400, 400, 400)
"""Queries spent, beyond the first, on filling one page where deleted images left tombstones: how
many rows each asks for, for each image that is missing."""

FILL_ROWS, MAX_FILL_ROWS = 25, 10_000
"""Rows that such a query asks for at least and at most. Tombstones are some hundred bytes each, so
it answers 10,000 of them. A page lacks all images, though there are some below, only where some
30,000 entries on end are none."""

MAX_FILL_BYTES = 500_000
"""Bytes of images beyond which a page is filled no further. A query answers up to 1 MB, and an
answer may be three times as long once it is escaped: Lambda takes 6 MB (its developer guide,
"Lambda quotas")."""


MAX_LOOK = 100
"""Rows that one query looks through for tombstones: some are images, and are read to be passed
over."""


@dataclass(frozen=True, slots=True)
class Page:
    """Images newest first, rendered. `next` is the `before` of the following page, if any.

    `cursor` (the tail) and `count` (live images at it) are of the first page only. Each cursor has
    beside it the mark of the entry that stands there.
    """

    images: tuple[str, ...]
    next: Cursor | None
    cursor: Cursor | None
    count: int | None
    mark: Mark = NO_MARK
    next_mark: Mark = NO_MARK


class Changes(NamedTuple):
    """Images and deletions in commit order, tombstones left out; `cursor` is where to go on
    from."""

    rows: tuple[Row, ...]
    cursor: Cursor
    up_to_date: bool
    mark: Mark = NO_MARK


class Partition:
    def __init__(self, dynamo: Dynamo, table: str, user: UserId, backoff: Backoff) -> None:
        self._log = Log(dynamo, table)
        self._user = user
        self._backoff = backoff

    # Reading

    def tail(self) -> Cursor:
        """The last cursor; one that is no whole number, put there by hand, stays what it is."""
        item = self._log.last(self._user)
        return START if item is None else place_of(item)

    def tail_row(self) -> Row | None:
        """The last row; `Unreadable` if it is none that the product wrote."""
        item = self._log.last(self._user)
        try:
            return None if item is None else row_from_item(item)
        except (KeyError, ValueError):
            raise Unreadable("partition", place_of(item or {})) from None

    def image(self, cursor: Cursor) -> str:
        """The rendered image at the cursor; ImageNotFound if none stands there."""
        item = self._log.get(self._user, cursor)
        image = None if item is None else image_of(item)
        if image is None:
            raise ImageNotFound
        return image

    def are_erased(self, cursors: Sequence[Cursor], deadline: Deadline) -> bool:
        """Whether each of the cursors has a tombstone: no image, and nothing that waits for a sync.

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
        self,
        limit: int,
        before: Cursor | None,
        at_least: Cursor | None,
        deadline: Deadline,
        mark: Mark = NO_MARK,
    ) -> Page:
        """Up to `limit` images below `before` (None: from the tail), newest first.

        Raises `NotSyncedYet` while the tail is below `at_least`, `ResyncRequired` when `before`
        lies beyond the tail or another entry stands there than the one with the `mark`,
        `HoleFound` when the partition does not read as consecutive.
        """
        read = self._read_down(before, limit, deadline, mark)
        self._check_at_least(at_least, before, read)
        top = read.items[0] if before is None and read.items else None
        live = None if top is None else count_of(top)
        images, bottom = self._filled(read, limit, live, deadline)
        next_, next_mark = bottom or (None, NO_MARK)
        if before is not None:
            return Page(images, next_, None, None, NO_MARK, next_mark)
        if top is None:
            return Page((), None, START, 0)
        return Page(images, next_, cursor_of(top), live, mark_of(top), next_mark)

    def _filled(
        self, read: Slice, limit: int, live: int | None, deadline: Deadline
    ) -> tuple[tuple[str, ...], Position | None]:
        """The images read and, up to the limit, those below; and where the next page begins.

        `live` is how many images there are in all, if that is known. A later query sees the images
        that an earlier one's deletions name as tombstones, so nothing has to be compared across
        them.
        """
        images, rows = images_in(read, limit)
        for growth in FILLS:
            missing, bottom = limit - len(images), below(rows)
            if not missing or len(images) == live or bottom is None:
                break
            if deadline.passed() or is_heavy(images):
                break
            more = self._read_down(bottom, rows_to_fill(missing, growth), deadline)
            found, rows = images_in(more, missing)
            images += found
        is_all = len(images) == live or below(rows) is None
        return tuple(images), None if is_all else position_of(rows[-1])

    def changes(
        self, after: Cursor, limit: int, deadline: Deadline, mark: Mark = NO_MARK
    ) -> Changes:
        """What was saved and deleted beyond the cursor, oldest first.

        Raises `ResyncRequired` when `after` lies beyond the tail or another entry stands there than
        the one with the `mark`; `HoleFound` as `page`.
        """
        read = self._read_up(after, limit, deadline, mark)
        rows = [row_from_item(item) for item in read.items]
        shown = tuple(row for row in rows if row.cursor > after and row.kind != "erased")
        end = Position(rows[-1].cursor, rows[-1].mark) if rows else Position(START, NO_MARK)
        return Changes(shown, end.cursor, up_to_date=not read.cut, mark=end.mark)

    def _check_at_least(self, at_least: Cursor | None, before: Cursor | None, read: Slice) -> None:
        if at_least is None:
            return
        tail = cursor_of(read.items[0]) if before is None and read.items else self.tail()
        if tail < at_least:
            raise NotSyncedYet

    def _read_down(
        self, before: Cursor | None, limit: int, deadline: Deadline, mark: Mark = NO_MARK
    ) -> Slice:
        for _ in self._backoff.attempts(deadline):
            read = self._below(before, limit, mark)
            if is_descending_run(read, before):
                return read
            if before is not None and not mark and before - 1 > self.tail():
                raise ResyncRequired
        raise HoleFound("partition")

    def _below(self, before: Cursor | None, limit: int, mark: Mark) -> Slice:
        """The rows below the cursor. To look at its mark, the row at the cursor is read along."""
        if before is None or not mark:
            return self._log.before(self._user, before, limit, PAGE)
        read = self._log.before(self._user, Cursor(before + 1), limit + 1, PAGE)
        check_mark(read, Position(before, mark))
        return read._replace(items=read.items[1:])

    def _read_up(self, after: Cursor, limit: int, deadline: Deadline, mark: Mark) -> Slice:
        """The row at the cursor, unless that is the start, and the rows beyond it.

        Read along, it tells at once whether the reader is up to date or has come from another log.
        """
        at = 1 if after > START else 0
        below = Cursor(after - at)
        for _ in self._backoff.attempts(deadline):
            read = self._log.after(self._user, below, limit + at)
            check_mark(read, Position(after, mark))
            if is_ascending_run(read, below) or (not read.items and after == START):
                return read
            if not read.items:
                raise ResyncRequired
        raise HoleFound("partition")

    # As it stands, consecutive or not: for repair and migration

    def stored_after(self, cursor: Cursor, limit: int) -> Slice:
        """Up to `limit` stored items beyond the cursor, ascending."""
        return self._log.after(self._user, cursor, limit)

    def stored_at(self, cursor: Cursor) -> Item | None:
        return self._log.get(self._user, cursor)

    def rewrite(self, rows: Sequence[Row]) -> bool:
        """Stores the rows in today's form if all stand there in an older one; whether it is done.

        An image that was turned into a tombstone meanwhile stays one.
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

    def has_nothing_at(self, _user: UserId, cursor: Cursor) -> bool:
        """As the primary's; of the own user alone."""
        return self._log.has_nothing_at(self._user, cursor)

    # Writing: for sync alone

    def erase(self, cursor: Cursor, deadline: Deadline) -> None:
        """Turns what stands at the cursor into a tombstone; repeatable, and done where nothing
        stands.

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


def images_in(read: Slice, most: int) -> tuple[list[str], Sequence[Item]]:
    """The first images among the rows, rendered, and the rows down to the last of them.

    Those that a deletion among the rows names are left out. Sync erases an image before it writes
    the deletion. But a query may have seen the one as of an earlier moment than the other, and a
    client that goes on from there would never be told again.
    """
    gone = {deleted_by(item) for item in read.items if "deletes" in item}
    images: list[str] = []
    for place, item in enumerate(read.items, start=1):
        image = image_of(item)
        if image is not None and cursor_of(item) not in gone:
            images.append(image)
            if len(images) == most:
                return images, read.items[:place]
    return images, read.items


def rows_to_fill(missing: int, growth: int) -> int:
    """How many rows to ask for: a few at first, and more the longer there are but tombstones."""
    return min(MAX_FILL_ROWS, max(missing, FILL_ROWS) * growth)


def is_heavy(images: Sequence[str]) -> bool:
    """Whether there is enough in bytes, however few images it is."""
    return sum(len(image.encode()) for image in images) > MAX_FILL_BYTES


def below(rows: Sequence[Item]) -> Cursor | None:
    """Below which cursor there may be more images than those rows have; None if there are none.

    The rows are consecutive, so the skip that reaches furthest counts, whichever row has it.
    """
    end = min((Cursor(cursor_of(item) - skip_of(item)) for item in rows), default=START)
    return end if end > 1 else None


def position_of(item: Item) -> Position:
    return Position(cursor_of(item), mark_of(item))


def check_mark(read: Slice, position: Position) -> None:
    """ResyncRequired unless the entry that the position names is the first of those read.

    What a reader has seen there once does not go away. So a row that is missing, or has another
    mark, belongs to another log. An empty mark names no entry: then nothing is checked.
    """
    first = position_of(read.items[0]) if read.items else None
    if position.mark and first != position:
        raise ResyncRequired


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
