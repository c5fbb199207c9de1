"""Marks, on both engines: a position in one log is never taken for one in another."""

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.dynamodb.protocol import UnknownOutcome
from chalicelib.model.entries import NO_MARK, START, Cursor, Mark, Position, UserId
from chalicelib.model.errors import ResyncRequired
from chalicelib.store.log import Log
from chalicelib.store.partition import Changes
from tests.support import ALICE, BOB, Store, dump, foreign, pictures, quick

Item = Mapping[str, Any]
ANOTHER = Mark("another")


def marks_of(items: list[Item]) -> list[str | None]:
    return [item.get("mark", {}).get("S") for item in items]


def library(store: Store, many: int = 4, user: UserId = ALICE) -> list[Mark]:
    """So many synced images; their marks by cursor, the empty one first."""
    store.save_batch(user, many)
    store.sync(user)
    return [NO_MARK, *(row.mark for row in store.partition_rows(user))]


def changes(store: Store, after: int, mark: Mark, limit: int = 50) -> Changes:
    return store.partition(ALICE).changes(Cursor(after), limit, store.deadline, mark)


def shown(store: Store, before: int, mark: Mark, limit: int = 50) -> int:
    """How many images there are on the page below."""
    page = store.partition(ALICE).page(limit, Cursor(before), None, store.deadline, mark)
    return len(page.images)


def test_every_entry_has_a_mark_of_its_own_in_both_logs(store: Store) -> None:
    """Images of one request, single ones, and deletions; a tombstone keeps the mark of its
    image."""
    store.save(ALICE, 2)
    store.save_batch(ALICE, 2)
    before = marks_of(dump(store.primary_log, ALICE))
    store.services.deleter.delete(ALICE, [Cursor(2)], store.deadline)
    store.services.primary.delete(ALICE, [Cursor(1), Cursor(3)], store.deadline)
    store.sync(ALICE)
    marks = marks_of(dump(store.primary_log, ALICE))
    assert marks[:4] == before
    assert None not in marks
    assert len(set(marks)) == len(marks) == 7
    assert marks_of(dump(store.partition_log, ALICE)) == marks


def test_an_image_deleted_before_its_sync_keeps_its_mark(store: Store) -> None:
    """An image that sync turns into a tombstone keeps its mark in the partition."""
    store.save(ALICE)
    store.services.primary.delete(ALICE, [Cursor(1)], store.deadline)
    store.sync(ALICE)
    assert marks_of(dump(store.partition_log, ALICE)) == marks_of(dump(store.primary_log, ALICE))


def test_another_try_has_another_mark(store: Store) -> None:
    """A request that is tried again, at the same cursor or elsewhere, brings new marks: in a log
    that was put back meanwhile, it is not what stood there before."""
    quickly, dynamo = quick(store)
    sent: list[tuple[str, str | None]] = []

    def lose_the_first(operation: str, request: Mapping[str, Any]) -> None:
        if operation != "transact_write_items":
            return
        for write in request["TransactItems"]:
            item = write["Put"]["Item"]
            sent.append((item["cursor"]["N"], item.get("mark", {}).get("S")))
        if len(sent) == 2:
            store.put_entry(ALICE, foreign(1))
            raise UnknownOutcome("lost")

    dynamo.before = lose_the_first
    quickly.services.primary.append(ALICE, pictures(2), quickly.deadline)
    assert [cursor for cursor, _mark in sent] == ["1", "2", "1", "2", "2", "3"]
    assert len({mark for _cursor, mark in sent}) == 6


class TestAnswers:
    def test_a_page_tells_the_marks_of_its_top_and_of_its_end(self, store: Store) -> None:
        """`mark` belongs to `cursor`, `next_mark` to `next`."""
        marks = library(store)
        partition = store.partition(ALICE)
        first = partition.page(2, None, None, store.deadline)
        assert (first.cursor, first.mark) == (4, marks[4])
        assert (first.next, first.next_mark) == (3, marks[3])
        second = partition.page(1, first.next, None, store.deadline, first.next_mark)
        assert (second.next, second.next_mark) == (2, marks[2])
        last = partition.page(1, second.next, None, store.deadline, second.next_mark)
        assert (last.next, last.next_mark) == (None, NO_MARK)

    def test_changes_tell_the_mark_of_their_end(self, store: Store) -> None:
        """Also when there are none, and the mark is not known to the reader."""
        marks = library(store)
        assert changes(store, 0, NO_MARK, 2).mark == marks[2]
        assert changes(store, 2, marks[2]).mark == marks[4]
        assert changes(store, 4, NO_MARK) == Changes((), Cursor(4), True, marks[4])

    def test_an_empty_library_has_no_mark(self, store: Store) -> None:
        assert store.partition(ALICE).page(50, None, None, store.deadline).mark == NO_MARK
        assert changes(store, 0, NO_MARK) == Changes((), START, True, NO_MARK)

    def test_a_tombstone_or_a_deletion_is_a_position_like_any(self, store: Store) -> None:
        """What is deleted after a reader came by does not send it back to the start."""
        marks = library(store)
        store.services.deleter.delete(ALICE, [Cursor(3)], store.deadline)
        assert shown(store, 3, marks[3]) == 2
        found = changes(store, 3, marks[3])
        assert [row.cursor for row in found.rows] == [4, 5]
        assert changes(store, 5, found.mark).up_to_date


@pytest.mark.parametrize("cursor", [0, 1, 3, 4, 5, 9])
class TestAnotherLog:
    """Wherever it stands, beyond the end and before the start too, an unknown mark is told."""

    def test_changes(self, store: Store, cursor: int) -> None:
        library(store)
        with pytest.raises(ResyncRequired):
            changes(store, cursor, ANOTHER)

    def test_a_page(self, store: Store, cursor: int) -> None:
        library(store)
        with pytest.raises(ResyncRequired):
            shown(store, cursor or 1, ANOTHER)

    def test_a_mark_of_elsewhere(self, store: Store, cursor: int) -> None:
        """A neighbour's mark, and that of the same cursor in another user's log."""
        mine, others = library(store), library(store, user=BOB)
        for mark in (mine[2], others[min(cursor, 4)]):
            if mark:
                with pytest.raises(ResyncRequired):
                    changes(store, cursor, mark)
                with pytest.raises(ResyncRequired):
                    shown(store, cursor or 1, mark)


def test_a_position_of_a_log_that_was_put_back_and_outgrown(store: Store) -> None:
    """The same cursor, another entry: also where the new log is longer than the old was."""
    marks = library(store, 3)
    for log in (store.primary_log, store.partition_log):
        forget(log, 3)
    restored, _dynamo = quick(store)  # a process that remembers nothing of the old log
    library(restored, 3)
    assert [row.cursor for row in changes(store, 2, marks[2]).rows] == [3, 4, 5]
    with pytest.raises(ResyncRequired):
        changes(store, 3, marks[3])
    with pytest.raises(ResyncRequired):
        shown(store, 3, marks[3])


def forget(log: Log, cursor: int) -> None:
    log.transact([log.removal(ALICE, Cursor(cursor))])


def test_old_rows_without_marks_are_read_as_before(store: Store) -> None:
    """They give empty marks, which name no entry: nothing is checked."""
    for cursor in (1, 2, 3):
        store.put_entry(ALICE, foreign(cursor))
    store.sync(ALICE)
    assert marks_of(dump(store.partition_log, ALICE)) == [None] * 3
    page = store.partition(ALICE).page(1, None, None, store.deadline)
    assert (page.next, page.mark, page.next_mark) == (3, NO_MARK, NO_MARK)
    assert shown(store, 3, NO_MARK) == 2
    assert changes(store, 2, NO_MARK).mark == NO_MARK
    with pytest.raises(ResyncRequired):
        changes(store, 2, ANOTHER)


class TestHalfSeen:
    """A position is checked while the rows about it are being shown one by one."""

    def test_the_rows_beyond_a_position_are_waited_for(self, store: Store) -> None:
        marks = library(store, 2)
        put_row(store, 4)
        quickly, dynamo = quick(store)
        dynamo.after = lambda _operation, _request: put_row(store, 3)
        assert [row.cursor for row in changes(quickly, 2, marks[2]).rows] == [3, 4]

    def test_the_rows_below_a_position_are_waited_for(self, store: Store) -> None:
        marks = library(store, 3)
        taken = dump(store.partition_log, ALICE)[1]
        forget(store.partition_log, 2)
        quickly, dynamo = quick(store)
        dynamo.after = lambda _operation, _request: put_item(store, taken)
        assert shown(quickly, 3, marks[3]) == 2


def put_row(store: Store, cursor: int) -> None:
    row = dump(store.partition_log, ALICE)[0]
    put_item(store, {**row, "cursor": {"N": str(cursor)}})


def put_item(store: Store, item: Item) -> None:
    store.dynamo.put_item(TableName=store.tables.partition, Item=item)


def test_a_mark_costs_no_call(store: Store) -> None:
    """A position is checked by the very query that reads what lies beyond it; also at the tail."""
    marks = library(store, 4)
    quickly, dynamo = quick(store)
    calls: list[str] = []
    dynamo.before = lambda operation, _request: calls.append(operation)
    for position in (Position(Cursor(4), marks[4]), Position(Cursor(2), marks[2])):
        changes(quickly, *position)
        changes(quickly, position.cursor, NO_MARK)
        shown(quickly, *position)
    assert calls == ["query"] * 6
