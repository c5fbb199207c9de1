"""The three tables: their schema (PynamoDB models), and items to values and back.

The models are the only place that knows an attribute's name or type, apart from the keys and what
a condition names. `create_tables` is for local use and tests; a deployed stage has its tables from
its template.
"""

from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from pynamodb.attributes import NumberAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.constants import PAY_PER_REQUEST_BILLING_MODE, STREAM_KEYS_ONLY
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from chalicelib.config import TableNames
from chalicelib.dynamo import Item
from chalicelib.entries import Cursor, Entry, Payload, Row, UserId
from chalicelib.versions import CURRENT, upgraded

USERS_INDEX = "users"

ENTRY_PAYLOAD = tuple(field.name for field in fields(Payload))
ROW_PAYLOAD = ("image", "version")
"""The attributes that a stub lacks, in the primary and in a partition."""


class Users(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Sparse: only a user's first entry has `registered_at`, so this lists each user once."""

    class Meta:
        index_name = USERS_INDEX
        projection = KeysOnlyProjection()
        billing_mode = PAY_PER_REQUEST_BILLING_MODE

    user_id = UnicodeAttribute(hash_key=True)
    registered_at = UnicodeAttribute(range_key=True)


class PrimaryItem(Model):
    """An entry of the log of record."""

    user_id = UnicodeAttribute(hash_key=True)
    cursor = NumberAttribute(range_key=True)
    kind = UnicodeAttribute()
    idem = UnicodeAttribute()
    created_at = UnicodeAttribute()
    live = NumberAttribute(attr_name="count")
    prompt = UnicodeAttribute(null=True)
    image_url = UnicodeAttribute(null=True)
    model = UnicodeAttribute(null=True)
    seed = UnicodeAttribute(null=True)
    steps = NumberAttribute(null=True)
    deletes = NumberAttribute(null=True)
    registered_at = UnicodeAttribute(null=True)
    users = Users()


class PartitionItem(Model):
    """An entry of a user's read copy. `version` is its form's; a stub has none."""

    user_id = UnicodeAttribute(hash_key=True)
    cursor = NumberAttribute(range_key=True)
    kind = UnicodeAttribute()
    live = NumberAttribute(attr_name="count")
    image = UnicodeAttribute(null=True)
    deletes = NumberAttribute(null=True)
    version = NumberAttribute(null=True)


class MarkerItem(Model):
    """What a request under an Idempotency-Key did. Never the payload itself."""

    user_id = UnicodeAttribute(hash_key=True)
    key = UnicodeAttribute(range_key=True)
    idem = UnicodeAttribute()
    fingerprint = UnicodeAttribute()
    first = NumberAttribute()
    created_at = UnicodeAttribute()
    expires_at = TTLAttribute()


@dataclass(frozen=True, slots=True)
class Marker:
    """A request done under an Idempotency-Key: its content's hash, where it was saved, and when.

    `expires_at` is Unix seconds; from then on the key may be used anew, whether or not DynamoDB
    has deleted the item (TTL deletes late, up to days).
    """

    user: UserId
    key: str
    idem: str
    fingerprint: str
    first: Cursor
    created_at: str
    expires_at: int


def entry_to_item(user: UserId, entry: Entry) -> Item:
    payload = entry.payload
    payload_attributes = {} if payload is None else asdict(payload)
    return PrimaryItem(
        user_id=user,
        cursor=entry.cursor,
        kind=entry.kind,
        idem=entry.idem,
        created_at=entry.created_at,
        live=entry.count,
        deletes=entry.deletes,
        registered_at=entry.created_at if entry.cursor == 1 else None,
        **payload_attributes,
    ).serialize()


def entry_from_item(item: Item) -> Entry:
    stored = PrimaryItem.from_raw_data(dict(item))
    return Entry(
        cursor=Cursor(int(stored.cursor)),
        idem=stored.idem,
        created_at=stored.created_at,
        count=int(stored.live),
        payload=_payload(stored) if stored.kind == "image" else None,
        deletes=_cursor(stored.deletes),
    )


def row_to_item(user: UserId, row: Row) -> Item:
    return PartitionItem(
        user_id=user,
        cursor=row.cursor,
        kind=row.kind,
        live=row.count,
        image=row.image,
        deletes=row.deletes,
        version=None if row.kind == "erased" else CURRENT,
    ).serialize()


def row_from_item(item: Item) -> Row:
    """The row in today's form, whatever form it is stored in."""
    stored = PartitionItem.from_raw_data(dict(item))
    version = _integer(stored.version) or CURRENT
    return Row(
        cursor=Cursor(int(stored.cursor)),
        count=int(stored.live),
        image=upgraded(stored.image, version) if stored.kind == "image" else None,
        deletes=_cursor(stored.deletes),
        outdated=version < CURRENT,
    )


def marker_to_item(marker: Marker) -> Item:
    return MarkerItem(
        user_id=marker.user,
        key=marker.key,
        idem=marker.idem,
        fingerprint=marker.fingerprint,
        first=marker.first,
        created_at=marker.created_at,
        expires_at=datetime.fromtimestamp(marker.expires_at, UTC),
    ).serialize()


def marker_from_item(item: Item) -> Marker:
    stored = MarkerItem.from_raw_data(dict(item))
    return Marker(
        user=UserId(stored.user_id),
        key=stored.key,
        idem=stored.idem,
        fingerprint=stored.fingerprint,
        first=Cursor(int(stored.first)),
        created_at=stored.created_at,
        expires_at=int(stored.expires_at.timestamp()),
    )


def create_tables(names: TableNames) -> None:
    """Creates those of the three tables that are missing, where AWS's environment points to."""
    for model, name, settings in (
        (PrimaryItem, names.primary, {"stream_view_type": STREAM_KEYS_ONLY}),
        (PartitionItem, names.partition, {}),
        (MarkerItem, names.idempotency, {}),
    ):
        table = _bound(model, name, settings)
        if not table.exists():  # create_table would set an existing table's TTL again, an error
            table.create_table(wait=True)


def _bound(model: type[Model], name: str, settings: dict[str, str]) -> type[Model]:
    """The model tied to one table's name; each call gives a class of its own."""
    meta = type(
        "Meta",
        (),
        {"table_name": name, "billing_mode": PAY_PER_REQUEST_BILLING_MODE, **settings},
    )
    return type(model.__name__, (model,), {"Meta": meta})


def _payload(stored: PrimaryItem) -> Payload:
    return Payload(
        prompt=stored.prompt,
        image_url=stored.image_url,
        model=stored.model,
        seed=stored.seed,
        steps=_integer(stored.steps),
    )


def _cursor(value: float | None) -> Cursor | None:
    return None if value is None else Cursor(int(value))


def _integer(value: float | None) -> int | None:
    return None if value is None else int(value)
