"""Erasing a user: nothing of a payload stays, nothing newer goes, and the receipt is true."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.dynamodb.protocol import UnknownOutcome
from chalicelib.model.entries import START, Cursor
from chalicelib.model.errors import Unavailable
from chalicelib.store.idempotency import idempotent_request
from chalicelib.store.removal import MAX_DELETIONS
from tests.operations.support import (
    Answer,
    Crash,
    Rig,
    Scene,
    assert_as_projected,
    change,
    delete,
    delete_unsynced,
    deleter,
    fill_synced,
    operate,
    stored,
    syncer,
    traffic,
    writer,
)
from tests.support import ALICE, BOB, Call, Store, dump, picture, pictures

USER = {"user": ALICE}


def erase(store: Store) -> Answer:
    return operate(store, "erase_user", USER)


def receipt(entries: int, erased: int) -> Answer:
    counts = {"through": entries, "entries": entries, "erased": erased}
    return {"done": True, "user": ALICE, "damage": [], **counts}


def content(store: Store) -> str:
    """All that any of the tables holds."""
    tables = store.tables
    names = (tables.primary, tables.partition, tables.idempotency)
    return str([page["Items"] for name in names for page in scans(store, name)])


def scans(store: Store, table: str) -> Iterator[Any]:
    """All that is stored under the two users' keys."""
    for user in (ALICE, BOB):
        start: dict[str, Any] = {}
        while True:
            page = store.dynamo.query(
                TableName=table,
                KeyConditionExpression="user_id = :user",
                ExpressionAttributeValues={":user": {"S": user}},
                ConsistentRead=True,
                **start,
            )
            yield page
            if "LastEvaluatedKey" not in page:
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def test_erase_leaves_nothing_of_a_payload(store: Store) -> None:
    """Not in the primary, the partition, or the idempotency markers; the receipt counts it."""
    fill_synced(store, 3)
    request = idempotent_request("key", "image", pictures(2))
    store.services.primary.append(ALICE, pictures(2), store.deadline, request)
    assert content(store).count("prompt") > 5
    assert erase(store) == receipt(5, 5)
    assert "prompt" not in content(store)
    assert "images.example" not in content(store)
    assert_as_projected(store)
    kinds = Counter(entry.kind for entry in store.primary_entries(ALICE))
    assert kinds == {"erased": 5, "deletion": 5}
    assert store.services.primary.tail(ALICE).count == 0


def test_erase_is_of_one_user(store: Store) -> None:
    """Nobody else's images are touched."""
    fill_synced(store, 2)
    fill_synced(store, 2, BOB)
    before = dump(store.primary_log, BOB), stored(store, BOB)
    erase(store)
    assert (dump(store.primary_log, BOB), stored(store, BOB)) == before


def test_erase_nobody(store: Store) -> None:
    """A user without images gets a receipt for none."""
    assert erase(store) == receipt(0, 0)
    assert store.primary_entries(ALICE) == []


def test_erase_more_than_any_chunk(store: Store) -> None:
    """Images beyond a transaction's and a query's limits go too, 33 in a transaction."""
    store.fill(ALICE, 130)
    rig = Rig.on(store)
    sizes: list[int] = []

    def look(operation: str, request: Any) -> None:
        if operation == "transact_write_items" and store.tables.primary in str(request):
            sizes.append(len(request["TransactItems"]) // 2)

    rig.before(look)
    assert rig.finish("erase_user", USER) == receipt(130, 130)
    assert sizes == [MAX_DELETIONS] * 3 + [31]
    assert "prompt" not in content(store)
    assert_as_projected(store)


def test_erase_passes_over_what_is_deleted_already(store: Store) -> None:
    """A tombstone needs no second deletion, and counts as erased."""
    fill_synced(store, 4)
    delete(store, 2)
    delete_unsynced(store, 3)
    assert erase(store) == receipt(6, 4)
    deletions = [entry.deletes for entry in store.primary_entries(ALICE) if entry.deletes]
    assert deletions == [2, 3, 4, 1]


def test_erase_twice(store: Store) -> None:
    """The second time there is nothing to delete; its receipt is about the skeleton."""
    fill_synced(store, 3)
    erase(store)
    before = store.primary_entries(ALICE)
    assert erase(store) == receipt(6, 3)
    assert store.primary_entries(ALICE) == before


def test_erase_leaves_what_is_saved_after_its_first_call(store: Store) -> None:
    """The receipt is about what was there when it was asked for."""
    fill_synced(store, 40)
    rig = Rig.on(store)
    first = rig.call("erase_user", USER, rig.after_calls(2))
    assert (first["done"], first["through"]) == (False, 40)
    store.save(ALICE, 2)
    assert rig.finish("erase_user", first["resume"]) == receipt(40, 40)
    live = [entry.cursor for entry in store.primary_entries(ALICE) if entry.kind == "image"]
    assert live == [41, 42]
    store.sync(ALICE)
    assert_as_projected(store)


def test_erase_follows_changes(store: Store) -> None:
    """A client that follows the changes is told of each image that is gone."""
    fill_synced(store, 3)
    erase(store)
    changes = store.partition(ALICE).changes(Cursor(3), 50, store.deadline)
    assert [row.deletes for row in changes.rows] == [3, 2, 1]
    assert store.partition(ALICE).changes(START, 50, store.deadline).up_to_date


def once(operation: str, error: BaseException) -> Call:
    """Fails at the first such call."""
    faults = [error]

    def fault(called: str, _request: Any) -> None:
        if called == operation and faults:
            raise faults.pop()

    return fault


@pytest.mark.parametrize("moment", ["before", "after"])
def test_erase_with_an_unknown_outcome(store: Store, moment: str) -> None:
    """A transaction that was committed unseen is found in the entries, and not made twice."""
    fill_synced(store, 3)
    rig = Rig.on(store)
    setattr(rig.dynamo, moment, once("transact_write_items", UnknownOutcome("fault")))
    assert rig.finish("erase_user", USER) == receipt(3, 3)
    assert len(store.primary_entries(ALICE)) == 6


def test_erase_with_a_lost_reply_and_then_a_crash(store: Store) -> None:
    """Begun again from the resume of before, or from nothing, it finds what was done."""
    fill_synced(store, 40)
    rig = Rig.on(store)
    first = rig.call("erase_user", USER, rig.after_calls(2))
    scene = Scene(store, ALICE)
    for event, entries in ((first["resume"], 40), (USER, 40 + MAX_DELETIONS)):
        lost = Rig.on(store)
        lost.dynamo.after = once("transact_write_items", Crash())
        with pytest.raises(Crash):
            lost.finish("erase_user", first["resume"])
        answer = operate(store, "erase_user", event)
        assert answer == receipt(entries, 40)
        assert len(store.primary_entries(ALICE)) == 80
        assert "prompt" not in content(store)
        scene.put_back()


def test_erase_crashed_at_every_call(store: Store) -> None:
    """Killed at whichever call: from its resume it ends with the same receipt and the same log."""
    store.fill(ALICE, 36)
    delete_unsynced(store, 1)
    scene = Scene(store, ALICE)
    first = Rig.on(store).call("erase_user", USER, Rig.on(store).after_calls(0))
    expected = operate(store, "erase_user", first["resume"])
    calls, crashed = 0, True
    while crashed:
        scene.put_back()
        crashed = crash_after(store, calls, first["resume"])
        assert operate(store, "erase_user", first["resume"]) == expected
        assert len(store.primary_entries(ALICE)) == 72
        assert "prompt" not in content(store)
        calls += 1
    assert calls > 10


def crash_after(store: Store, calls: int, event: Any) -> bool:
    rig = Rig.on(store)

    def kill(_operation: str, _request: Any) -> None:
        if len(rig.calls) == calls:
            raise Crash

    rig.before(kill)
    try:
        rig.finish("erase_user", event)
    except Crash:
        return True
    return False


def test_erase_gives_no_receipt_while_the_partition_holds_an_image(store: Store) -> None:
    """A sync that says it is done is not believed: the partition itself is read."""
    fill_synced(store, 3)
    rig = Rig.on(store)

    def stripped_never(operation: str, _request: Any) -> None:
        if operation == "update_item":
            raise UnknownOutcome("fault")

    rig.before(stripped_never)
    with pytest.raises(Unavailable):
        rig.call("erase_user", USER)
    assert erase(store) == receipt(6, 3)


def test_erase_of_an_image_put_back_by_hand(store: Store) -> None:
    """What the partition shows, though the primary has a tombstone there, is erased too."""
    fill_synced(store, 3)
    image = stored(store, ALICE)[1]["image"]
    delete(store, 2)
    change(store, 2, kind={"S": "image"}, image=image, version={"N": "2"})
    assert erase(store) == receipt(4, 3)
    assert "prompt" not in content(store)


def test_erase_overtaken_by_a_save_and_a_deletion(store: Store) -> None:
    """When others are faster it looks at the entries again, and deletes none twice."""
    fill_synced(store, 4)
    rig = Rig.on(store)
    others: list[Callable[[], object]] = [
        lambda: store.save(ALICE),
        lambda: delete(store, 3),
    ]

    def meanwhile(operation: str, _request: Any) -> None:
        if operation == "transact_write_items" and others:
            others.pop()()

    rig.before(meanwhile)
    assert rig.finish("erase_user", USER) == receipt(4, 4)
    deletions = [entry.deletes for entry in store.primary_entries(ALICE) if entry.deletes]
    assert sorted(deletions) == [1, 2, 3, 4]
    assert_as_projected(store)


def test_erase_of_an_image_that_another_deletes_first(store: Store) -> None:
    """Deleted after it was seen as an image and before the tail was read: not deleted twice."""
    fill_synced(store, 4)
    rig = Rig.on(store)

    def meanwhile(_operation: str, request: Any) -> None:
        is_tail = request.get("Limit") == 1
        if is_tail and len(rig.calls) > 2:  # the first two are the tails of both logs
            rig.before(lambda *_: None)
            delete(store, 3)

    rig.before(meanwhile)
    assert rig.finish("erase_user", USER) == receipt(4, 4)
    deletions = [entry.deletes for entry in store.primary_entries(ALICE) if entry.deletes]
    assert deletions == [3, 4, 2, 1]
    assert_as_projected(store)


@pytest.mark.real_engine
def test_erase_while_everything_goes_on(store: Store) -> None:
    """Two writers, a deleter and a sync meanwhile: what was there is gone, all else is there."""
    fill_synced(store, 60)
    with traffic(writer(store), writer(store), deleter(store), syncer(store)):
        answer = erase(store)
    assert answer["entries"] == answer["through"] >= 60
    entries = store.primary_entries(ALICE)
    assert [entry.cursor for entry in entries] == list(range(1, len(entries) + 1))
    assert "image" not in {entry.kind for entry in entries[: answer["through"]]}
    deletions = [entry.deletes for entry in entries if entry.deletes]
    assert len(deletions) == len(set(deletions))
    live = sum(entry.kind == "image" for entry in entries)
    assert entries[-1].count == live
    store.sync(ALICE)
    assert_as_projected(store)
    store.services.primary.append(ALICE, [picture()], store.deadline)
    assert store.services.primary.tail(ALICE).count == live + 1
