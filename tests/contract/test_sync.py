"""Sync, on both engines: the partition follows the primary and never has a hole."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.dynamodb.protocol import MAX_TRANSACTION_ITEMS, UnknownOutcome
from chalicelib.model.entries import Cursor, Entry
from chalicelib.model.errors import HoleFound
from chalicelib.model.timing import Deadline
from chalicelib.store.items import entry_to_item
from chalicelib.sync.syncer import Synced
from tests.support import ALICE, BOB, Store, at_once, foreign, picture, quick

PARTITION_WRITES = ("put_item", "transact_write_items")


def delete(store: Store, cursor: int, at: int) -> None:
    """Writes what a deletion leaves in the primary: its entry, and the tombstone."""
    store.put_entry(
        ALICE, Entry(Cursor(at), "deleter", "2026-01-01T00:00:00.000Z", 0, deletes=Cursor(cursor))
    )
    tombstone = replace(foreign(cursor), payload=None)
    store.dynamo.put_item(TableName=store.tables.primary, Item=entry_to_item(ALICE, tombstone))


def test_nothing_to_do(store: Store) -> None:
    """A user without images is up to date at cursor 0."""
    synced = store.services.syncer.sync(ALICE, store.deadline)
    assert synced == Synced(Cursor(0), 0, up_to_date=True)


def test_one_image_then_more(store: Store) -> None:
    """Each sync adds what was saved since, and says how much and up to where."""
    store.save(ALICE)
    sync = store.services.syncer.sync
    assert sync(ALICE, store.deadline) == Synced(Cursor(1), 1, up_to_date=True)
    store.save_batch(ALICE, 3)
    assert sync(ALICE, store.deadline) == Synced(Cursor(4), 3, up_to_date=True)
    assert sync(ALICE, store.deadline) == Synced(Cursor(4), 0, up_to_date=True)
    assert store.partition_images(ALICE) == store.expected_images(ALICE)


def test_a_long_backlog_comes_in_chunks(store: Store) -> None:
    """More entries than a transaction holds are all synced by one call, in order."""
    many = 2 * MAX_TRANSACTION_ITEMS + 50
    store.fill(ALICE, many)
    synced = store.services.syncer.sync(ALICE, store.deadline)
    assert synced == Synced(Cursor(many), many, up_to_date=True)
    assert store.partition_images(ALICE) == store.expected_images(ALICE)


def test_a_backlog_larger_than_a_transaction_may_be(store: Store) -> None:
    """Images that take more bytes than a transaction holds are synced in several."""
    large = picture()._replace(prompt="\x01" * 10_000)  # 60,000 bytes once rendered
    for _ in range(4):
        store.services.primary.append(ALICE, [large] * 25, store.deadline)
    store.sync(ALICE)
    assert store.partition_images(ALICE) == store.expected_images(ALICE)


def test_users_are_synced_apart(store: Store) -> None:
    """A sync of one user writes nothing under another's key."""
    store.save(ALICE, 2)
    store.save(BOB, 1)
    store.sync(ALICE)
    assert store.partition_rows(BOB) == []


def test_stops_at_the_deadline_and_goes_on_from_there(store: Store) -> None:
    """A sync whose time is up keeps what it wrote and says that it is not finished."""
    store.fill(ALICE, 150)
    timed, dynamo = quick(store)
    written: list[str] = []
    dynamo.after = lambda operation, _request: (
        written.append(operation) if operation in PARTITION_WRITES else None
    )
    after_the_first_chunk = Deadline(at=1.0, monotonic=lambda: float(len(written)))
    synced = timed.services.syncer.sync(ALICE, after_the_first_chunk)
    assert synced == Synced(Cursor(100), 100, up_to_date=False)
    store.sync(ALICE)
    assert store.partition_images(ALICE) == store.expected_images(ALICE)


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_begins_no_further_call_after_the_deadline(store: Store, calls: int) -> None:
    """Whichever call the deadline passes in, that call is the last one."""
    store.put_entry(ALICE, foreign(1))
    store.put_entry(ALICE, foreign(2))
    store.sync(ALICE)
    delete(store, 1, at=3)
    delete(store, 2, at=4)
    timed, dynamo = quick(store)
    made: list[str] = []
    dynamo.after = lambda operation, _request: made.append(operation)
    deadline = Deadline(at=float(calls), monotonic=lambda: float(len(made)))
    assert not timed.services.syncer.sync(ALICE, deadline).up_to_date
    assert made == ["query", "query", "update_item"][:calls]


def test_a_gap_in_the_primary_is_never_copied(store: Store) -> None:
    """Only the run before the gap reaches the partition; then the gap is reported."""
    for cursor in (1, 2, 4):
        store.put_entry(ALICE, foreign(cursor))
    flaky, _dynamo = quick(store)
    with pytest.raises(HoleFound):
        flaky.services.syncer.sync(ALICE, flaky.deadline)
    assert [row.cursor for row in store.partition_rows(ALICE)] == [1, 2]


def test_overtaken_by_another_sync(store: Store) -> None:
    """A sync that finds its chunk written by a faster one reads the tail again and finishes."""
    store.fill(ALICE, 30)
    slow, dynamo = quick(store)
    overtakers = iter([store.services.syncer])

    def overtake(operation: str, _request: Mapping[str, Any]) -> None:
        if operation in PARTITION_WRITES:
            for syncer in itertools.islice(overtakers, 1):
                syncer.sync(ALICE, store.deadline)

    dynamo.before = overtake
    synced = slow.services.syncer.sync(ALICE, slow.deadline)
    assert synced == Synced(Cursor(30), 0, up_to_date=True)
    assert store.partition_images(ALICE) == store.expected_images(ALICE)


def test_a_slow_sync_never_brings_back_what_was_deleted(store: Store) -> None:
    """A sync that still holds a deleted image finds the tombstone there and writes nothing over
    it."""
    store.put_entry(ALICE, foreign(1))
    slow, dynamo = quick(store)

    def deleted_meanwhile(operation: str, _request: Mapping[str, Any]) -> None:
        if operation in PARTITION_WRITES and not store.primary_log.get(ALICE, Cursor(2)):
            delete(store, 1, at=2)
            store.sync(ALICE)

    dynamo.before = deleted_meanwhile
    slow.services.syncer.sync(ALICE, slow.deadline)
    assert [row.kind for row in store.partition_rows(ALICE)] == ["erased", "deletion"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_unknown_outcome_is_settled_by_the_tail(store: Store, moment: str) -> None:
    """After a fault the tail is read again, so that nothing is lost and nothing is doubled."""
    store.fill(ALICE, 30)
    flaky, dynamo = quick(store)
    left = [UnknownOutcome("fault")]

    def fault(operation: str, _request: Mapping[str, Any]) -> None:
        if operation in PARTITION_WRITES and left:
            raise left.pop()

    setattr(dynamo, moment, fault)
    assert flaky.services.syncer.sync(ALICE, flaky.deadline).up_to_date
    assert store.partition_images(ALICE) == store.expected_images(ALICE)


def test_an_image_and_its_deletion_in_one_chunk(store: Store) -> None:
    """An image that is deleted in the same chunk never reaches the partition."""
    store.put_entry(ALICE, foreign(1))
    store.put_entry(ALICE, foreign(2))
    delete(store, 1, at=3)
    store.sync(ALICE)
    assert [row.kind for row in store.partition_rows(ALICE)] == ["erased", "image", "deletion"]


def test_a_deletion_is_shown_only_after_its_image_is_gone(store: Store) -> None:
    """The earlier image becomes a tombstone before the deletion's cursor can be read."""
    store.put_entry(ALICE, foreign(1))
    store.sync(ALICE)
    delete(store, 1, at=2)
    watched, dynamo = quick(store)
    seen = []
    dynamo.before = lambda operation, _request: (
        seen.append(store.partition_rows(ALICE)[0].kind) if operation == "put_item" else None
    )
    watched.services.syncer.sync(ALICE, watched.deadline)
    assert seen == ["erased"]
    assert [row.kind for row in store.partition_rows(ALICE)] == ["erased", "deletion"]


def test_many_syncs_at_once(store: Store) -> None:
    """Four syncs of one user that race leave exactly the primary's images."""
    store.fill(ALICE, 200)
    assert at_once(4, lambda: store.services.syncer.sync(ALICE, store.deadline)) == 4
    assert store.partition_images(ALICE) == store.expected_images(ALICE)
