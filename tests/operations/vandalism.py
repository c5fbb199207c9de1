"""What somebody may do to a partition by hand, and what `verify_user` must say about it.

The log that they all are done to: images at 1 and 3 … 6, a tombstone at 2, its deletion at 7.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.operations.support import add, change, delete, fill_synced, remove
from tests.support import Store

MISSING = "the partition has no entry where the primary has one"
EXTRA = "the partition has an entry where the primary has none"


@dataclass(frozen=True)
class Vandalism:
    name: str
    do: Callable[[Store], None]
    cursor: float
    what: str


def library(store: Store) -> None:
    fill_synced(store, 6)
    delete(store, 2)


def two_differences(store: Store) -> None:
    remove(store, 5)
    change(store, 3, count={"N": "9"})


def beyond_a_gap(store: Store) -> None:
    add(store, 12)


VANDALISM = [
    Vandalism("row removed", lambda store: remove(store, 4), 4, MISSING),
    Vandalism("first row removed", lambda store: remove(store, 1), 1, MISSING),
    Vandalism(
        "image changed",
        lambda store: change(store, 3, image={"S": '{"prompt":"by hand"}'}),
        3,
        "other in the partition: image",
    ),
    Vandalism(
        "count changed",
        lambda store: change(store, 5, count={"N": "77"}),
        5,
        "other in the partition: count",
    ),
    Vandalism(
        "mark changed",
        lambda store: change(store, 5, mark={"S": "by-hand"}),
        5,
        "other in the partition: mark",
    ),
    Vandalism(
        "mark lost",
        lambda store: change(store, 2, mark=None),
        2,
        "other in the partition: mark",
    ),
    Vandalism(
        "skip changed",
        lambda store: change(store, 4, skip={"N": "3"}),
        4,
        "other in the partition: skip",
    ),
    Vandalism(
        "image made a tombstone",
        lambda store: change(store, 4, kind={"S": "erased"}, image=None, version=None),
        4,
        "other in the partition: image, kind, version",
    ),
    Vandalism(
        "image made a deletion",
        lambda store: change(store, 4, kind={"S": "deletion"}, image=None, deletes={"N": "1"}),
        4,
        "other in the partition: deletes, image, kind",
    ),
    Vandalism(
        "tombstone made an image",
        lambda store: change(
            store, 2, kind={"S": "image"}, image={"S": "prompt"}, version={"N": "2"}
        ),
        2,
        "other in the partition: image, kind, version",
    ),
    Vandalism(
        "tombstone with a payload",
        lambda store: change(store, 2, image={"S": "prompt"}),
        2,
        "other in the partition: image",
    ),
    Vandalism(
        "deletion of another",
        lambda store: change(store, 7, deletes={"N": "3"}),
        7,
        "other in the partition: deletes",
    ),
    Vandalism(
        "attribute added",
        lambda store: change(store, 3, note={"S": "prompt"}),
        3,
        "other in the partition: note",
    ),
    Vandalism(
        "kind taken away",
        lambda store: change(store, 3, kind=None),
        3,
        "other in the partition: kind",
    ),
    Vandalism(
        "version of no form",
        lambda store: change(store, 3, version={"S": "prompt"}),
        3,
        "other in the partition: version",
    ),
    Vandalism("row beyond the tail", lambda store: add(store, 8), 8, EXTRA),
    Vandalism("row far beyond the tail", beyond_a_gap, 12, EXTRA),
    Vandalism("row at 0", lambda store: add(store, 0), 0, EXTRA),
    Vandalism("row below 0", lambda store: add(store, -5), -5, EXTRA),
    Vandalism("row between two", lambda store: add(store, 2.5), 2.5, EXTRA),
    Vandalism(
        "tail without its count",
        lambda store: change(store, 7, count=None),
        7,
        "other in the partition: count",
    ),
    Vandalism("two differences", two_differences, 3, "other in the partition: count"),
]
