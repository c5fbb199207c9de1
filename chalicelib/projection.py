"""What a run of the primary's log becomes in the partition. Pure: values in, values out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chalicelib.dynamo import MAX_TRANSACTION_BYTES, MAX_TRANSACTION_ITEMS
from chalicelib.entries import Cursor, Entry, Image, Row, render

ROW_OVERHEAD = 200
"""Bytes of a row beside its rendered image: names, key, count; rounded up."""


@dataclass(frozen=True, slots=True)
class Projection:
    """`erase` first: earlier cursors whose images the rows delete. Then `rows`, all or none."""

    erase: tuple[Cursor, ...]
    rows: tuple[Row, ...]


def project(run: Sequence[Entry]) -> Projection:
    """As much of the run, from its first entry, as one transaction holds; never nothing.

    An image whose deletion is among those rows is a stub from the start.
    """
    rows = fitting([to_row(entry) for entry in run])
    deleted = {row.deletes for row in rows if row.deletes is not None}
    inside = {row.cursor for row in rows}
    return Projection(
        erase=tuple(sorted(deleted - inside)),
        rows=tuple(replace(row, image=None) if row.cursor in deleted else row for row in rows),
    )


def to_row(entry: Entry) -> Row:
    image = None
    if entry.payload is not None:
        image = render(Image(entry.cursor, entry.created_at, entry.payload))
    return Row(entry.cursor, entry.count, image, entry.deletes)


def fitting(rows: Sequence[Row]) -> Sequence[Row]:
    """The leading rows that one transaction can hold; at least one."""
    size = 0
    for length, row in enumerate(rows[:MAX_TRANSACTION_ITEMS]):
        size += ROW_OVERHEAD + len((row.image or "").encode())
        if size > MAX_TRANSACTION_BYTES and length:
            return rows[:length]
    return rows[:MAX_TRANSACTION_ITEMS]
