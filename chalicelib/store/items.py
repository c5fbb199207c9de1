"""Items to values and back: the only place that knows an attribute's name or type, apart from the
keys and what a condition names. `chalicelib.store.tables` makes the tables by the same schemas.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from chalicelib.dynamodb.protocol import Item
from chalicelib.model.entries import MAX_CURSOR, NO_MARK, Cursor, Entry, Mark, Payload, Row, UserId
from chalicelib.model.row_versions import CURRENT, upgraded

Schema = Mapping[str, Literal["S", "N"]]
"""Attributes, each with its type: text, or a whole number. The first two are a table's key."""

ENTRY: Schema = {
    "user_id": "S",
    "cursor": "N",
    "kind": "S",
    "idem": "S",
    "created_at": "S",
    "count": "N",
    "prompt": "S",
    "image_url": "S",
    "model": "S",
    "seed": "S",
    "steps": "N",
    "deletes": "N",
    "mark": "S",  # an entry from before there were marks has none
    "skip": "N",  # left out where it is 0
    "registered_at": "S",  # of entry 1 alone: what the index of users is made of
}
ROW: Schema = {
    "user_id": "S",
    "cursor": "N",
    "kind": "S",
    "count": "N",
    "image": "S",
    "deletes": "N",
    "mark": "S",
    "skip": "N",
    "version": "N",  # of the form that `image` has; a tombstone has none
}
MARKER: Schema = {
    "user_id": "S",
    "key": "S",
    "idem": "S",
    "fingerprint": "S",
    "first": "N",
    "created_at": "S",
    "expires_at": "N",
}
EXPIRES_AT = "expires_at"

PAGE = ("cursor", "count", "deletes", "image", "mark", "skip", "version")
"""The attributes of a row that a page is made of; `image` is an image's alone."""

LOOK = ("cursor", "kind")
"""The attributes that tell whether a row is a tombstone."""

ENTRY_PAYLOAD = Payload._fields
ROW_PAYLOAD = ("image", "version")
"""The attributes that a tombstone lacks, in the primary and in a partition."""


@dataclass(frozen=True, slots=True)
class Marker:
    """A request done under an Idempotency-Key: its content's hash, where it was saved, and when.

    `expires_at` is Unix seconds; from then on the key may be used anew, whether or not DynamoDB
    has deleted the item (TTL deletes late, up to days).
    """

    user: UserId
    key: str
    request_id: str
    fingerprint: str
    first: Cursor
    created_at: str
    expires_at: int


def item_of(schema: Schema, values: Mapping[str, Any]) -> Item:
    """The values that are not None, as attribute JSON."""
    return {name: {schema[name]: str(value)} for name, value in values.items() if value is not None}


def text(item: Item, name: str) -> str | None:
    attribute = item.get(name)
    return None if attribute is None else attribute["S"]


def number(item: Item, name: str) -> int | None:
    attribute = item.get(name)
    return None if attribute is None else int(attribute["N"])


def entry_to_item(user: UserId, entry: Entry) -> Item:
    payload = {} if entry.payload is None else entry.payload._asdict()
    return item_of(
        ENTRY,
        {
            "user_id": user,
            "cursor": entry.cursor,
            "kind": entry.kind,
            "idem": entry.request_id,
            "created_at": entry.created_at,
            "count": entry.count,
            "deletes": entry.deletes,
            "mark": entry.mark or None,
            "skip": entry.skip or None,
            "registered_at": entry.created_at if entry.cursor == 1 else None,
            **payload,
        },
    )


def entry_from_item(item: Item) -> Entry:
    """KeyError or ValueError for what no version of the product wrote."""
    entry = Entry(
        cursor=_place_in_log(item),
        request_id=item["idem"]["S"],
        created_at=item["created_at"]["S"],
        count=count_of(item),
        payload=_payload(item) if item["kind"]["S"] == "image" else None,
        deletes=deleted_by(item),
        mark=mark_of(item),
        skip=skip_of(item),
    )
    if entry.kind != item["kind"]["S"]:
        raise ValueError("the kind is not known")
    return entry


def row_to_item(user: UserId, row: Row) -> Item:
    return item_of(
        ROW,
        {
            "user_id": user,
            "cursor": row.cursor,
            "kind": row.kind,
            "count": row.count,
            "image": row.image,
            "deletes": row.deletes,
            "mark": row.mark or None,
            "skip": row.skip or None,
            "version": None if row.kind == "erased" else CURRENT,
        },
    )


def row_from_item(item: Item) -> Row:
    """The row in today's form, whatever form it is stored in."""
    return Row(
        cursor=cursor_of(item),
        count=count_of(item),
        image=image_of(item),
        deletes=deleted_by(item),
        mark=mark_of(item),
        skip=skip_of(item),
        outdated=version_of(item) < CURRENT,
    )


def image_of(item: Item) -> str | None:
    """A row's image in today's form, if it is an image. A page asks this some fifty times."""
    if "image" not in item:
        return None
    version, image = version_of(item), item["image"]["S"]
    return image if version == CURRENT else upgraded(image, version)


def version_of(item: Item) -> int:
    return int(item["version"]["N"]) if "version" in item else CURRENT


def cursor_of(item: Item) -> Cursor:
    return Cursor(int(item["cursor"]["N"]))


def place_of(item: Item) -> Cursor:
    """Its sort key; one that is no whole number, put there by hand, stays what it is."""
    from decimal import Decimal  # for what is damaged: saves have no need of it

    number = Decimal(item["cursor"]["N"])
    return Cursor(int(number)) if number == int(number) else cast(Cursor, number)


def deleted_by(item: Item) -> Cursor | None:
    """The cursor that it deletes, if it is a deletion."""
    return Cursor(int(item["deletes"]["N"])) if "deletes" in item else None


def mark_of(item: Item) -> Mark:
    return Mark(item["mark"]["S"]) if "mark" in item else NO_MARK


def skip_of(item: Item) -> int:
    return int(item["skip"]["N"]) if "skip" in item else 0


def count_of(item: Item) -> int:
    return int(item["count"]["N"])


def marker_to_item(marker: Marker) -> Item:
    values = {**asdict(marker), "user_id": marker.user, "idem": marker.request_id}
    return item_of(MARKER, {name: values[name] for name in MARKER})


def marker_from_item(item: Item) -> Marker:
    return Marker(
        user=UserId(item["user_id"]["S"]),
        key=item["key"]["S"],
        request_id=item["idem"]["S"],
        fingerprint=item["fingerprint"]["S"],
        first=Cursor(int(item["first"]["N"])),
        created_at=item["created_at"]["S"],
        expires_at=int(item[EXPIRES_AT]["N"]),
    )


def _place_in_log(item: Item) -> Cursor:
    cursor = cursor_of(item)
    if not 1 <= cursor <= MAX_CURSOR:
        raise ValueError("no log has that cursor")
    return cursor


def _payload(item: Item) -> Payload:
    return Payload(
        prompt=item["prompt"]["S"],
        image_url=item["image_url"]["S"],
        model=text(item, "model"),
        seed=text(item, "seed"),
        steps=number(item, "steps"),
    )
