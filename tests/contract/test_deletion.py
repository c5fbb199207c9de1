"""Deleting an image, on both engines: gone from both logs when it answers."""

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.dynamo import Dynamo, UnknownOutcome
from chalicelib.entries import START, Cursor, Mark, Row
from chalicelib.errors import ImageNotFound, Unavailable
from chalicelib.items import row_to_item
from chalicelib.timing import Deadline
from tests.support import ALICE, BOB, Intercepted, Store, at_once, dump, foreign, picture, quick

ONE = Cursor(1)
KEPT = ("user_id", "cursor", "kind", "idem", "created_at", "count", "mark", "registered_at")
CALLS = ["query", "get_item", "transact_write_items"]  # the deletion in the primary
CALLS += ["query", "query", "update_item", "put_item", "get_item"]  # the sync, and the look
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
    full = picture()._replace(model="m", seed="7", steps=3)
    store.services.primary.append(ALICE, [full], store.deadline)
    store.sync(ALICE)
    before = dump(store.primary_log, ALICE)[0]
    assert set(before) == {*KEPT, "prompt", "image_url", "model", "seed", "steps"}
    delete(store)
    after = dump(store.primary_log, ALICE)[0]
    assert after == {name: before[name] for name in KEPT} | {"kind": {"S": "erased"}}
    stub = dump(store.partition_log, ALICE)[0]
    assert stub == row_to_item(ALICE, Row(ONE, 1, mark=Mark(before["mark"]["S"])))


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
@pytest.mark.parametrize("point", range(len(CALLS)))
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
    assert calls[: point + 1] == CALLS[: point + 1]
    assert kinds(store) == ["erased", "image", "deletion"]
    assert in_partition(store) == kinds(store)


def test_the_calls_of_a_deletion(store: Store) -> None:
    """These are all the calls, so that the faults above are at every one of them."""
    store.save(ALICE, 2)
    store.sync(ALICE)
    watched, dynamo = quick(store)
    calls: list[str] = []
    dynamo.after = lambda operation, _request: calls.append(operation)
    delete(watched)
    assert calls == CALLS


@pytest.mark.parametrize("made", range(1, len(CALLS)))
def test_begins_no_further_call_after_the_deadline(store: Store, made: int) -> None:
    """A deletion whose time is up says so at once; the write and the sync may still finish."""
    store.save(ALICE, 2)
    store.sync(ALICE)
    timed, dynamo = quick(store)
    calls: list[str] = []
    dynamo.after = lambda operation, _request: calls.append(operation)
    deadline = Deadline(at=float(made), monotonic=lambda: float(len(calls)))
    with pytest.raises(Unavailable):
        timed.services.deleter.delete(ALICE, ONE, deadline)
    assert calls == CALLS[:made]
    delete(store)
    assert in_partition(store) == ["erased", "image", "deletion"]


def test_an_entry_that_is_not_visible_yet_is_waited_for(store: Store) -> None:
    """Below the tail nothing is missing for good: what a transaction has not shown yet comes."""
    store.save_batch(ALICE, 2)
    hiding, dynamo = quick(store)
    hidden = [True]

    def hide(operation: str, request: Mapping[str, Any]) -> None:
        if operation == "get_item" and hidden and request["TableName"] == store.tables.primary:
            hidden.pop()
            dynamo.inner = Hiding(store.dynamo, dynamo)

    dynamo.before = hide
    delete(hiding)
    assert kinds(store) == ["erased", "image", "deletion"]


def test_looks_again_when_the_deletion_is_not_visible_to_the_sync(store: Store) -> None:
    """A sync that did not see the deletion yet is followed by another, not by a failure."""
    store.save(ALICE)
    store.sync(ALICE)
    hiding, dynamo = quick(store)
    deleted = [False]
    hidden = [True]

    def hide(operation: str, request: Mapping[str, Any]) -> None:
        deleted[0] |= operation == "transact_write_items"
        in_primary = request.get("TableName") == store.tables.primary
        if operation == "query" and in_primary and deleted[0] and hidden:
            hidden.pop()
            dynamo.inner = Hiding(store.dynamo, dynamo)

    dynamo.before = hide
    delete(hiding)
    assert in_partition(store) == ["erased", "deletion"]


class Hiding(Intercepted):
    """A `Dynamo` whose next read sees less; then `outer` goes back to the one inside."""

    def __init__(
        self, inner: Dynamo, outer: Intercepted, seen: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(inner)
        self._outer = outer
        self._seen = seen or {}

    def get_item(self, **_request: Any) -> Mapping[str, Any]:
        self._outer.inner = self.inner
        self._outer.after = lambda _operation, _request: None
        return self._seen

    def query(self, **_request: Any) -> Mapping[str, Any]:
        self._outer.inner = self.inner
        return {"Items": []}


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


def test_a_half_seen_deletion_is_not_done_twice(store: Store) -> None:
    """When the deletion is seen and its stub not yet, the image is not deleted a second time."""
    store.save(ALICE)
    image = store.primary_log.get(ALICE, ONE)
    delete(store)
    behind, dynamo = quick(store)

    def see_it_as_it_was(operation: str, _request: Mapping[str, Any]) -> None:
        if operation == "query" and dynamo.inner is store.dynamo:
            dynamo.inner = Hiding(store.dynamo, dynamo, {"Item": image})

    dynamo.after = see_it_as_it_was
    delete(behind)
    assert kinds(store) == ["erased", "deletion"]


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
