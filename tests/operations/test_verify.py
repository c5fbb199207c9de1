"""Verify: a difference is always found, at its cursor; a live log is never called different."""

from typing import Any

import pytest

from chalicelib.dynamodb.protocol import UnknownOutcome
from chalicelib.model.entries import Cursor, UserId
from tests.operations.support import (
    Answer,
    Crash,
    Rig,
    add,
    change,
    clear,
    delete,
    delete_unsynced,
    deleter,
    fill_synced,
    operate,
    remove,
    syncer,
    traffic,
    writer,
)
from tests.operations.vandalism import EXTRA, MISSING, VANDALISM, Vandalism, library
from tests.support import ALICE, BOB, Store

EQUAL: Answer = {"done": True, "user": ALICE, "equal": True, "difference": None, "behind": 0}


def verify(store: Store) -> Answer:
    return operate(store, "verify_user", {"user": ALICE})


def test_verify_equal_logs(store: Store) -> None:
    """Images, tombstones and deletions that agree are equal, and each was looked at."""
    library(store)
    assert verify(store) == EQUAL | {"compared": 7, "outdated": 0, "entries": 7}


def test_verify_nobody(store: Store) -> None:
    """Two empty logs are equal; a mistyped name is noticed by its 0 entries."""
    assert verify(store) == EQUAL | {"compared": 0, "outdated": 0, "entries": 0}


def test_verify_many_chunks(store: Store) -> None:
    """Every entry is compared once, however many chunks they come in."""
    fill_synced(store, 230)
    assert verify(store) == EQUAL | {"compared": 230, "outdated": 0, "entries": 230}
    change(store, 217, count={"N": "1"})
    assert verify(store)["difference"]["cursor"] == 217


@pytest.mark.parametrize("many", [1, 3])
def test_verify_behind_is_no_fault(store: Store, many: int) -> None:
    """What waits for its sync is told by its number, and is no difference."""
    fill_synced(store, 2)
    store.save(ALICE, many)
    counts = {"compared": 2, "outdated": 0, "entries": 2 + many, "behind": many}
    assert verify(store) == EQUAL | counts


def test_verify_never_synced(store: Store) -> None:
    """A partition with nothing in it yet is as equal as it is behind."""
    store.save(ALICE, 3)
    assert verify(store) == EQUAL | {"compared": 0, "outdated": 0, "entries": 3, "behind": 3}


def test_verify_deletion_that_waits_for_its_sync(store: Store) -> None:
    """The image still stands in the partition: that is no difference until the sync has come."""
    fill_synced(store, 3)
    delete_unsynced(store, 2)
    assert verify(store) == EQUAL | {"compared": 3, "outdated": 0, "entries": 4, "behind": 1}


def test_verify_damage_under_a_deletion_that_waits(store: Store) -> None:
    """That a deletion waits excuses the image that stands there, and nothing else."""
    fill_synced(store, 3)
    delete_unsynced(store, 2)
    change(store, 2, count={"N": "9"})
    assert verify(store)["difference"] == {
        "log": "partition",
        "cursor": 2,
        "what": "other in the partition: count",
    }
    remove(store, 2)
    assert verify(store)["difference"] == {"log": "partition", "cursor": 2, "what": MISSING}


@pytest.mark.parametrize("vandalism", VANDALISM, ids=lambda vandalism: vandalism.name)
def test_verify_finds(store: Store, vandalism: Vandalism) -> None:
    """The first cursor that differs is named, with what is wrong there, without content."""
    library(store)
    vandalism.do(store)
    answer = verify(store)
    assert answer["equal"] is False
    assert answer["difference"] == {
        "log": "partition",
        "cursor": vandalism.cursor,
        "what": vandalism.what,
    }


@pytest.mark.parametrize("cursor", [0, -5])
def test_verify_finds_the_only_row_where_none_may_be(store: Store, cursor: int) -> None:
    """Also in a partition that holds nothing else."""
    store.save(ALICE, 2)
    add(store, cursor)
    assert verify(store)["difference"] == {"log": "partition", "cursor": cursor, "what": EXTRA}


@pytest.mark.parametrize("version", ["0", "-3", "1.5", "1"])
def test_verify_older_form_is_counted_not_blamed(store: Store, version: str) -> None:
    """A row in an older form says the same: it is counted as outdated."""
    fill_synced(store, 3)
    change(store, 2, version={"N": version})
    assert verify(store) == EQUAL | {"compared": 3, "outdated": 1, "entries": 3}


def test_verify_image_changed_in_an_older_form(store: Store) -> None:
    """An older form excuses no other content."""
    fill_synced(store, 3)
    change(store, 2, version={"N": "1"}, image={"S": "prompt"})
    assert verify(store)["difference"] == {
        "log": "partition",
        "cursor": 2,
        "what": "other in the partition: image",
    }


def test_verify_whole_partition_gone(store: Store) -> None:
    """A partition that was removed is behind, and equal as far as it goes: a sync fills it."""
    library(store)
    clear(store)
    assert verify(store) == EQUAL | {"compared": 0, "outdated": 0, "entries": 7, "behind": 7}


def test_verify_primary_that_lost_its_end(store: Store) -> None:
    """Rows that the primary no longer has, after a restore, are a difference at the first."""
    fill_synced(store, 4)
    restored = {"TableName": store.tables.primary}
    for cursor in (3, 4):
        key = {"user_id": {"S": ALICE}, "cursor": {"N": str(cursor)}}
        store.dynamo.transact_write_items(TransactItems=[{"Delete": {**restored, "Key": key}}])
    answer = verify(store)
    assert (answer["difference"], answer["behind"]) == (
        {"log": "partition", "cursor": 3, "what": EXTRA},
        0,
    )


def test_verify_reads_again_before_it_reports(store: Store) -> None:
    """A deletion that came between the two reads is no difference."""
    fill_synced(store, 3)
    rig = Rig.on(store)

    def meanwhile(_operation: str, request: Any) -> None:
        if len(rig.calls) == 3 and request["TableName"] == store.tables.partition:
            delete(store, 2)

    rig.before(meanwhile)
    assert rig.finish("verify_user", {"user": ALICE})["equal"]
    assert store.primary_entries(ALICE)[-1].deletes == 2


@pytest.mark.real_engine
def test_verify_while_everything_goes_on(store: Store) -> None:
    """Two writers, a deleter and two syncs are never taken for a difference."""
    fill_synced(store, 20)
    work = [writer(store), writer(store), deleter(store), syncer(store), syncer(store)]
    with traffic(*work):
        answers = [verify(store) for _ in range(12)]
    assert [answer["difference"] for answer in answers] == [None] * 12
    store.sync(ALICE)
    assert verify(store)["equal"]
    kinds = {entry.kind for entry in store.primary_entries(ALICE)}
    assert kinds == {"image", "erased", "deletion"}


def test_verify_all_counts_each_user_once(store: Store) -> None:
    """Who is equal and who is not, with the first difference of each by its user; who is behind."""
    fill_synced(store, 3)
    store.save(ALICE, 2)
    fill_synced(store, 4, BOB)
    change(store, 2, BOB, count={"N": "9"})
    assert operate(store, "verify_all", {}) == {
        "done": True,
        "users": 2,
        "equal": 1,
        "different": 1,
        "failed": 0,
        "behind": 1,
        "compared": 5,
        "outdated": 0,
        "differences": [
            {
                "user": BOB,
                "log": "partition",
                "cursor": 2,
                "what": "other in the partition: count",
            }
        ],
        "waiting": [{"user": ALICE, "entries": 2}],
    }


@pytest.mark.parametrize("error", [UnknownOutcome("fault"), ValueError("fault")])
def test_verify_all_goes_on_past_a_user_who_cannot_be_read(store: Store, error: Exception) -> None:
    """One user's trouble is counted, whatever it is, and holds up nobody."""
    fill_synced(store, 3)
    fill_synced(store, 4, BOB)
    rig = Rig.on(store)
    rig.before(failing_for(ALICE, error))
    answer = rig.finish("verify_all", {})
    assert {name: answer[name] for name in ("users", "equal", "failed")} == {
        "users": 2,
        "equal": 1,
        "failed": 1,
    }


def failing_for(user: UserId, error: Exception) -> Any:
    def fault(_operation: str, request: Any) -> None:
        if user in str(request.get("ExpressionAttributeValues")):
            raise error

    return fault


def test_verify_all_names_twenty_at_most(store: Store) -> None:
    """The answer stays small; the counts tell the rest."""
    for number in range(22):
        user = UserId(f"user-{number}".ljust(43, "-"))
        fill_synced(store, 1, user)
        store.save(user)
        change(store, 1, user, count={"N": "9"})
    answer = operate(store, "verify_all", {})
    assert (answer["different"], len(answer["differences"])) == (22, 20)
    assert (answer["behind"], len(answer["waiting"])) == (22, 20)


def test_verify_changes_nothing(store: Store) -> None:
    """It reads, and never writes."""
    library(store)
    change(store, 3, count={"N": "9"})
    rig = Rig.on(store)

    def no_write(operation: str, _request: Any) -> None:
        if operation not in ("query", "get_item", "scan"):
            raise Crash(operation)

    rig.before(no_write)
    assert not rig.finish("verify_user", {"user": ALICE})["equal"]
    assert rig.finish("verify_all", {})["different"] == 1
    assert store.partition_log.get(ALICE, Cursor(3))
