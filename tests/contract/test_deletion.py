"""Deleting an image, on a real DynamoDB engine: gone from both logs when it answers."""

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.dynamo import UnknownOutcome
from chalicelib.entries import START, Cursor
from chalicelib.errors import ImageNotFound, Unavailable
from tests.support import ALICE, BOB, Store, at_once, dump, foreign, quick

ONE = Cursor(1)
WRITES = ("put_item", "update_item", "transact_write_items")


def delete(store: Store, cursor: int = 1) -> None:
    store.services.deleter.delete(ALICE, Cursor(cursor), store.deadline)


def kinds(store: Store) -> list[str]:
    return [entry.kind for entry in store.primary_entries(ALICE)]


def in_partition(store: Store) -> list[str]:
    return [row.kind for row in store.partition_rows(ALICE)]


def everything(store: Store) -> str:
    return str([dump(log, ALICE) for log in (store.primary_log, store.partition_log)])


def test_an_image_is_gone_from_both_logs(store: Store) -> None:
    """Both logs have a stub in its place and a deletion at the end, with the count of the rest."""
    store.save(ALICE, 3)
    store.sync(ALICE)
    delete(store, 2)
    assert kinds(store) == ["image", "erased", "image", "deletion"]
    assert in_partition(store) == kinds(store)
    assert store.primary_entries(ALICE)[-1].count == 2
    assert store.partition_rows(ALICE)[-1].deletes == 2
    assert "prompt 1" not in everything(store)  # the second of the three saves
    assert "prompt 2" in everything(store)


def test_an_image_that_was_never_synced(store: Store) -> None:
    """What is deleted before its first sync never reaches the partition."""
    store.save(ALICE)
    delete(store)
    assert in_partition(store) == ["erased", "deletion"]


def test_the_stub_keeps_all_but_the_payload(store: Store) -> None:
    """Who wrote the entry, when, its count, and the place in the index of users all stay."""
    store.save(ALICE)
    before = dump(store.primary_log, ALICE)[0]
    delete(store)
    after = dump(store.primary_log, ALICE)[0]
    kept = {name: value for name, value in before.items() if name not in ("prompt", "image_url")}
    assert after == {**kept, "kind": {"S": "erased"}}
    assert "registered_at" in after


def test_deleting_again_changes_nothing(store: Store) -> None:
    """The second deletion of an image succeeds and leaves no second entry."""
    store.save(ALICE)
    delete(store)
    delete(store)
    assert kinds(store) == ["erased", "deletion"]


@pytest.mark.parametrize("cursor", [2, 3, 99])
def test_what_is_no_image_is_not_found(store: Store, cursor: int) -> None:
    """A deletion's own cursor, and cursors beyond the tail, are no images."""
    store.save(ALICE)
    delete(store)
    with pytest.raises(ImageNotFound):
        delete(store, cursor)
    assert kinds(store) == ["erased", "deletion"]


def test_another_users_image_is_not_found(store: Store) -> None:
    """A user's cursors are that user's own."""
    store.save(BOB)
    with pytest.raises(ImageNotFound):
        delete(store)
    assert [entry.kind for entry in store.primary_entries(BOB)] == ["image"]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("point", range(6))
def test_a_fault_at_any_call_leaves_one_deletion(store: Store, moment: str, point: int) -> None:
    """Whichever call is lost or fails, repeating the request ends with one deletion."""
    store.save(ALICE, 2)
    store.sync(ALICE)
    flaky, dynamo = quick(store)
    calls: list[str] = []

    def fault(operation: str, _request: Mapping[str, Any]) -> None:
        calls.append(operation)
        if len(calls) == point + 1:
            raise UnknownOutcome("fault")

    setattr(dynamo, moment, fault)
    try:
        delete(flaky)
    except Unavailable:
        delete(flaky)
    assert len(calls) > point
    assert kinds(store) == ["erased", "image", "deletion"]
    assert in_partition(store) == kinds(store)


def test_a_writer_at_the_tail_moves_the_deletion_up(store: Store) -> None:
    """A deletion that finds another's entry at its cursor stands after it."""
    store.save(ALICE)
    flaky, dynamo = quick(store)
    rivals = [foreign(2)]

    def rival(operation: str, _request: Mapping[str, Any]) -> None:
        if operation == "transact_write_items" and rivals:
            store.put_entry(ALICE, rivals.pop())

    dynamo.before = rival
    delete(flaky)
    assert kinds(store) == ["erased", "image", "deletion"]


def test_the_same_image_deleted_at_once_by_many(store: Store) -> None:
    """Eight deletions of one image leave one deletion."""
    store.save(ALICE)
    assert at_once(8, lambda: delete(store)) == 8
    assert kinds(store) == ["erased", "deletion"]
    assert in_partition(store) == kinds(store)


@pytest.mark.parametrize("shown", [True, False])
def test_does_not_answer_while_the_partition_still_shows_it(store: Store, *, shown: bool) -> None:
    """As long as the partition's entry is an image, or not there yet, the deletion is not done."""
    store.save(ALICE)
    if shown:
        store.sync(ALICE)
    stuck, dynamo = quick(store)

    def no_writes_to_the_partition(operation: str, request: Mapping[str, Any]) -> None:
        if operation in WRITES and store.tables.partition in str(request):
            raise UnknownOutcome("stuck")

    dynamo.before = no_writes_to_the_partition
    with pytest.raises(Unavailable):
        delete(stuck)
    assert kinds(store) == ["erased", "deletion"]
    delete(store)  # the same call again completes it
    assert in_partition(store) == kinds(store)


def test_readers_see_it_in_the_changes(store: Store) -> None:
    """A client that follows the changes gets the deletion, and pages have the image no more."""
    store.save(ALICE, 2)
    store.sync(ALICE)
    delete(store)
    partition = store.partition(ALICE)
    page = partition.page(50, None, None, store.deadline)
    assert (len(page.images), page.count, page.cursor) == (1, 1, 3)
    changes = partition.changes(START, 50, store.deadline)
    assert [(row.cursor, row.deletes) for row in changes.rows] == [(2, None), (3, 1)]
    with pytest.raises(ImageNotFound):
        partition.image(ONE)
