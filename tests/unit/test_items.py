"""Values to items and back: what the SDK's own serializer makes of them, and nothing is lost."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.dynamodb.protocol import Item
from chalicelib.model.entries import MAX_CURSOR, Cursor, Entry, Mark, Payload, Row, UserId
from chalicelib.store.items import (
    ENTRY,
    MARKER,
    ROW,
    Marker,
    Schema,
    entry_from_item,
    entry_to_item,
    marker_from_item,
    marker_to_item,
    row_from_item,
    row_to_item,
)
from chalicelib.store.tables import MarkerItem, PartitionItem, PrimaryItem

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
CURSORS = st.integers(1, MAX_CURSOR).map(Cursor)
COUNTS = st.integers(0, MAX_CURSOR)
USERS = TEXT.map(UserId)
MARKS = (st.just("") | TEXT).map(Mark)
PAYLOADS = st.builds(
    Payload,
    TEXT,
    TEXT,
    st.none() | TEXT,
    st.none() | st.integers(0, 2**64 - 1).map(str),
    st.none() | st.integers(1, 10_000),
)
ENTRIES = st.builds(
    Entry, CURSORS, TEXT, TEXT, COUNTS, st.none() | PAYLOADS, mark=MARKS, skip=COUNTS
) | st.builds(Entry, CURSORS, TEXT, TEXT, COUNTS, deletes=CURSORS, mark=MARKS, skip=COUNTS)
ROWS = st.builds(Row, CURSORS, COUNTS, st.none() | TEXT, mark=MARKS, skip=COUNTS) | st.builds(
    Row, CURSORS, COUNTS, deletes=CURSORS, mark=MARKS, skip=COUNTS
)
MARKERS = st.builds(Marker, USERS, TEXT, TEXT, TEXT, CURSORS, TEXT, st.integers(0, 4_000_000_000))


def plain(item: Item) -> dict[str, Any]:
    """What the item says, as the SDK reads it."""
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


def as_the_sdk_writes_it(item: Item) -> Item:
    return {name: TypeSerializer().serialize(value) for name, value in plain(item).items()}


def check(item: Item, schema: Schema) -> None:
    """It is the SDK's attribute JSON, letter for letter, and has what the schema has."""
    assert item == as_the_sdk_writes_it(item)
    assert {name: next(iter(value)) for name, value in item.items()}.items() <= schema.items()
    assert all(isinstance(value, str | Decimal) for value in plain(item).values())


@given(USERS, ENTRIES)
def test_an_entry_comes_back_as_it_was_stored(user: UserId, entry: Entry) -> None:
    item = entry_to_item(user, entry)
    check(item, ENTRY)
    assert entry_from_item(item) == entry
    assert plain(item)["user_id"] == user
    assert ("registered_at" in item) == (entry.cursor == 1)


@given(USERS, ROWS)
def test_a_row_comes_back_as_it_was_stored(user: UserId, row: Row) -> None:
    item = row_to_item(user, row)
    check(item, ROW)
    assert row_from_item(item) == replace(row, outdated=False)
    assert plain(item)["user_id"] == user


@given(MARKERS)
def test_a_marker_comes_back_as_it_was_stored(marker: Marker) -> None:
    item = marker_to_item(marker)
    check(item, MARKER)
    assert marker_from_item(item) == marker


@pytest.mark.parametrize(
    ("model", "schema", "key"),
    [
        (PrimaryItem, ENTRY, ["user_id", "cursor"]),
        (PartitionItem, ROW, ["user_id", "cursor"]),
        (MarkerItem, MARKER, ["user_id", "key"]),
    ],
    ids=["primary", "partition", "idempotency"],
)
def test_the_models_are_made_of_the_schemas(model: Any, schema: Schema, key: list[str]) -> None:
    """One place says what there is in a table."""
    attributes = {attribute.attr_name: attribute for attribute in model.get_attributes().values()}
    assert {name: a.attr_type for name, a in attributes.items()} == schema
    assert [model._hash_key_attribute().attr_name, model._range_key_attribute().attr_name] == key
