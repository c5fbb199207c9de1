"""The three tables as PynamoDB models, made of the schemas in `chalicelib.store.items`.

For what makes tables: the local server, the tests, and the template of a stage, which takes the
same keys and index from here. No deployed function loads this.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pynamodb.attributes import Attribute, NumberAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.constants import PAY_PER_REQUEST_BILLING_MODE, STREAM_KEYS_ONLY
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from chalicelib.store.items import ENTRY, EXPIRES_AT, MARKER, ROW, Schema
from chalicelib.store.table_names import TableNames
from chalicelib.store.users import USERS_INDEX


class Users(GlobalSecondaryIndex[Any]):  # type: ignore[no-untyped-call]
    """Sparse: only a user's first entry has `registered_at`, so this lists each user once."""

    class Meta:
        index_name = USERS_INDEX
        projection = KeysOnlyProjection()
        billing_mode = PAY_PER_REQUEST_BILLING_MODE

    user_id = UnicodeAttribute(hash_key=True)
    registered_at = UnicodeAttribute(range_key=True)


def model(name: str, schema: Schema, **more: Any) -> type[Model]:
    """The class prefixes its members, since PynamoDB has methods of names that we use."""
    hash_key, range_key, *others = schema
    keys = {hash_key: {"hash_key": True}, range_key: {"range_key": True}}
    members = {
        f"a_{attribute}": _attribute(attribute, schema[attribute], **keys.get(attribute, {}))
        for attribute in (hash_key, range_key, *others)
    }
    return type(name, (Model,), {"__module__": __name__, **members, **more})


def _attribute(name: str, kind: Literal["S", "N"], **key: bool) -> "Attribute[Any]":
    if name == EXPIRES_AT:
        return TTLAttribute(attr_name=name)
    of_kind: type[Attribute[Any]] = {"S": UnicodeAttribute, "N": NumberAttribute}[kind]
    return of_kind(attr_name=name, **key)


PrimaryItem = model("PrimaryItem", ENTRY, users=Users())
PartitionItem = model("PartitionItem", ROW)
MarkerItem = model("MarkerItem", MARKER)


def create_tables(names: TableNames) -> None:
    """Creates those of the three tables that are missing, where AWS's environment points to."""
    for table_model, name, settings in (
        (PrimaryItem, names.primary, {"stream_view_type": STREAM_KEYS_ONLY}),
        (PartitionItem, names.partition, {}),
        (MarkerItem, names.idempotency, {}),
    ):
        table = _bound(table_model, name, settings)
        if not table.exists():  # create_table would set an existing table's TTL again, an error
            table.create_table(wait=True)


def _bound(table_model: type[Model], name: str, settings: Mapping[str, str]) -> type[Model]:
    """The model tied to one table's name; each call gives a class of its own."""
    meta = type(
        "Meta",
        (),
        {"table_name": name, "billing_mode": PAY_PER_REQUEST_BILLING_MODE, **settings},
    )
    return type(table_model.__name__, (table_model,), {"Meta": meta})
