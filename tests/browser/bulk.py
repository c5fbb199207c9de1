"""A large library at once: written to both tables as the product's own code would leave them."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chalicelib.model.entries import Cursor, Entry, Payload
from chalicelib.store.items import entry_to_item, row_to_item
from chalicelib.sync.projection import to_row
from local.placeholder_images import SHAPES
from local.placeholder_images import url as drawn_url
from tests.browser.place import Place

CREATED_AT = "2026-01-01T00:00:00.000Z"
AT_ONCE = 4
"""Requests under way to the database: more gain nothing on two cores."""

Item = Mapping[str, Any]


def write_library(server: Place, name: str, size: int) -> None:
    """Gives a user who has none so many images: `prompt 1` is the oldest."""
    entries = [entry(number) for number in range(1, size + 1)]
    user, tables = server.user(name), server.tables()
    rows = [row_to_item(user, to_row(entry)) for entry in entries]
    logged = [entry_to_item(user, entry) for entry in entries]
    # The partition first: the stream then finds it up to date, whatever arrives when.
    put_all(tables.dynamodb, tables.partition, rows)
    put_all(tables.dynamodb, tables.primary, logged)


def entry(number: int) -> Entry:
    """A few pictures serve for all, so that the browser draws each once."""
    address = drawn_url("a picture", number % 4, *SHAPES[number % len(SHAPES)])
    payload = Payload(f"prompt {number}", address, "sdxl", str(number), 30)
    return Entry(Cursor(number), "bulk", CREATED_AT, number, payload)


def put_all(client: Any, table: str, items: Sequence[Item]) -> None:
    def put(some: Sequence[Item]) -> None:
        puts = [{"PutRequest": {"Item": item}} for item in some]
        assert not client.batch_write_item(RequestItems={table: puts})["UnprocessedItems"]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(put, parts(items)))


def parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """As many as one BatchWriteItem takes."""
    return (items[first : first + 25] for first in range(0, len(items), 25))
