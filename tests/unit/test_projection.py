"""What a run of the primary becomes in the partition: pure, without a table."""

import json
from dataclasses import replace

from chalicelib.dynamodb.protocol import MAX_TRANSACTION_BYTES, MAX_TRANSACTION_ITEMS
from chalicelib.model.entries import Cursor, Entry, Image, Mark, Payload, Row, render
from chalicelib.sync.projection import MAX_ERASURES, ROW_OVERHEAD, Projection, project
from tests.support import foreign, picture


def deletion(cursor: int, deletes: int) -> Entry:
    return replace(foreign(cursor), payload=None, deletes=Cursor(deletes))


def shown(entry: Entry) -> Row:
    assert entry.payload is not None
    image = render(Image(entry.cursor, entry.created_at, entry.payload))
    return Row(entry.cursor, entry.count, image, mark=entry.mark)


def test_images_are_rendered_once_for_all_reads() -> None:
    """An image becomes the very JSON that the API answers; absent fields are left out."""
    payload = Payload('a "fox" 🦊\n', "https://images.example/1.png", seed=str(2**64 - 1), steps=30)
    entry = replace(foreign(7), payload=payload)
    (row,) = project([entry]).rows
    assert json.loads(row.image or "") == {
        "cursor": 7,
        "prompt": 'a "fox" 🦊\n',
        "imageUrl": "https://images.example/1.png",
        "seed": "18446744073709551615",
        "steps": 30,
        "createdAt": "2026-01-01T00:00:00.000Z",
    }


def test_a_deletion_erases_an_earlier_image_first() -> None:
    """A deletion of what the partition has already is to be applied before the rows are shown."""
    found = project([foreign(8), deletion(9, deletes=3)])
    assert found.erase == (3,)
    assert found.rows == (shown(foreign(8)), Row(Cursor(9), 9, deletes=Cursor(3)))


def test_an_image_deleted_in_the_same_run_is_a_tombstone_from_the_start() -> None:
    """What is deleted in the run never becomes visible, and needs no erasing."""
    marked = replace(foreign(8), mark=Mark("m8"))
    found = project([marked, deletion(9, deletes=8)])
    assert found == Projection(
        (), (Row(Cursor(8), 8, mark=Mark("m8")), Row(Cursor(9), 9, deletes=Cursor(8)))
    )


def test_a_tombstone_stays_a_tombstone() -> None:
    """An entry without payload is a row without an image, with its count."""
    tombstone = replace(foreign(5), payload=None)
    assert project([tombstone]).rows == (Row(Cursor(5), 5),)


def test_a_chunk_holds_no_more_entries_than_a_transaction() -> None:
    """Beyond the transaction's number of items the run is left for the next chunk."""
    run = [foreign(cursor) for cursor in range(1, MAX_TRANSACTION_ITEMS + 2)]
    assert len(project(run).rows) == MAX_TRANSACTION_ITEMS


def test_a_chunk_holds_no_more_bytes_than_a_transaction() -> None:
    """Large images are split over chunks by their size as rendered, and order is kept."""
    large = picture()._replace(prompt="\x01" * 10_000)
    run = [replace(foreign(cursor), payload=large) for cursor in range(1, 101)]
    rows = project(run).rows
    sizes = [len((row.image or "").encode()) + ROW_OVERHEAD for row in rows]
    assert [row.cursor for row in rows] == list(range(1, len(rows) + 1))
    assert sum(sizes) <= MAX_TRANSACTION_BYTES < sum(sizes) + sizes[0]


def test_a_deletion_beyond_the_chunk_waits_for_its_turn() -> None:
    """An image is shown for as long as only a later chunk deletes it: the log is kept in order."""
    run = [foreign(cursor) for cursor in range(1, MAX_TRANSACTION_ITEMS + 1)]
    found = project([*run, deletion(MAX_TRANSACTION_ITEMS + 1, deletes=1)])
    assert found.rows[0] == shown(foreign(1))


def test_a_chunk_erases_few_earlier_images() -> None:
    """However much was deleted at once, a call of little time gets on by a chunk of it."""
    run = [deletion(100 + number, deletes=number) for number in range(1, 31)]
    run.insert(5, replace(foreign(50), cursor=Cursor(106)))
    run = [replace(entry, cursor=Cursor(101 + i)) for i, entry in enumerate(run)]
    found = project(run)
    assert found.erase == tuple(range(1, MAX_ERASURES + 1))
    assert [row.cursor for row in found.rows] == list(range(101, 101 + MAX_ERASURES + 1))
