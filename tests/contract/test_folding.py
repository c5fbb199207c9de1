"""What the feed of changes adds up to is what the pages show, whatever was done before."""

import json
from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.bootstrap import build
from chalicelib.model.entries import START, Cursor, Row
from chalicelib.store.partition import Changes, Page
from tests.simulation.engine import MemoryDynamo
from tests.simulation.stage import TABLES
from tests.support import ALICE, Store

Step = tuple[str, int]
"""What is done, and a number: of images to save, of the one to delete, of images on a page."""

SYNC, NEXT_PAGE = ("sync", 0), ("next page", 0)
STEPS = (
    st.tuples(st.just("save"), st.integers(1, 4))
    | st.tuples(st.just("delete"), st.integers(0, 9))
    | st.tuples(st.just("first page"), st.integers(1, 4))
    | st.sampled_from([SYNC, NEXT_PAGE])
)
CHUNK = 3
"""Entries of the feed that are read at a time, so that a few are several reads."""

Images = dict[int, str]
"""Rendered images by their cursors."""


class Follower:
    """A client that knows nothing but the feed: what it shows, and up to where that is so."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._position = START
        self.images: Images = {}

    def follow(self, end: Cursor) -> Images:
        while self._position < end:
            changes = self._read(min(CHUNK, end - self._position))
            assert changes.cursor > self._position
            self._position = changes.cursor
            for row in changes.rows:
                self._apply(row)
        return dict(self.images)

    def _read(self, limit: int) -> Changes:
        partition = self._store.partition(ALICE)
        return partition.changes(self._position, limit, self._store.deadline)

    def _apply(self, row: Row) -> None:
        if row.deletes is not None:
            self.images.pop(row.deletes, None)
            return
        assert row.image is not None
        self.images[row.cursor] = row.image


class Reading:
    """A library that is read page by page, and what the feed came to at its first page."""

    def __init__(self, store: Store, limit: int, follower: Follower) -> None:
        self._store, self._limit = store, limit
        first = self._page(None)
        assert first.cursor is not None
        self._cursor, self.next = first.cursor, first.next
        self._images = list(first.images)
        self._begun = Follower(store).follow(self._cursor)
        assert follower.follow(self._cursor) == self._begun
        assert len(self._begun) == first.count

    def go_on(self) -> None:
        if self.next is not None:
            page = self._page(self.next)
            self._images += page.images
            self.next = page.next

    def end(self) -> None:
        """The pages lack of the feed's images those alone that were deleted since the first."""
        while self.next is not None:
            self.go_on()
        ended = Follower(self._store).follow(self._cursor)
        read = by_cursor(self._images)
        assert ended.items() <= read.items() <= self._begun.items()
        assert self._begun.keys() - ended.keys() == self._deleted_since()

    def _page(self, before: Cursor | None) -> Page:
        partition = self._store.partition(ALICE)
        return partition.page(self._limit, before, None, self._store.deadline)

    def _deleted_since(self) -> set[int]:
        """Of the images that were there at the first page."""
        rows = self._store.partition_rows(ALICE)[self._cursor :]
        return {row.deletes for row in rows if row.deletes in self._begun}


def by_cursor(images: Sequence[str]) -> Images:
    """Images as pages have them: the newest first, and none twice."""
    found = {json.loads(image)["cursor"]: image for image in images}
    assert list(found) == sorted(found, reverse=True)
    assert len(found) == len(images)
    return found


class Story:
    """One user's log, a client that follows it, and a reading that goes on."""

    def __init__(self) -> None:
        dynamo = MemoryDynamo(TABLES)
        self._store = Store(build(dynamo, TABLES), dynamo, TABLES)
        self._follower = Follower(self._store)
        self._reading: Reading | None = None

    def do(self, name: str, number: int) -> None:
        match name:
            case "save":
                self._store.save_batch(ALICE, number)
            case "delete":
                self._delete(number)
            case "sync":
                self._store.sync(ALICE)
            case "first page":
                self.end()
                self._reading = Reading(self._store, number, self._follower)
            case "next page" if self._reading is not None:
                self._reading.go_on()

    def _delete(self, number: int) -> None:
        """In the log of record alone: the partition hears of it by a sync."""
        entries = self._store.primary_entries(ALICE)
        images = [entry.cursor for entry in entries if entry.kind == "image"]
        if images:
            cursor = images[number % len(images)]
            self._store.services.primary.delete(ALICE, [cursor], self._store.deadline)

    def end(self) -> None:
        if self._reading is not None:
            self._reading.end()


def play(history: Sequence[Step]) -> None:
    story = Story()
    for name, number in history:
        story.do(name, number)
    story.end()


DELETED_BETWEEN_PAGES = [
    ("save", 4),
    SYNC,
    ("first page", 1),
    ("delete", 0),
    ("delete", 2),
    ("save", 1),
    SYNC,
    NEXT_PAGE,
    ("first page", 2),
]


@given(st.lists(STEPS, max_size=30))
@example(DELETED_BETWEEN_PAGES)
@settings(max_examples=300, deadline=None)
def test_the_feed_adds_up_to_the_pages(history: list[Step]) -> None:
    """Folded from 0, or followed all along, to the first page's cursor, it gives the images and
    the count of the pages; but for what was deleted while they were read, which they may lack."""
    play([*history, SYNC, ("first page", 2)])
