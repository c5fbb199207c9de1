"""Migration: rows in an older form are read at once, brought up to date, and never resurrected."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chalicelib.dynamodb.protocol import UnknownOutcome
from chalicelib.model.entries import START, Cursor, Row, UserId
from chalicelib.model.errors import ImageNotFound
from chalicelib.model.row_versions import CURRENT, upgraded
from chalicelib.store.partition import Changes, Page
from tests.operations.support import (
    Answer,
    Rig,
    assert_as_projected,
    change,
    delete,
    delete_unsynced,
    operate,
    put,
    stored,
)
from tests.support import ALICE, BOB, Store, picture

PROMPT = "<script>alert('&')</script> \u2028 \u2029 \\u003c é"
OLD_FORM = (
    '{"cursor":%d,"prompt":"<script>alert(\'&\')</script> \u2028 \u2029 \\\\u003c é",'
    '"imageUrl":"https://images.example/1.png","createdAt":"%s"}'
)
"""The text of an image as version 1 rendered it: as it was stored, not as code makes it today."""


def old_item(store: Store, cursor: int, user: UserId = ALICE) -> Mapping[str, Any]:
    """The row of that image in version 1."""
    (entry,) = [e for e in store.primary_entries(user) if e.cursor == cursor]
    return {
        "user_id": {"S": user},
        "cursor": {"N": str(cursor)},
        "kind": {"S": "image"},
        "count": {"N": str(entry.count)},
        "mark": {"S": entry.mark},
        "version": {"N": "1"},
        "image": {"S": OLD_FORM % (cursor, entry.created_at)},
    }


def old_library(store: Store, many: int = 3, user: UserId = ALICE) -> None:
    """A partition that was written before the form was changed."""
    for first in range(0, many, 25):
        some = [picture()._replace(prompt=PROMPT)] * min(25, many - first)
        store.services.primary.append(user, some, store.deadline)
    store.sync(user)
    for cursor in range(1, many + 1):
        put(store, old_item(store, cursor, user))


def versions(store: Store, user: UserId = ALICE) -> list[str | None]:
    return [item.get("version", {}).get("N") for item in stored(store, user)]


def test_migrating_old_rows_are_read_in_todays_form(store: Store) -> None:
    """Pages, changes and single images have it at once, before anything is rewritten."""
    old_library(store, 2)
    partition = store.partition(ALICE)
    page = partition.page(50, None, None, store.deadline)
    changes = partition.changes(START, 50, store.deadline)
    assert page.images[::-1] == tuple(row.image for row in changes.rows)
    assert changes.rows[0].image == partition.image(Cursor(1))
    assert not set("<>&\u2028\u2029") & set("".join(page.images))
    assert [json.loads(image)["prompt"] for image in page.images] == [PROMPT] * 2
    assert list(page.images[::-1]) == store.expected_images(ALICE)
    assert versions(store) == ["1", "1"]


@pytest.mark.parametrize("more", [0, 2])
def test_migrating_on_sync(store: Store, more: int) -> None:
    """A sync migrates before it appends, also when there is nothing to append."""
    old_library(store)
    if more:
        store.save(ALICE, more)
    rig = Rig.on(store)
    seen: list[list[str | None]] = []

    def look(operation: str, _request: Any) -> None:
        if operation in ("put_item", "transact_write_items"):
            seen.append(versions(store))

    rig.before(look)
    assert rig.finish("sync_user", {"user": ALICE})["applied"] == more
    assert seen == [["1"] * 3, ["2"] * 3][: 1 + bool(more)]
    assert_as_projected(store)


def test_migrating_a_partition_that_ends_in_a_tombstone(store: Store) -> None:
    """A tombstone tells no version, so the rows below it are looked at."""
    old_library(store)
    change(store, 3, kind={"S": "erased"}, image=None, version=None)
    delete_unsynced(store, 3)
    store.sync(ALICE)
    assert_as_projected(store)


def test_migrating_mixed_rows(store: Store) -> None:
    """Deletions in an older form, tombstones, and rows of today are brought together."""
    old_library(store, 4)
    delete_unsynced(store, 2)
    store.sync(ALICE)
    put(store, old_item(store, 1))
    change(store, 5, version={"N": "1"})
    assert versions(store) == ["1", None, "2", "2", "1"]
    assert operate(store, "migrate", {})["rewritten"] == 2
    assert_as_projected(store)


def migrate(store: Store) -> Answer:
    return operate(store, "migrate", {})


def test_migrating_all_users(store: Store) -> None:
    """Everybody's rows are rewritten, and counted; again, there are none."""
    old_library(store, 3)
    old_library(store, 120, BOB)
    assert migrate(store) == {"done": True, "users": 2, "rewritten": 123}
    assert_as_projected(store, ALICE)
    assert_as_projected(store, BOB)
    assert migrate(store) == {"done": True, "users": 2, "rewritten": 0}


def test_migrating_leaves_newer_rows(store: Store) -> None:
    """After a roll-back, what newer code wrote stays as it is, and is read as it is."""
    old_library(store, 2)
    change(store, 2, version={"N": str(CURRENT + 1)}, image={"S": '{"prompt":"newer"}'})
    newer = stored(store, ALICE)[1]
    assert migrate(store)["rewritten"] == 1
    assert stored(store, ALICE)[1] == newer
    assert store.partition(ALICE).image(Cursor(2)) == '{"prompt":"newer"}'


@pytest.mark.parametrize("by", ["migrate", "sync_user"])
def test_migrating_never_brings_back_what_was_deleted(store: Store, by: str) -> None:
    """Paused before its write, while an image is deleted to its 204."""
    old_library(store)
    rig = Rig.on(store)
    done: list[str] = []

    def deleted_meanwhile(operation: str, _request: Any) -> None:
        if operation == "transact_write_items" and not done:
            done.append(operation)
            delete(store, 2)

    rig.before(deleted_meanwhile)
    rig.finish(by, {"user": ALICE} if by == "sync_user" else {})
    assert done
    assert_as_projected(store)
    assert stored(store, ALICE)[1].keys() == {"user_id", "cursor", "kind", "count", "mark"}


def test_migrating_never_undoes_what_another_migrated(store: Store) -> None:
    """Overtaken by another migration, it finds nothing left to rewrite."""
    old_library(store)
    rig = Rig.on(store)
    others = [store]

    def meanwhile(operation: str, _request: Any) -> None:
        if operation == "transact_write_items" and others:
            migrate(others.pop())

    rig.before(meanwhile)
    assert rig.finish("migrate", {})["rewritten"] == 0
    assert_as_projected(store)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_migrating_with_a_lost_write(store: Store, moment: str) -> None:
    """A write whose outcome is unknown is looked at again."""
    old_library(store)
    rig = Rig.on(store)
    faults = [UnknownOutcome("fault")]

    def fault(operation: str, _request: Any) -> None:
        if operation == "transact_write_items" and faults:
            raise faults.pop()

    setattr(rig.dynamo, moment, fault)
    assert rig.finish("migrate", {})["done"]
    assert_as_projected(store)


def test_migrating_rows_that_grow(store: Store) -> None:
    """Rows whose new form is six times as long come in several transactions."""
    longest = picture()._replace(prompt="<" * 10_000)
    for _ in range(3):
        store.services.primary.append(ALICE, [longest] * 25, store.deadline)
    store.sync(ALICE)
    for item in stored(store, ALICE):
        text = item["image"]["S"].replace("\\u003c", "<")
        put(store, {**item, "image": {"S": text}, "version": {"N": "1"}})
    assert upgraded("<", 1) == "\\u003c"
    assert migrate(store)["rewritten"] == 75
    assert_as_projected(store)


def test_migrating_does_not_append(store: Store) -> None:
    """The bulk operation rewrites; what waits for a sync waits on."""
    old_library(store)
    store.save(ALICE)
    assert migrate(store)["rewritten"] == 3
    assert versions(store) == ["2"] * 3


VERSION_1 = Path(__file__).parent / "version_1.json"
"""Both logs of a user, item by item as the first version stored them: a tombstone, an image with
every field, the deletion of the first, and an image with none but the needed."""

IMAGE_2 = (
    '{"cursor":2,"prompt":"a \\u003cb\\u003efox\\u003c/b\\u003e \\u0026 \\"friends\\" 🦊\\u2028é",'
    '"imageUrl":"https://images.example/2.png?a=1\\u0026b=2","model":"sketch\\u003c2\\u003e",'
    '"seed":"18446744073709551615","steps":30,"createdAt":"2026-01-01T08:00:01.020Z"}'
)
IMAGE_4 = (
    '{"cursor":4,"prompt":"a fox","imageUrl":"https://images.example/4.png",'
    '"createdAt":"2026-01-01T08:00:03.000Z"}'
)
ROWS = (
    Row(Cursor(2), 2, IMAGE_2),
    Row(Cursor(3), 1, deletes=Cursor(1)),
    Row(Cursor(4), 2, IMAGE_4),
)
"""What readers must be told of them."""


@pytest.fixture
def first_version(store: Store) -> Store:
    logs = json.loads(VERSION_1.read_text())
    for log in ("primary", "partition"):
        for item in logs[log]:
            store.dynamo.put_item(TableName=getattr(store.tables, log), Item=item)
    return store


def assert_served(store: Store) -> None:
    """By pages, changes and single images alike."""
    partition = store.partition(ALICE)
    whole = partition.page(50, None, None, store.deadline)
    assert whole == Page((IMAGE_4, IMAGE_2), None, Cursor(4), 2)
    assert partition.changes(START, 50, store.deadline) == Changes(ROWS, Cursor(4), True)
    assert [partition.image(Cursor(cursor)) for cursor in (2, 4)] == [IMAGE_2, IMAGE_4]
    with pytest.raises(ImageNotFound):
        partition.image(Cursor(1))


def test_migrating_what_the_first_version_stored_is_served_at_once(first_version: Store) -> None:
    before = stored(first_version, ALICE)
    assert_served(first_version)
    assert stored(first_version, ALICE) == before
    assert versions(first_version) == [None, "1", "1", "1"]


@pytest.mark.parametrize(
    ("name", "event", "expected"),
    [
        ("sync_user", {"user": ALICE}, {"done": True, "user": ALICE, "cursor": 4, "applied": 0}),
        ("migrate", {}, {"done": True, "users": 1, "rewritten": 3}),
    ],
)
def test_migrating_what_the_first_version_stored(
    first_version: Store, name: str, event: Answer, expected: Answer
) -> None:
    """By a sync of its user, or in bulk: today's rows, which are served as before."""
    before = stored(first_version, ALICE)
    assert operate(first_version, name, event) == expected
    assert stored(first_version, ALICE) == [
        before[0],
        {**before[1], "image": {"S": IMAGE_2}, "version": {"N": "2"}},
        {**before[2], "version": {"N": "2"}},
        {**before[3], "image": {"S": IMAGE_4}, "version": {"N": "2"}},
    ]
    assert_served(first_version)
    assert_as_projected(first_version)
