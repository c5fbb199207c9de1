"""Deleting images, on both engines: gone from both logs when it answers."""

import itertools
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.bootstrap import build
from chalicelib.dynamodb.protocol import Dynamo, Reason, Refused, UnknownOutcome
from chalicelib.model.entries import START, Cursor, Mark, Position, Row
from chalicelib.model.errors import (
    Contended,
    HoleFound,
    ImageNotFound,
    ImageStorageError,
    ResyncRequired,
    Unavailable,
)
from chalicelib.model.timing import Deadline
from chalicelib.store.items import entry_to_item, row_to_item
from chalicelib.store.partition import MAX_LOOK
from chalicelib.store.primary import TURNS
from chalicelib.store.removal import MAX_DELETIONS
from tests.support import ALICE, BOB, Intercepted, Store, at_once, dump, foreign, picture, quick

ONE = Cursor(1)
KEPT = ("user_id", "cursor", "kind", "idem", "created_at", "count", "mark", "registered_at")
CALLS = ["query", "transact_write_items"]  # the deletion in the primary
CALLS += ["query", "query", "update_item", "put_item", "query"]  # the sync, and the look
WRITES = ("put_item", "update_item", "transact_write_items")


def delete(store: Store, *cursors: int, seen: Position | None = None) -> None:
    """Deletes these, the first if none is named."""
    asked = [Cursor(cursor) for cursor in cursors or (1,)]
    store.services.deleter.delete(ALICE, asked, store.deadline, seen)


def kinds(store: Store) -> list[str]:
    return [entry.kind for entry in store.primary_entries(ALICE)]


def in_partition(store: Store) -> list[str]:
    return [row.kind for row in store.partition_rows(ALICE)]


def everything(store: Store) -> str:
    return str([dump(log, ALICE) for log in (store.primary_log, store.partition_log)])


def test_an_image_is_gone_from_both_logs(store: Store) -> None:
    """Both logs have a tombstone in its place and a deletion at the end, with the count of the
    rest."""
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


def test_the_tombstone_keeps_all_but_the_payload(store: Store) -> None:
    """Who wrote the entry, when, its count, and the place in the index of users all stay."""
    full = picture()._replace(model="m", seed="7", steps=3)
    store.services.primary.append(ALICE, [full], store.deadline)
    store.sync(ALICE)
    before = dump(store.primary_log, ALICE)[0]
    assert set(before) == {*KEPT, "prompt", "image_url", "model", "seed", "steps"}
    delete(store)
    after = dump(store.primary_log, ALICE)[0]
    assert after == {name: before[name] for name in KEPT} | {"kind": {"S": "erased"}}
    tombstone = dump(store.partition_log, ALICE)[0]
    assert tombstone == row_to_item(ALICE, Row(ONE, 1, mark=Mark(before["mark"]["S"])))


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
    with pytest.raises(Contended if made == 1 else Unavailable):
        timed.services.deleter.delete(ALICE, [ONE], deadline)
    assert calls == CALLS[:made]
    delete(store)
    assert in_partition(store) == ["erased", "image", "deletion"]


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
    """A `Dynamo` whose next query sees nothing; then `outer` goes back to the one inside."""

    def __init__(self, inner: Dynamo, outer: Intercepted) -> None:
        super().__init__(inner)
        self._outer = outer

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


def test_what_is_deleted_meanwhile_is_not_deleted_twice(store: Store) -> None:
    """Another's deletion between the look at the tail and the write leaves one deletion of each."""
    store.save(ALICE, 3)
    racing, dynamo = quick(store)
    rivals = [2]

    def rival(operation: str, _request: Mapping[str, Any]) -> None:
        if operation == "transact_write_items" and rivals:
            delete(store, rivals.pop())

    dynamo.before = rival
    delete(racing, 1, 2, 3)
    assert [entry.deletes for entry in store.primary_entries(ALICE)[3:]] == [2, 3, 1]
    assert kinds(store) == ["erased"] * 3 + ["deletion"] * 3
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


class TestMany:
    """Several images in one transaction: all of them or none."""

    def test_they_are_gone_from_both_logs(self, store: Store) -> None:
        store.save(ALICE, 4)
        store.sync(ALICE)
        delete(store, 3, 1)
        assert kinds(store) == ["erased", "image", "erased", "image", "deletion", "deletion"]
        assert in_partition(store) == kinds(store)
        deletions = store.primary_entries(ALICE)[4:]
        assert [(entry.deletes, entry.count) for entry in deletions] == [(3, 3), (1, 2)]
        assert len({entry.request_id for entry in deletions}) == 1

    def test_as_many_as_one_request_takes_in_one_transaction(self, store: Store) -> None:
        """Also when they are all images of another size than usual; others stay."""
        store.fill(ALICE, MAX_DELETIONS + 1)
        watched, dynamo = quick(store)
        sizes: list[int] = []

        def count(operation: str, request: Mapping[str, Any]) -> None:
            if operation == "transact_write_items" and store.tables.primary in str(request):
                sizes.append(len(request["TransactItems"]))

        dynamo.before = count
        delete(watched, *range(1, MAX_DELETIONS + 1))
        assert sizes == [2 * MAX_DELETIONS]
        assert kinds(store).count("image") == 1
        assert in_partition(store) == kinds(store)

    def test_what_is_deleted_already_is_fine(self, store: Store) -> None:
        store.save(ALICE, 3)
        delete(store, 2)
        delete(store, 1, 2, 3)
        assert kinds(store) == ["erased"] * 3 + ["deletion"] * 3
        delete(store, 3, 2, 1)
        assert len(store.primary_entries(ALICE)) == 6

    @pytest.mark.parametrize("beyond", [[], [6, 99]])
    def test_any_that_never_was_an_image_keeps_all(self, store: Store, beyond: list[int]) -> None:
        """All such are named: deletions, and what lies beyond the tail; nothing is deleted."""
        store.save(ALICE, 3)
        delete(store, 2)
        delete(store, 3)
        before = store.primary_entries(ALICE)
        with pytest.raises(ImageNotFound) as missing:
            delete(store, 4, 1, 2, 5, *beyond)
        assert missing.value.cursors == (4, 5, *beyond)
        assert store.primary_entries(ALICE) == before

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_fault_at_the_write_deletes_each_once(self, store: Store, moment: str) -> None:
        """Whether it was done or not, with a rival at the tail or not, the same call does it."""
        store.save(ALICE, 3)
        flaky, dynamo = quick(store)
        faults = [UnknownOutcome("fault")]

        def fault(operation: str, _request: Mapping[str, Any]) -> None:
            if operation == "transact_write_items" and faults:
                store.save(ALICE)
                raise faults.pop()

        setattr(dynamo, moment, fault)
        delete(flaky, 1, 3)
        deleted = [entry.deletes for entry in store.primary_entries(ALICE) if entry.deletes]
        assert deleted == [3, 1]
        assert in_partition(store) == kinds(store)

    def test_does_not_answer_while_one_of_them_is_shown(self, store: Store) -> None:
        """The last that the partition still shows holds the answer back."""
        store.save(ALICE, 3)
        store.sync(ALICE)
        stuck, dynamo = quick(store)

        def keep_three(operation: str, request: Mapping[str, Any]) -> None:
            if operation == "update_item" and request["Key"]["cursor"]["N"] == "3":
                raise UnknownOutcome("stuck")

        dynamo.before = keep_three
        with pytest.raises(Unavailable):
            delete(stuck, 1, 2, 3)
        delete(store, 1, 2, 3)
        assert in_partition(store) == kinds(store)

    def test_one_query_looks_at_all_that_lie_close_together(self, store: Store) -> None:
        store.fill(ALICE, MAX_LOOK + 40)
        store.sync(ALICE)
        delete(store, 1, 40, MAX_LOOK, MAX_LOOK + 1, MAX_LOOK + 40)
        watched, dynamo = quick(store)
        looks: list[int] = []
        dynamo.before = lambda _operation, request: looks.append(request["Limit"])
        partition = watched.partition(ALICE)
        asked = [Cursor(n) for n in (1, 40, MAX_LOOK, MAX_LOOK + 1, MAX_LOOK + 40)]
        assert partition.are_erased(asked, store.deadline)
        assert looks == [41 + MAX_LOOK - 40, 1] or sum(looks) <= MAX_LOOK + 1
        assert not partition.are_erased([Cursor(2), *asked], store.deadline)
        assert not partition.are_erased([*asked, Cursor(999)], store.deadline)

    def test_many_at_once_share_their_images(self, store: Store) -> None:
        """Requests whose images overlap, all at once, leave one deletion of each."""
        store.fill(ALICE, 12)
        store.sync(ALICE)
        asked = iter([(1, 2, 3, 4), (3, 4, 5, 6), (6, 5, 1), (12, 1, 6)] * 2)
        assert at_once(8, lambda: delete(store, *next(asked))) == 8
        deleted = [entry.deletes for entry in store.primary_entries(ALICE) if entry.deletes]
        assert sorted(deleted) == [1, 2, 3, 4, 5, 6, 12]
        assert in_partition(store) == kinds(store)


class TestSeen:
    """A deletion that tells where its caller saw the log is never applied to another log."""

    def mark(self, store: Store, cursor: int, mark: str) -> None:
        entry = replace(store.primary_entries(ALICE)[cursor - 1], mark=Mark(mark))
        item = entry_to_item(ALICE, entry)
        store.dynamo.put_item(TableName=store.tables.primary, Item=item)

    def test_the_entry_that_was_seen_is_still_there(self, store: Store) -> None:
        """Be it the image itself, one beside it, or a tombstone by now."""
        store.save(ALICE, 3)
        self.mark(store, 2, "seen-2")
        there = Position(Cursor(2), Mark("seen-2"))
        for cursors in ([1], [2], [2, 3]):
            delete(store, *cursors, seen=there)
        assert kinds(store) == ["erased"] * 3 + ["deletion"] * 3

    @pytest.mark.parametrize("at", [0, 1, 2, 9])
    def test_another_stands_there_or_none(self, store: Store, at: int) -> None:
        """Also where the entry is from before there were marks; nothing is deleted."""
        store.save(ALICE, 3)
        self.mark(store, 1, "")  # from before there were marks
        self.mark(store, 3, "seen")
        before = store.primary_entries(ALICE)
        for cursors in ([3], [1, 2], [99]):
            with pytest.raises(ResyncRequired):
                delete(store, *cursors, seen=Position(Cursor(at), Mark("seen")))
        assert store.primary_entries(ALICE) == before

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_fault_at_the_look_deletes_nothing(self, store: Store, moment: str) -> None:
        """The engine has asked again already; the same call later finds all as it was."""
        store.save(ALICE, 2)
        self.mark(store, 2, "seen")
        flaky, dynamo = quick(store)
        faults = [UnknownOutcome("fault")]

        def fault(operation: str, _request: Mapping[str, Any]) -> None:
            if operation == "get_item" and faults:
                raise faults.pop()

        setattr(dynamo, moment, fault)
        with pytest.raises(Unavailable):
            delete(flaky, seen=Position(Cursor(2), Mark("seen")))
        assert kinds(store) == ["image", "image"]
        delete(flaky, seen=Position(Cursor(2), Mark("seen")))
        assert kinds(store) == ["erased", "image", "deletion"]

    def test_begins_no_write_when_the_look_took_all_the_time(self, store: Store) -> None:
        store.save(ALICE, 2)
        self.mark(store, 2, "seen")
        timed, dynamo = quick(store)
        calls: list[str] = []
        dynamo.after = lambda operation, _request: calls.append(operation)
        deadline = Deadline(at=1.0, monotonic=lambda: float(len(calls)))
        seen = Position(Cursor(2), Mark("seen"))
        with pytest.raises(Contended):
            timed.services.deleter.delete(ALICE, [ONE], deadline, seen)
        assert calls == ["get_item"]


def race(store: Store, savers: int, deleters: int, each: int) -> Counter[str]:
    """Savers that never rest until so many deleters have asked for so many deletions each."""
    told: Counter[str] = Counter()
    cursors = itertools.count(1)
    left = [deleters]

    def process() -> Store:
        return Store(build(store.dynamo, store.tables, emit=silent), store.dynamo, store.tables)

    def save() -> None:
        mine = process()
        while left[0]:
            with suppress(Contended):
                mine.save(ALICE)

    def delete_some() -> None:
        mine = process()
        for _ in range(each):
            try:
                mine.services.primary.delete(ALICE, [Cursor(next(cursors))], mine.deadline)
                told["deleted"] += 1
            except ImageStorageError as error:
                told[type(error).__name__] += 1
        left[0] -= 1

    work = iter([save] * savers + [delete_some] * deleters)
    at_once(savers + deleters, lambda: next(work)())
    return told


def silent(_line: str) -> None:
    """Metrics are not what is looked at."""


class TestContention:
    """Who writes to the same log at once: each gets a turn, and is told the truth if not."""

    def test_others_who_are_faster_at_every_turn_are_told_as_contention(self, store: Store) -> None:
        """`Contended` says that nothing was deleted, and nothing was."""
        store.save(ALICE)
        slow, dynamo = quick(store)
        turns: list[str] = []

        def rival(operation: str, _request: Mapping[str, Any]) -> None:
            if operation == "transact_write_items":
                turns.append(operation)
                store.put_entry(ALICE, foreign(len(turns) + 1))

        dynamo.before = rival
        with pytest.raises(Contended):
            delete(slow)
        assert len(turns) == TURNS
        assert set(kinds(store)) == {"image"}

    def test_conflicts_alone_are_contention(self, store: Store) -> None:
        """DynamoDB says that it did not do what was in conflict."""
        store.save(ALICE)
        slow, dynamo = quick(store)

        def conflict(operation: str, _request: Mapping[str, Any]) -> None:
            if operation == "transact_write_items":
                raise Refused([Reason("TransactionConflict"), Reason("None")])

        dynamo.before = conflict
        with pytest.raises(Contended):
            delete(slow)

    def test_a_try_whose_outcome_is_not_known_is_never_told_as_contention(
        self, store: Store
    ) -> None:
        """Not even when conflicts follow: the first try may yet be done."""
        store.save(ALICE)
        slow, dynamo = quick(store)
        tries: list[str] = []

        def trouble(operation: str, _request: Mapping[str, Any]) -> None:
            if operation == "transact_write_items":
                tries.append(operation)
                if len(tries) == 1:
                    raise UnknownOutcome("fault")
                raise Refused([Reason("TransactionConflict"), Reason("None")])

        dynamo.before = trouble
        with pytest.raises(Unavailable):
            delete(slow)

    def test_a_hole_is_told_with_its_place(self, store: Store) -> None:
        """Nothing stands at a cursor below the tail: no 404, and nothing is deleted."""
        store.save(ALICE, 4)
        key = {"user_id": {"S": ALICE}, "cursor": {"N": "2"}}
        gone = {"Delete": {"TableName": store.tables.primary, "Key": key}}
        store.dynamo.transact_write_items(TransactItems=[gone])
        with pytest.raises(HoleFound, match="primary is damaged at cursor 2"):
            delete(store, 1, 2)
        assert kinds(store) == ["image"] * 3

    def test_everybody_gets_a_turn(self, store: Store) -> None:
        """Savers that never rest, and deleters, each a process of its own: all are done."""
        store.fill(ALICE, 24)
        store.sync(ALICE)
        done = race(store, savers=4, deleters=4, each=6)
        assert done == {"deleted": 24}
        assert kinds(store)[:24] == ["erased"] * 24
