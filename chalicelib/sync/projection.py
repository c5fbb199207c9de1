"""Turns consecutive entries of the primary into rows of the partition. Pure: values in, values
out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chalicelib.dynamodb.protocol import MAX_TRANSACTION_BYTES, MAX_TRANSACTION_ITEMS
from chalicelib.model.entries import Cursor, Entry, Image, Row, render

MAX_ERASURES = 10
"""Earlier images that one chunk erases at most: some 100 ms of work."""

ROW_OVERHEAD = 200
"""Bytes of a row beside its rendered image: names, key, count, mark; rounded up."""


@dataclass(frozen=True, slots=True)
class Projection:
    """`erase` first: earlier cursors whose images the rows delete. Then `rows`, all or none."""

    erase: tuple[Cursor, ...]
    rows: tuple[Row, ...]


def project(run: Sequence[Entry]) -> Projection:
    """As much of the run, from its first entry, as one transaction holds; never nothing.

    An image whose deletion is among those rows is a tombstone from the start. The run ends before
    it deletes more than `MAX_ERASURES` earlier images: each of those is a write of its own, and
    what a call had no time to finish is begun again by the next.
    """
    rows = fitting([to_row(entry) for entry in run])
    rows = rows[: few_erasures(rows)]
    deleted = {row.deletes for row in rows if row.deletes is not None}
    return Projection(
        erase=tuple(sorted(cursor for cursor in deleted if cursor < rows[0].cursor)),
        rows=tuple(replace(row, image=None) if row.cursor in deleted else row for row in rows),
    )


def few_erasures(rows: Sequence[Row]) -> int:
    """How many of the rows, from the first on, delete no more than that many before them."""
    first = rows[0].cursor
    erasing = [i for i, row in enumerate(rows) if row.deletes is not None and row.deletes < first]
    return erasing[MAX_ERASURES] if len(erasing) > MAX_ERASURES else len(rows)


def to_row(entry: Entry) -> Row:
    image = None
    if entry.payload is not None:
        image = render(Image(entry.cursor, entry.created_at, entry.payload))
    return Row(entry.cursor, entry.count, image, entry.deletes, entry.mark, entry.skip)


def fitting(rows: Sequence[Row]) -> Sequence[Row]:
    """The leading rows that one transaction can hold; at least one."""
    size = 0
    for length, row in enumerate(rows[:MAX_TRANSACTION_ITEMS]):
        size += ROW_OVERHEAD + len((row.image or "").encode())
        if size > MAX_TRANSACTION_BYTES and length:
            return rows[:length]
    return rows[:MAX_TRANSACTION_ITEMS]
