"""Compares the two logs of a user, item by item, as they are stored."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.dynamodb.protocol import MAX_TRANSACTION_ITEMS, Item
from chalicelib.model.entries import Cursor, Entry, Row, UserId
from chalicelib.model.row_versions import CURRENT, upgraded
from chalicelib.store.items import ROW_PAYLOAD, place_of, row_to_item
from chalicelib.store.partition import Partition
from chalicelib.sync.projection import to_row

ABOVE_ALL = Cursor((10**38 - 1) * 10**88)
BELOW_ALL = Cursor(-ABOVE_ALL)
"""The smallest and the largest number that DynamoDB stores: 9.9…E+125, with 38 digits (its
developer guide, "Naming rules and data types"). All items lie between, also those that were put by
hand."""

CHUNK = MAX_TRANSACTION_ITEMS
"""Entries that are compared at a time."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What the primary has at a cursor, as a row, and what the partition has; None for nothing."""

    cursor: Cursor
    expected: Row | None
    stored: Item | None


def stored_between(partition: Partition, after: Cursor, last: Cursor) -> Iterator[Item]:
    """What the partition has stored beyond `after`, up to and with `last`, ascending."""
    while True:
        found = partition.stored_after(after, CHUNK)
        for item in found.items:
            if place_of(item) > last:
                return
            yield item
        if not found.cut:
            return
        after = place_of(found.items[-1])


def pairs(entries: Sequence[Entry], stored: Sequence[Item]) -> list[Pair]:
    """Both sides by cursor, ascending."""
    expected = {entry.cursor: to_row(entry) for entry in entries}
    found = {place_of(item): item for item in stored}
    return [
        Pair(cursor, expected.get(cursor), found.get(cursor))
        for cursor in sorted({*expected, *found})
    ]


def is_as_projected(user: UserId, pair: Pair) -> bool:
    """Whether the partition has exactly what it must, in today's form."""
    wanted = None if pair.expected is None else row_to_item(user, pair.expected)
    return wanted == pair.stored


def difference(user: UserId, pair: Pair) -> str | None:
    """What is wrong at the cursor, in a few words and without content; None if nothing is.

    A row in an older form is not wrong.
    """
    if pair.expected is None:
        return "the partition has an entry where the primary has none"
    if pair.stored is None:
        return "the partition has no entry where the primary has one"
    wanted, stored = row_to_item(user, pair.expected), in_todays_form(pair.stored)
    names = sorted(name for name in {*wanted, *stored} if wanted.get(name) != stored.get(name))
    return f"other in the partition: {', '.join(names)}" if names else None


def is_outdated(item: Mapping[str, Any]) -> bool:
    return _version(item) < CURRENT


def in_todays_form(item: Item) -> Item:
    if not is_outdated(item):
        return item
    image = item.get("image", {}).get("S")
    shown = {} if image is None else {"image": {"S": upgraded(image, _version(item))}}
    return {**item, **shown, "version": {"N": str(CURRENT)}}


def _version(item: Mapping[str, Any]) -> int:
    return math.floor(float(item.get("version", {}).get("N", CURRENT)))


def stripped(item: Item) -> Item:
    """The row as its tombstone."""
    kept = {name: value for name, value in item.items() if name not in ROW_PAYLOAD}
    return {**kept, "kind": {"S": "erased"}}
