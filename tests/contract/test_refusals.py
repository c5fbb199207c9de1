"""What a refusal says, on both engines: `chalicelib.store.primary` decides by it alone."""

import pytest

from chalicelib.dynamodb.protocol import Reason, Refused
from chalicelib.model.entries import Cursor
from chalicelib.store.items import entry_to_item
from tests.support import ALICE, Store, foreign

FAILED = "ConditionalCheckFailed"


def test_a_refused_put_tells_what_stands_there(store: Store) -> None:
    """The reason holds the item that was found."""
    store.put_entry(ALICE, foreign(1))
    with pytest.raises(Refused) as refused:
        store.put_entry(ALICE, foreign(1))
    assert refused.value.reasons == (Reason(FAILED, entry_to_item(ALICE, foreign(1))),)


def test_a_refused_transaction_has_a_reason_per_write(store: Store) -> None:
    """In order: what was found where a condition failed, and "None" for the others."""
    store.put_entry(ALICE, foreign(2))
    items = [entry_to_item(ALICE, foreign(cursor)) for cursor in (1, 2, 3)]
    with pytest.raises(Refused) as refused:
        store.primary_log.put_new(items)
    assert refused.value.reasons == (Reason("None"), Reason(FAILED, items[1]), Reason("None"))
    assert store.primary_log.get(ALICE, Cursor(1)) is None
