"""A log of record that somebody damaged: each operation says where, gets on, and ends.

The log that they are done to: images 1 … 12, all synced.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.model.entries import MAX_CURSOR, Cursor
from chalicelib.model.errors import LogDamaged
from tests.operations.support import Answer, Rig, clear, everything, fill_synced, stored
from tests.support import ALICE, Store, picture

USER = {"user": ALICE}
MANY = 12
HOLE = "it has no entry there, though it has later ones"
BROKEN = "its entry cannot be read"
BELOW = "no entry may stand below 1"
BEYOND = str(10**39)
CLOSE_BY = "4.50000000000000000001"
"""A cursor that a float would round to another's."""
ODD = "its count does not follow from the one before"


def put(store: Store, item: Mapping[str, Any]) -> None:
    store.dynamo.put_item(TableName=store.tables.primary, Item=item)


def remove(store: Store, cursor: int) -> None:
    key = {"user_id": {"S": ALICE}, "cursor": {"N": str(cursor)}}
    deletion = {"Delete": {"TableName": store.tables.primary, "Key": key}}
    store.dynamo.transact_write_items(TransactItems=[deletion])


def copy(store: Store, cursor: int, to: float | str, **attributes: Any) -> None:
    """Puts the entry at another cursor, or at its own, with other attributes; None takes one."""
    item = store.primary_log.get(ALICE, Cursor(cursor)) or {}
    changed = {**item, "cursor": {"N": str(to)}, **attributes}
    put(store, {name: value for name, value in changed.items() if value is not None})


def change(**attributes: Any) -> Callable[[Store], None]:
    return lambda store: copy(store, 5, 5, **attributes)


@dataclass(frozen=True)
class Damage:
    """`place` and `what` are those of the first fault; `lost` are images that nobody can read."""

    name: str
    do: Callable[[Store], None]
    place: float
    what: str
    lost: tuple[int, ...] = ()


def emptied(store: Store) -> None:
    for cursor in range(1, MANY + 1):
        remove(store, cursor)


def stray_deletion(store: Store) -> None:
    copy(store, 12, 13, kind={"S": "deletion"}, deletes={"N": "99"}, prompt=None, image_url=None)


DAMAGE = [
    Damage("hole", lambda store: remove(store, 5), 5, HOLE, (5,)),
    Damage("first one gone", lambda store: remove(store, 1), 1, HOLE, (1,)),
    Damage("copy beyond a gap", lambda store: copy(store, 10, 15), 13, HOLE),
    Damage("copy far beyond", lambda store: copy(store, 10, 9_000_000), 13, HOLE),
    Damage("copy at the last cursor", lambda store: copy(store, 10, MAX_CURSOR), 13, HOLE),
    Damage("copy near the last", lambda store: copy(store, 10, MAX_CURSOR - 3), 13, HOLE),
    Damage("copy beyond all cursors", lambda store: copy(store, 10, BEYOND), 13, HOLE),
    Damage("copy between two", lambda store: copy(store, 10, 4.5), 4.5, BROKEN),
    Damage("copy close by", lambda store: copy(store, 10, CLOSE_BY), float(CLOSE_BY), BROKEN),
    Damage("copy at 0", lambda store: copy(store, 10, 0), 0, BELOW),
    Damage("copy far below", lambda store: copy(store, 10, str(-(10**40))), -(10**40), BELOW),
    Damage("copy below 0", lambda store: copy(store, 10, -7), -7, BELOW),
    Damage("no prompt", change(prompt=None), 5, BROKEN, (5,)),
    Damage("no idem", change(idem=None), 5, BROKEN, (5,)),
    Damage("no kind", change(kind=None), 5, BROKEN, (5,)),
    Damage("another type", change(steps={"S": "thirty"}), 5, BROKEN, (5,)),
    Damage("count of no number", change(count={"N": "1.5"}), 5, BROKEN, (5,)),
    Damage("kind not known", change(kind={"S": "revision"}), 5, BROKEN, (5,)),
    Damage("wrong count", change(count={"N": "50"}), 5, ODD),
    Damage("deletion of what is not there", stray_deletion, 13, "it deletes no earlier entry"),
    Damage("tail that cannot be read", lambda store: copy(store, 12, 13, count=None), 13, BROKEN),
]

every_damage = pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.name)


@pytest.fixture
def rig(store: Store) -> Rig:
    fill_synced(store, MANY)
    return Rig.on(store)


def images(answer: Answer) -> list[int]:
    return [image["cursor"] for image in answer["images"]]


@every_damage
def test_verify_names_the_log_and_the_cursor(store: Store, rig: Rig, damage: Damage) -> None:
    damage.do(store)
    place = {"log": "primary", "cursor": damage.place, "what": damage.what}
    answer = rig.finish("verify_user", USER)
    assert (answer["equal"], answer["difference"]) == (False, place)
    everyone = rig.finish("verify_all", {})
    registered = damage.name != "first one gone"  # what lists a user is the first entry's
    assert everyone["differences"] == [{"user": ALICE, **place}] * registered
    assert everyone["failed"] == 0


@every_damage
def test_export_gives_what_can_be_read(store: Store, rig: Rig, damage: Damage) -> None:
    """And names what it passed over, where it has to pass over anything."""
    damage.do(store)
    answer = rig.finish("export_user", USER)
    assert set(images(answer)) >= set(range(1, MANY + 1)) - set(damage.lost)
    if damage.what in (HOLE, BROKEN):
        place = {"log": "primary", "cursor": damage.place, "what": damage.what}
        assert answer["damage"][0] == place


@every_damage
def test_erase_leaves_no_payload_anywhere(store: Store, rig: Rig, damage: Damage) -> None:
    """Whatever is broken: after the receipt neither log has any, and it was not claimed before."""
    damage.do(store)
    answer = rig.finish("erase_user", USER)
    assert answer["done"]
    left = str([everything(log, ALICE) for log in (store.primary_log, store.partition_log)])
    assert "prompt" not in left
    assert "images.example" not in left
    assert [item["kind"]["S"] for item in stored(store, ALICE)[:MANY]] == ["erased"] * MANY


@pytest.mark.parametrize("place", [BEYOND, str(-(10**40)), CLOSE_BY])
def test_erase_of_a_row_where_no_cursor_is(store: Store, rig: Rig, place: str) -> None:
    """In the partition alone, where readers or an export of the table may find it."""
    row = store.partition_log.get(ALICE, Cursor(10)) or {}
    item = {**row, "cursor": {"N": place}}
    store.dynamo.put_item(TableName=store.tables.partition, Item=item)
    assert rig.finish("erase_user", USER)["done"]
    assert "prompt" not in str(everything(store.partition_log, ALICE))


@pytest.mark.parametrize("place", [BEYOND, "12.5", "0.5"])
def test_a_row_where_no_cursor_is_ends_the_partition(store: Store, rig: Rig, place: str) -> None:
    """Put there by hand as its last: a sync says where, and a rebuild removes it."""
    if place == "0.5":
        emptied(store)
        clear(store)
    row = {"user_id": {"S": ALICE}, "cursor": {"N": place}, "kind": {"S": "image"}}
    store.dynamo.put_item(TableName=store.tables.partition, Item=row)
    with pytest.raises(LogDamaged, match=f"The partition is damaged at cursor {place[:4]}"):
        rig.finish("sync_user", USER)
    assert not rig.finish("verify_user", USER)["equal"]
    assert rig.finish("rebuild_partition", USER)["removed"] == 1
    assert rig.finish("verify_user", USER)["equal"]


@pytest.mark.parametrize("place", [MAX_CURSOR, MAX_CURSOR - 1, BEYOND])
def test_nothing_is_numbered_beyond_the_last_cursor(
    store: Store, rig: Rig, place: int | str
) -> None:
    copy(store, 10, place)
    before = everything(store.primary_log, ALICE)
    with pytest.raises(LogDamaged, match=r"its entry cannot be read|no cursor is left"):
        rig.services.primary.append(ALICE, [picture(), picture()], store.deadline)
    with pytest.raises(LogDamaged, match=r"its entry cannot be read|no cursor is left"):
        rig.services.primary.delete(ALICE, [Cursor(1), Cursor(2)], store.deadline)
    assert everything(store.primary_log, ALICE) == before


@pytest.mark.parametrize("name", ["export_user", "erase_user"])
@pytest.mark.parametrize("place", [MAX_CURSOR, BEYOND, 2.5])
def test_it_ends_however_short_its_calls_are(
    store: Store, rig: Rig, name: str, place: float | str
) -> None:
    """Each call's resume is taken by the next, and leads on."""
    copy(store, 10, place)
    event: Any = USER
    found: list[int] = []
    for _ in range(40):
        answer = rig.call(name, event, rig.after_calls(1 if name == "export_user" else 40))
        found += images({"images": [], **answer})
        if answer["done"]:
            break
        assert answer["resume"] != event
        event = answer["resume"]
    assert answer["done"]
    assert name == "erase_user" or set(found) >= set(range(1, MANY + 1))


def test_rebuild_names_what_it_cannot_read(store: Store, rig: Rig) -> None:
    """Both tables have it; the operation does not end in a bare error of reading."""
    copy(store, 10, BEYOND)
    row = store.partition_log.get(ALICE, Cursor(10)) or {}
    item = {**row, "cursor": {"N": BEYOND}}
    store.dynamo.put_item(TableName=store.tables.partition, Item=item)
    with pytest.raises(LogDamaged, match="The primary is damaged at cursor 1"):
        rig.finish("rebuild_partition", USER)


def test_erase_of_what_the_partition_alone_still_has(store: Store, rig: Rig) -> None:
    """The primary lost everything, and readers are served: the receipt counts what they see."""
    emptied(store)
    answer = rig.finish("erase_user", USER)
    assert (answer["through"], answer["entries"], answer["erased"]) == (MANY, MANY, MANY)
    assert "prompt" not in str(stored(store, ALICE))


@pytest.mark.parametrize("name", ["sync_user", "rebuild_partition", "get_images_for_user"])
@pytest.mark.parametrize("cursor", [5, 15])
def test_the_others_end_and_say_where(store: Store, rig: Rig, name: str, cursor: int) -> None:
    """They go as far as the log is whole, or name the place; they never claim to be done."""
    if cursor == 15:
        copy(store, 10, 15)
    else:
        remove(store, 5)
        clear(store)
    hole = 13 if cursor == 15 else 5
    with pytest.raises(LogDamaged, match=f"The primary is damaged at cursor {hole}: {HOLE}"):
        rig.finish(name, USER)


def test_sweep_counts_the_user_as_failed_and_logs_the_place(
    store: Store, rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    copy(store, 10, 15)
    swept = rig.finish("sweep", {})
    assert (swept["users"], swept["failed"]) == (1, 1)
    assert "The primary is damaged at cursor 13" in caplog.text
    assert rig.finish("migrate", {})["users"] == 1
