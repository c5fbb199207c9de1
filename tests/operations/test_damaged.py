"""A log of record that somebody damaged: each operation says where, gets on, and ends.

The log that they are done to: images 1 … 12, all synced.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.entries import Cursor
from chalicelib.errors import LogDamaged
from tests.operations.support import Answer, Rig, everything, fill_synced, stored
from tests.support import ALICE, Store

USER = {"user": ALICE}
MANY = 12
HOLE = "it has no entry there, though it has later ones"
BROKEN = "its entry cannot be read"
ODD = "its count does not follow from the one before"


def put(store: Store, item: Mapping[str, Any]) -> None:
    store.dynamo.put_item(TableName=store.tables.primary, Item=item)


def remove(store: Store, cursor: int) -> None:
    key = {"user_id": {"S": ALICE}, "cursor": {"N": str(cursor)}}
    deletion = {"Delete": {"TableName": store.tables.primary, "Key": key}}
    store.dynamo.transact_write_items(TransactItems=[deletion])


def copy(store: Store, cursor: int, to: float, **attributes: Any) -> None:
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
    Damage("copy between two", lambda store: copy(store, 10, 4.5), 4.5, BROKEN),
    Damage("copy at 0", lambda store: copy(store, 10, 0), 0, "no entry may stand below 1"),
    Damage("copy below 0", lambda store: copy(store, 10, -7), -7, "no entry may stand below 1"),
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
        for row in range(MANY, 0, -1):
            drop = {"user_id": {"S": ALICE}, "cursor": {"N": str(row)}}
            deletion = {"Delete": {"TableName": store.tables.partition, "Key": drop}}
            store.dynamo.transact_write_items(TransactItems=[deletion])
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
