"""Reading a user's partition, on both engines: exact runs, or no answer at all."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.model.entries import START, Cursor, Row
from chalicelib.model.errors import HoleFound, ImageNotFound, NotSyncedYet, ResyncRequired
from chalicelib.store.items import row_to_item
from chalicelib.store.partition import Changes, Page
from tests.support import ALICE, BOB, Store, quick


def shown(cursor: int) -> Row:
    return Row(Cursor(cursor), cursor, json.dumps({"cursor": cursor}))


def put_rows(store: Store, *rows: Row) -> None:
    for row in rows:
        store.dynamo.put_item(TableName=store.tables.partition, Item=row_to_item(ALICE, row))


def put_images(store: Store, *cursors: int) -> None:
    put_rows(store, *(shown(cursor) for cursor in cursors))


def page(
    store: Store, limit: int = 50, before: int | None = None, at_least: int | None = None
) -> Page:
    return store.partition(ALICE).page(
        limit,
        None if before is None else Cursor(before),
        None if at_least is None else Cursor(at_least),
        store.deadline,
    )


def cursors_of(images: tuple[str, ...]) -> list[int]:
    return [json.loads(image)["cursor"] for image in images]


def changes(store: Store, after: int = 0, limit: int = 50) -> Changes:
    return store.partition(ALICE).changes(Cursor(after), limit, store.deadline)


class TestPage:
    def test_an_empty_library(self, store: Store) -> None:
        """Nothing there is an empty first page at cursor 0."""
        assert page(store) == Page((), None, START, 0)

    def test_newest_first_with_tail_and_count(self, store: Store) -> None:
        """The first page begins at the tail and tells the tail and the number of images."""
        put_images(store, 1, 2, 3)
        first = page(store, limit=2)
        assert cursors_of(first.images) == [3, 2]
        assert (first.next, first.cursor, first.count) == (2, 3, 3)

    def test_later_pages_go_on_to_the_end(self, store: Store) -> None:
        """`next` leads to cursor 1, where it is None; only the first page has tail and count."""
        put_images(store, 1, 2, 3)
        last = page(store, limit=2, before=2)
        assert cursors_of(last.images) == [1]
        assert (last.next, last.cursor, last.count) == (None, None, None)

    def test_before_the_first_is_empty(self, store: Store) -> None:
        """Below cursor 1 there is nothing, and that is no error."""
        put_images(store, 1)
        assert page(store, before=1) == Page((), None, None, None)

    def test_before_beyond_the_tail_is_for_starting_over(self, store: Store) -> None:
        """tail+1 is the first page's position; beyond it the reader knows what is not there."""
        put_images(store, 1, 2)
        assert cursors_of(page(store, before=3).images) == [2, 1]
        with pytest.raises(ResyncRequired):
            page(store, before=4)

    def test_tombstones_and_deletions_are_left_out_and_filled_up(self, store: Store) -> None:
        """A page is filled with images beyond what was deleted."""
        put_images(store, 1, 2, 3, 4)
        put_rows(store, Row(Cursor(3), 3), Row(Cursor(5), 3, deletes=Cursor(3)))
        found = page(store, limit=3)
        assert cursors_of(found.images) == [4, 2, 1]
        assert (found.next, found.cursor, found.count) == (None, 5, 3)

    def test_an_image_is_not_shown_beside_its_deletion(self, store: Store) -> None:
        """A query may see the image as it was before its deletion, and the deletion itself."""
        put_images(store, 1, 2, 3)
        put_rows(store, Row(Cursor(4), 2, deletes=Cursor(2)))
        found = page(store)
        assert cursors_of(found.images) == [3, 1]
        assert (found.cursor, found.count) == (4, 2)

    def test_a_page_is_filled_among_many_tombstones(self, store: Store) -> None:
        """However small it is, it looks for its images below them."""
        put_images(store, 1, 2)
        put_rows(store, *(Row(Cursor(cursor), 2) for cursor in range(3, 60)))
        found = page(store, limit=1)
        assert cursors_of(found.images) == [2]
        assert found.next == 2

    def test_a_skip_is_trusted(self, store: Store) -> None:
        """What an entry says to pass over is not read, and what is below it is not lost."""
        put_images(store, 1, 2)
        put_rows(store, Row(Cursor(9), 2, deletes=Cursor(3), skip=6))
        put_rows(store, Row(Cursor(10), 2, deletes=Cursor(4), skip=7))
        found = page(store, limit=2)
        assert cursors_of(found.images) == [2, 1]

    def test_a_page_of_large_images_is_short(self, store: Store) -> None:
        """Beyond what a response may weigh a page is not filled up; `next` goes on."""
        large = "x" * 300_000
        for n in range(1, 9):
            put_rows(store, Row(Cursor(n), n, json.dumps({"cursor": n, "prompt": large})))
        first = page(store)
        assert sum(map(len, first.images)) < 2_000_000
        shown, before = cursors_of(first.images), first.next
        while before is not None:
            following = page(store, before=before)
            shown, before = shown + cursors_of(following.images), following.next
        assert shown == list(range(8, 0, -1))

    @pytest.mark.parametrize("present", [(1, 3), (2, 3), (1, 2, 4, 5)])
    def test_a_hole_is_never_shown(self, store: Store, present: tuple[int, ...]) -> None:
        """Whether the middle or the bottom is missing, there is no answer with a hole in it."""
        put_images(store, *present)
        quickly, _dynamo = quick(store)
        with pytest.raises(HoleFound):
            page(quickly)

    def test_a_missing_top_is_never_skipped(self, store: Store) -> None:
        """A page that should begin at before-1 does not begin lower."""
        put_images(store, 1, 2, 4)
        quickly, _dynamo = quick(store)
        with pytest.raises(HoleFound):
            page(quickly, before=4)

    def test_waits_for_what_is_not_visible_yet(self, store: Store) -> None:
        """A transaction seen half-way is read again until it is seen whole."""
        put_images(store, 1, 3)
        quickly, dynamo = quick(store)
        dynamo.after = lambda _operation, _request: put_images(store, 2)
        assert cursors_of(page(quickly).images) == [3, 2, 1]

    def test_at_least(self, store: Store) -> None:
        """A reader that knows of a later cursor is told that it is not synced yet."""
        with pytest.raises(NotSyncedYet):
            page(store, at_least=1)
        put_images(store, 1, 2)
        assert cursors_of(page(store, at_least=2).images) == [2, 1]
        assert cursors_of(page(store, before=2, at_least=2).images) == [1]
        for before in (None, 2):
            with pytest.raises(NotSyncedYet):
                page(store, before=before, at_least=3)

    def test_another_users_images_are_not_there(self, store: Store) -> None:
        """A partition is opened for one user and shows no other's images."""
        put_images(store, 1)
        assert store.partition(BOB).page(50, None, None, store.deadline).images == ()


class TestChanges:
    def test_an_empty_library(self, store: Store) -> None:
        """After 0 in an empty library there is nothing, and that is up to date."""
        assert changes(store) == Changes((), START, up_to_date=True)

    def test_oldest_first_from_the_cursor_on(self, store: Store) -> None:
        """Changes come in commit order; `cursor` is where the next call goes on."""
        put_images(store, 1, 2, 3)
        some = changes(store, after=1, limit=1)
        assert [row.cursor for row in some.rows] == [2]
        assert (some.cursor, some.up_to_date) == (2, False)
        rest = changes(store, after=2)
        assert (rest.cursor, rest.up_to_date) == (3, True)

    def test_up_to_date_at_the_tail(self, store: Store) -> None:
        """At the tail there is nothing new."""
        put_images(store, 1)
        assert changes(store, after=1) == Changes((), Cursor(1), up_to_date=True)

    def test_deletions_are_tombstones_and_tombstones_are_skipped(self, store: Store) -> None:
        """A deleted image is not shown; its deletion is, with what it deleted."""
        put_images(store, 2)
        put_rows(store, Row(Cursor(1), 1), Row(Cursor(3), 1, deletes=Cursor(1)))
        found = changes(store)
        assert [(row.cursor, row.deletes) for row in found.rows] == [(2, None), (3, 1)]

    def test_beyond_the_tail_is_for_starting_over(self, store: Store) -> None:
        """A cursor that the partition does not have, as after a restore, is told so."""
        put_images(store, 1)
        with pytest.raises(ResyncRequired):
            changes(store, after=2)

    @pytest.mark.parametrize(("present", "after"), [((2, 3), 0), ((1, 3), 0), ((1, 3), 1)])
    def test_a_hole_is_never_skipped(
        self, store: Store, present: tuple[int, ...], after: int
    ) -> None:
        """Whether the next entry or a later one is missing, it is not passed over."""
        put_images(store, *present)
        quickly, _dynamo = quick(store)
        with pytest.raises(HoleFound):
            changes(quickly, after=after)

    def test_waits_for_what_is_not_visible_yet(self, store: Store) -> None:
        """A transaction seen half-way is read again until it is seen whole."""
        put_images(store, 2)
        quickly, dynamo = quick(store)
        dynamo.after = lambda _operation, _request: put_images(store, 1)
        assert [row.cursor for row in changes(quickly).rows] == [1, 2]


class TestImage:
    def test_shows_an_image(self, store: Store) -> None:
        """An image is found by its cursor."""
        put_images(store, 1)
        assert store.partition(ALICE).image(Cursor(1)) == shown(1).image

    def test_nothing_else_is_an_image(self, store: Store) -> None:
        """A tombstone, a deletion, a cursor never reached and another's image are all not found."""
        put_images(store, 1)
        put_rows(store, Row(Cursor(2), 1), Row(Cursor(3), 1, deletes=Cursor(2)))
        for user, cursor in ((ALICE, 2), (ALICE, 3), (ALICE, 4), (BOB, 1)):
            with pytest.raises(ImageNotFound):
                store.partition(user).image(Cursor(cursor))


def test_every_read_is_consistent(store: Store) -> None:
    """No read may lag behind: a replica could show an image after its deletion was answered."""
    put_images(store, 1, 2)
    watched, dynamo = quick(store)
    requests: list[Mapping[str, Any]] = []
    dynamo.before = lambda _operation, request: requests.append(request)
    page(watched)
    page(watched, before=2, at_least=1)
    changes(watched)
    changes(watched, after=2)
    watched.partition(ALICE).image(Cursor(1))
    assert len(requests) >= 5
    assert all(request["ConsistentRead"] is True for request in requests)
