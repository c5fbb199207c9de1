"""Rebuild: whatever was done to a partition is mended in place, and nothing deleted comes back."""

from typing import Any

import pytest

from chalicelib.bootstrap import build
from chalicelib.dynamodb.protocol import UnknownOutcome
from chalicelib.model.entries import Cursor
from chalicelib.model.errors import ResyncRequired, Unavailable
from tests.operations.support import (
    Answer,
    Rig,
    add,
    assert_as_projected,
    change,
    clear,
    delete,
    delete_unsynced,
    deleter,
    everything,
    fill_synced,
    operate,
    remove,
    stored,
    syncer,
    traffic,
    writer,
)
from tests.operations.vandalism import VANDALISM, Vandalism, library
from tests.support import ALICE, BOB, Store, picture

USER = {"user": ALICE}


def rebuild(store: Store) -> Answer:
    return operate(store, "rebuild_partition", USER)


@pytest.mark.parametrize("vandalism", VANDALISM, ids=lambda vandalism: vandalism.name)
def test_rebuild_mends(store: Store, vandalism: Vandalism) -> None:
    """Afterwards the partition is the projection of the primary, byte for byte."""
    library(store)
    vandalism.do(store)
    answer = rebuild(store)
    assert answer["rewritten"] + answer["removed"] == 1 + (vandalism.name == "two differences")
    assert_as_projected(store)
    assert operate(store, "verify_user", USER)["equal"]


@pytest.mark.parametrize("cursor", [0, -5])
def test_rebuild_removes_the_only_row_where_none_may_be(store: Store, cursor: int) -> None:
    """Also from a partition that holds nothing else; then it is synced."""
    store.save(ALICE, 3)
    add(store, cursor)
    assert rebuild(store)["removed"] == 1
    assert_as_projected(store)


def test_rebuild_of_what_is_right_writes_nothing(store: Store) -> None:
    """It looks at each entry once, and changes none."""
    library(store)
    rig = Rig.on(store)
    expected = {"done": True, "user": ALICE, "cursor": 7, "compared": 7}
    assert rig.finish("rebuild_partition", USER) == expected | {"rewritten": 0, "removed": 0}
    assert set(rig.calls) == {"query"}


def test_rebuild_again_changes_nothing(store: Store) -> None:
    """The second run finds everything in its place."""
    library(store)
    remove(store, 4)
    assert rebuild(store)["rewritten"] == 1
    before = stored(store, ALICE)
    assert rebuild(store)["rewritten"] == 0
    assert stored(store, ALICE) == before


def test_rebuild_of_a_partition_that_is_gone(store: Store) -> None:
    """A user whose partition was removed has it again, all of it."""
    fill_synced(store, 120)
    delete(store, 5)
    clear(store)
    assert rebuild(store)["cursor"] == 121
    assert_as_projected(store)


def test_rebuild_of_nobody(store: Store) -> None:
    """A user without anything has nothing afterwards."""
    expected = {"done": True, "user": ALICE, "cursor": 0, "compared": 0}
    assert rebuild(store) == expected | {"rewritten": 0, "removed": 0}


def test_rebuild_leaves_others_alone(store: Store) -> None:
    """One user's rebuild touches that user's partition."""
    fill_synced(store, 2)
    fill_synced(store, 2, BOB)
    change(store, 1, BOB, count={"N": "9"})
    before = stored(store, BOB)
    rebuild(store)
    assert stored(store, BOB) == before


def test_rebuild_of_older_rows(store: Store) -> None:
    """Rows in an older form are stored in today's."""
    fill_synced(store, 3)
    change(store, 2, version={"N": "1"})
    assert rebuild(store)["rewritten"] == 1
    assert_as_projected(store)


def test_rebuild_after_the_primary_was_restored(store: Store) -> None:
    """What lies beyond the primary's tail goes, and clients that had seen it must start over."""
    fill_synced(store, 10)
    store = restored(store, 6)
    assert rebuild(store) == {
        "done": True,
        "user": ALICE,
        "cursor": 6,
        "compared": 6,
        "rewritten": 0,
        "removed": 4,
    }
    assert_as_projected(store)
    with pytest.raises(ResyncRequired):
        store.partition(ALICE).changes(Cursor(10), 50, store.deadline)
    store.save(ALICE)
    store.sync(ALICE)
    assert_as_projected(store)


def test_rebuild_cuts_back_from_the_top(store: Store) -> None:
    """So that a reader in between sees a shorter partition, never one with a hole."""
    fill_synced(store, 8)
    store = restored(store, 5)
    rig = Rig.on(store)
    seen: list[list[int]] = []

    def look(operation: str, _request: Any) -> None:
        if operation == "transact_write_items":
            seen.append([row.cursor for row in store.partition_rows(ALICE)])

    rig.before(look)
    rig.finish("rebuild_partition", USER)
    assert seen == [list(range(1, 9)), list(range(1, 8)), list(range(1, 7))]


def test_rebuild_while_new_entries_come_after_a_restore(store: Store) -> None:
    """What was saved anew at a cursor that is to be removed stays: there is no hole below it."""
    fill_synced(store, 6)
    store = restored(store, 4)
    rig = Rig.on(store)

    def saved_meanwhile(operation: str, _request: Any) -> None:
        if operation == "transact_write_items" and len(store.primary_entries(ALICE)) < 6:
            store.services.primary.append(ALICE, [picture(99)] * 3, store.deadline)
            store.sync(ALICE)
        rows = store.partition_rows(ALICE)
        assert [row.cursor for row in rows] == list(range(1, len(rows) + 1))

    rig.before(saved_meanwhile)
    rig.finish("rebuild_partition", USER)
    assert_as_projected(store)
    assert "prompt 99" in str(stored(store, ALICE)[4])


def restored(store: Store, tail: int) -> Store:
    """The primary as it was when its tail was there, and functions that begin anew."""
    for item in everything(store.primary_log, ALICE)[tail:]:
        key = {"user_id": item["user_id"], "cursor": item["cursor"]}
        gone = {"Delete": {"TableName": store.tables.primary, "Key": key}}
        store.dynamo.transact_write_items(TransactItems=[gone])
    return Store(build(store.dynamo, store.tables), store.dynamo, store.tables)


@pytest.mark.parametrize("has_hole", [False, True])
def test_rebuild_never_brings_back_what_was_deleted(store: Store, *, has_hole: bool) -> None:
    """Paused just before it writes an image, while that image is deleted to its 204."""
    fill_synced(store, 3)
    remove(store, 2) if has_hole else change(store, 2, count={"N": "9"})
    rig = Rig.on(store)
    done: list[str] = []

    def deleted_meanwhile(operation: str, _request: Any) -> None:
        if operation == "transact_write_items" and not done:
            done.append(operation)
            delete_to_the_end(store, 2)

    rig.before(deleted_meanwhile)
    rig.finish("rebuild_partition", USER)
    assert done
    assert [row.kind for row in store.partition_rows(ALICE)][1] == "erased"
    assert_as_projected(store)


def delete_to_the_end(store: Store, cursor: int) -> None:
    """Deleted to its 204; over a hole there is none, however long one waits."""
    try:
        Rig.on(store).services.deleter.delete(ALICE, [Cursor(cursor)], store.deadline)
    except Unavailable:
        assert store.partition_log.get(ALICE, Cursor(cursor)) is None


def test_rebuild_never_goes_beyond_the_tail(store: Store) -> None:
    """While nothing is synced, what was saved meanwhile is left to the sync: no hole, ever."""
    fill_synced(store, 3)
    remove(store, 2)
    store.save(ALICE, 2)
    rig = Rig.on(store)
    seen: list[list[int]] = []

    def look(_operation: str, _request: Any) -> None:
        seen.append([row.cursor for row in store.partition_rows(ALICE)])
        assert seen[-1] in ([1, 3], [1, 2, 3], [1, 2, 3, 4, 5])

    rig.before(look)
    assert rig.finish("rebuild_partition", USER)["compared"] == 3
    assert_as_projected(store)


def test_rebuild_before_a_deletion_is_synced(store: Store) -> None:
    """The tombstone comes first, then the deletion's cursor: as with any sync."""
    fill_synced(store, 3)
    delete_unsynced(store, 2)
    assert rebuild(store)["cursor"] == 4
    assert_as_projected(store)


@pytest.mark.real_engine
def test_rebuild_while_everything_goes_on(store: Store) -> None:
    """Two writers, a deleter and two syncs meanwhile; then nothing deleted is there again."""
    fill_synced(store, 40)
    work = [writer(store), writer(store), deleter(store), syncer(store), syncer(store)]
    with traffic(*work):
        for cursor in range(2, 40, 6):
            change(store, cursor, count={"N": "999"})
            remove(store, cursor + 2)
            rebuild(store)
    store.sync(ALICE)
    assert_as_projected(store)
    assert operate(store, "verify_user", USER)["equal"]


def test_rebuild_twice_at_once(store: Store) -> None:
    """Another rebuild of the same user meanwhile does no harm."""
    library(store)
    remove(store, 3)
    add(store, 9)
    rig = Rig.on(store)
    others = [store]

    def meanwhile(operation: str, _request: Any) -> None:
        if operation == "transact_write_items" and others:
            rebuild(others.pop())

    rig.before(meanwhile)
    rig.finish("rebuild_partition", USER)
    assert_as_projected(store)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_rebuild_with_a_lost_write(store: Store, moment: str) -> None:
    """A write whose outcome is unknown is made again."""
    library(store)
    remove(store, 3)
    add(store, 8)
    rig = Rig.on(store)
    writes: list[str] = []

    def fault(operation: str, _request: Any) -> None:
        if operation == "transact_write_items":
            writes.append(operation)
            if len(writes) % 2:
                raise UnknownOutcome("fault")

    setattr(rig.dynamo, moment, fault)
    answer = rig.finish("rebuild_partition", USER)
    assert (answer["rewritten"], answer["removed"], len(writes)) == (1, 1, 4)
    assert_as_projected(store)


def test_rebuild_says_so_when_it_cannot_mend(store: Store) -> None:
    """Writes that never get through are an error, not a partition that is said to be done."""
    library(store)
    remove(store, 3)
    rig = Rig.on(store)

    def fault(operation: str, _request: Any) -> None:
        if operation == "transact_write_items":
            raise UnknownOutcome("fault")

    rig.before(fault)
    with pytest.raises(Unavailable):
        rig.finish("rebuild_partition", USER)
