"""What a request to delete images has left to do, as its tries tell. Free of any I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.dynamodb.protocol import Reason
from chalicelib.model.entries import Cursor, Entry
from chalicelib.model.errors import HoleFound, ImageNotFound
from chalicelib.store.tail_cache import Tail

MAX_DELETIONS = 33
"""Images that one transaction deletes: two writes each, and room to spare below its 100."""


@dataclass(slots=True)
class Removal:
    """One request to delete images, and the random `request_id` that marks its entries as its own.

    `left` are the images that no try has shown to be tombstones.
    """

    left: tuple[Cursor, ...]
    request_id: str
    created_at: str

    def after(self, tail: Tail) -> tuple[Entry, ...]:
        """The entries that delete what is left if they come directly after this tail."""
        skip = tail.skip_after(self.left)
        return tuple(
            Entry(
                cursor=Cursor(tail.cursor + i),
                request_id=self.request_id,
                created_at=self.created_at,
                count=tail.count - i,
                deletes=cursor,
                skip=skip + i - 1,
            )
            for i, cursor in enumerate(self.left, start=1)
        )

    def learn(self, tombstones: Sequence[Reason]) -> None:
        """From a refusal: what stands where the images of the last try were to become tombstones.

        Raises `ImageNotFound` for what never was an image. Then no try has been done: each turns
        all of its images into tombstones, or does nothing. `HoleFound` where nothing stands at all.
        """
        found = dict(zip(self.left, map(kind_found, tombstones), strict=True))
        missing = [cursor for cursor, kind in found.items() if kind not in (UNTOLD, HOLE, "erased")]
        if missing:
            raise ImageNotFound(sorted(missing))
        for cursor, kind in found.items():
            if kind == HOLE:
                raise HoleFound("primary", cursor)
        self.left = tuple(cursor for cursor, kind in found.items() if kind != "erased")


UNTOLD, HOLE = "untold", "hole"


def kind_found(reason: Reason) -> str:
    """The kind of entry that kept an image from becoming a tombstone; `UNTOLD` if none did.

    What has no kind, or one that is not known, was never an image. All of them lie below the tail,
    and a condition never sees a write half-way: where it finds nothing, there is a hole.
    """
    if reason.code != "ConditionalCheckFailed":
        return UNTOLD
    return HOLE if reason.item is None else reason.item.get("kind", {}).get("S", "unknown")
