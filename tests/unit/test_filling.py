"""What a page costs where images were deleted: full while there are images, in a few calls."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from chalicelib.bootstrap import build
from chalicelib.model.entries import NO_MARK, Cursor, Mark, Row
from chalicelib.store.items import row_to_item
from chalicelib.store.partition import FILLS, MAX_FILL_BYTES, Page
from tests.simulation.engine import PAGE_BYTES, MemoryDynamo, size_of
from tests.simulation.stage import TABLES
from tests.support import ALICE, Intercepted, Store

CALLS = 1 + len(FILLS)
LAMBDA_ANSWER = 6 * 1024 * 1024
"""Bytes (AWS Lambda developer guide, "Lambda quotas")."""

PROXY = 200_000
"""Bytes that are left for the rest of API Gateway's answer; more than it ever has."""


@dataclass
class Library:
    """A store in memory, and what its reads ask for: the `Limit` of each query."""

    store: Store
    asked: list[int] = field(default_factory=list)

    @classmethod
    def empty(cls) -> "Library":
        return cls.over(MemoryDynamo(TABLES))

    @classmethod
    def over(cls, inner: MemoryDynamo) -> "Library":
        dynamo = Intercepted(inner)
        library = cls(Store(build(dynamo, TABLES, emit=lambda _line: None), dynamo, TABLES))
        dynamo.before = library._hear
        return library

    def _hear(self, operation: str, request: Mapping[str, Any]) -> None:
        if operation == "query":
            self.asked.append(request["Limit"])

    def delete(self, cursors: Sequence[int]) -> None:
        """As many in a transaction as the product does."""
        primary, deadline = self.store.services.primary, self.store.deadline
        for first in range(0, len(cursors), 33):
            some = [Cursor(cursor) for cursor in cursors[first : first + 33]]
            primary.delete(ALICE, some, deadline)

    def put_rows(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self.store.dynamo.put_item(TableName=TABLES.partition, Item=row_to_item(ALICE, row))

    def page(self, limit: int, before: int | None = None, mark: Mark = NO_MARK) -> Page:
        self.asked.clear()
        at = None if before is None else Cursor(before)
        return self.store.partition(ALICE).page(limit, at, None, self.store.deadline, mark)

    def walk(self, limit: int) -> list[Page]:
        pages = [self.page(limit)]
        while pages[-1].next is not None:
            pages.append(self.page(limit, pages[-1].next, pages[-1].next_mark))
            assert len(self.asked) <= CALLS
        return pages


def cursors_of(images: Iterable[str]) -> list[int]:
    return [json.loads(image)["cursor"] for image in images]


def tombstones(first: int, last: int, count: int = 1) -> Iterable[Row]:
    return (Row(Cursor(cursor), count) for cursor in range(first, last + 1))


def image(cursor: int, count: int = 1, prompt: str = "a fox") -> Row:
    return Row(
        Cursor(cursor), count, json.dumps({"cursor": cursor, "prompt": prompt}, ensure_ascii=False)
    )


@pytest.mark.parametrize("limit", [1, 7, 50, 200])
@pytest.mark.parametrize(
    "deleted", [range(1, 241), range(400, 280, -1), range(281, 401), range(2, 401, 2)]
)
def test_pages_are_full_while_there_are_images(limit: int, deleted: range) -> None:
    """400 saved; the oldest, the newest, or each second deleted: the last page may be short."""
    library = Library.empty()
    library.store.fill(ALICE, 400)
    library.delete(list(deleted))
    library.store.sync(ALICE)
    pages = library.walk(limit)
    images = [cursor for page in pages for cursor in cursors_of(page.images)]
    assert images == sorted({*range(1, 401)} - {*deleted}, reverse=True)
    assert [len(page.images) for page in pages[:-1]] == [limit] * (len(pages) - 1)


def test_a_run_of_deletions_is_passed_over() -> None:
    """However many were deleted last, it costs one query more."""
    library = Library.empty()
    library.store.fill(ALICE, 1000)
    library.delete(range(1, 901))
    library.store.sync(ALICE)
    assert len(library.page(50).images) == 50
    assert library.asked == [50, 50]


def test_images_deleted_from_the_newest_on_are_passed_over() -> None:
    """One by one or at once: what is deleted next to the log's dead end is passed over with it."""
    library = Library.empty()
    library.store.fill(ALICE, 1000)
    for cursor in range(1000, 900, -1):
        library.delete([cursor])
    library.delete(range(900, 100, -1))
    library.store.sync(ALICE)
    assert cursors_of(library.page(50).images) == list(range(100, 50, -1))
    assert library.asked == [50, 50]


def test_images_deleted_at_once_are_passed_over() -> None:
    """Each saved and deleted before the next: the log's end is passed over like deletions."""
    library = Library.empty()
    library.store.fill(ALICE, 100)
    for cursor in range(101, 301, 2):
        library.store.save(ALICE)
        library.delete([cursor])
    library.store.sync(ALICE)
    assert cursors_of(library.page(50).images) == list(range(100, 50, -1))
    assert library.asked == [50, 50]


def test_the_end_of_the_library_is_known_by_its_count() -> None:
    """Below the last of its images a page does not look, however many tombstones there are."""
    library = Library.empty()
    library.store.fill(ALICE, 200)
    library.delete(range(1, 191))
    library.store.sync(ALICE)
    page = library.page(50)
    assert (len(page.images), page.next) == (10, None)
    library.delete(range(191, 201))
    library.store.sync(ALICE)
    page = library.page(50)
    assert (page.images, page.next, library.asked) == ((), None, [50])


def test_nothing_but_deletions_below_is_the_end() -> None:
    """What may be passed over down to the start needs no page of its own."""
    library = Library.empty()
    library.put_rows(tombstones(1, 9, count=9))
    library.put_rows([Row(Cursor(10), 9, image(10).image, skip=9)])
    assert library.page(1).next is None


class Endless(MemoryDynamo):
    """A partition of tombstones up to the tail but for a few images; made up as it is read."""

    def __init__(self, tail: int, images: Sequence[int]) -> None:
        super().__init__(TABLES)
        self._tail = tail
        self._images = images

    def query(self, **request: Any) -> Mapping[str, Any]:
        bound = request["ExpressionAttributeValues"].get(":cursor")
        top = self._tail if bound is None else int(bound["N"]) - 1
        items, size = [], 0
        for cursor in range(top, max(top - request["Limit"], 0), -1):
            items.append(row_to_item(ALICE, self._row(cursor)))
            size += size_of(items[-1])
            if size > PAGE_BYTES:
                break
        is_cut = size > PAGE_BYTES or len(items) == request["Limit"]
        return {"Items": items, **({"LastEvaluatedKey": {}} if is_cut else {})}

    def _row(self, cursor: int) -> Row:
        alive = len(self._images)
        return image(cursor, alive) if cursor in self._images else Row(Cursor(cursor), alive)


def test_ten_thousand_tombstones_are_one_pages_work() -> None:
    """Old tombstones that nothing tells the length of are read in steps that grow."""
    library = Library.over(Endless(10_001, [1, 10_001]))
    page = library.page(50)
    assert cursors_of(page.images) == [10_001, 1]
    assert library.asked == [50, 49, 392, 3136, 10_000]


def test_a_page_may_end_without_an_image_after_thirty_thousand_tombstones() -> None:
    """Beyond that its bound counts; `next` goes on, to the very same image."""
    library = Library.over(Endless(60_000, [1]))
    first = library.page(1)
    assert (first.images, len(library.asked)) == ((), CALLS)
    assert first.next is not None
    assert 60_000 - first.next > 30_000
    assert cursors_of(library.page(1, first.next).images) == [1]


def test_a_large_page_fits_into_an_answer() -> None:
    """Whatever fills it: tombstones first, then images as large as they may be, each character of
    which takes three times as many bytes once the answer is escaped."""
    library = Library.empty()
    large = "🦊" * 10_000
    library.put_rows([*(image(n, 300, large) for n in range(1, 300)), *tombstones(300, 2000, 300)])
    for before in (None, 299):
        page = library.page(200, before)
        answer = json.dumps({"body": "[" + ",".join(page.images) + "]"})
        assert len(answer.encode()) < LAMBDA_ANSWER - PROXY
        assert sum(len(text.encode()) for text in page.images) > MAX_FILL_BYTES / 2
        assert page.next is not None


def test_skips_are_stored_where_entries_end_in_none() -> None:
    """By an entry of either kind, and by it alone: a typical image has no such attribute."""
    library = Library.empty()
    store = library.store
    store.save(ALICE, 4)  # 1, 2, 3, 4
    library.delete([2])  # 5: above it is an image
    library.delete([1, 3])  # 6, 7
    store.save_batch(ALICE, 2)  # 8, 9
    library.delete([9])  # 10: above what it deletes
    store.save(ALICE)  # 11
    store.services.primary.delete(ALICE, [Cursor(11)], store.deadline)  # 12
    store.save(ALICE, 2)  # 13, 14
    store.sync(ALICE)
    skips = {5: 0, 6: 1, 7: 2, 8: 3, 10: 1, 11: 2, 12: 3, 13: 4}
    for log in (store.primary_log, store.partition_log):
        found = {
            int(item["cursor"]["N"]): int(item["skip"]["N"])
            for item in log.after(ALICE, Cursor(0), 100).items
            if "skip" in item
        }
        assert found == {cursor: skip for cursor, skip in skips.items() if skip}


def test_a_remembered_tail_tells_the_same_skip() -> None:
    """Whether the log's end was just written, or looked at."""
    library = Library.empty()
    store = library.store
    store.save(ALICE, 2)
    store.services.primary.delete(ALICE, [Cursor(1)], store.deadline)
    store.save(ALICE)
    anew = Store(build(store.dynamo, TABLES, emit=lambda _line: None), store.dynamo, TABLES)
    anew.services.primary.delete(ALICE, [Cursor(2)], store.deadline)
    anew = Store(build(store.dynamo, TABLES, emit=lambda _line: None), store.dynamo, TABLES)
    anew.save(ALICE)
    skips = [entry.skip for entry in store.primary_entries(ALICE)]
    assert skips == [0, 0, 0, 1, 0, 1]


def test_a_log_of_before_is_read_in_growing_steps() -> None:
    """Deletions that no skip is known of, as earlier versions wrote them, come to the same page."""
    library = Library.empty()
    rows = [image(n, n) for n in range(1, 11)]
    library.put_rows(rows)
    library.put_rows(tombstones(11, 500, 500))
    library.put_rows(Row(Cursor(n), 10, deletes=Cursor(n - 490)) for n in range(501, 991))
    assert cursors_of(library.page(10).images) == list(range(10, 0, -1))
    assert len(library.asked) <= 4
