"""Remembers where logs ended, so that a save by a warm function need not look."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chalicelib.model.entries import Cursor, UserId

SECONDS = 60.0
"""For which a tail is remembered. A log only grows, so an old tail is safe: the save finds its
place taken, and looks. A tail beyond the log's end would leave a hole. That takes a table that was
put back to an earlier state; 60 s is shorter than any restore takes."""

MAX_USERS = 1000
"""Users whose tails are remembered."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The highest cursor of a log, and the number of live images at it.

    `skip` is the last entry's own; `is_image` whether that is an image, or there is none.
    """

    cursor: Cursor
    count: int
    skip: int = 0
    is_image: bool = True

    def skip_after(self, deleted: Sequence[Cursor] = ()) -> int:
        """How many entries at the end are no images, once these are deleted."""
        if self.is_image and self.cursor not in deleted:
            return 0
        skip = self.skip + 1
        while self.cursor - skip in deleted:
            skip += 1
        return skip


class TailCache:
    """`monotonic` is in seconds. Threads may share it: at worst one's tail is forgotten."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._seen: OrderedDict[UserId, tuple[Tail, float]] = OrderedDict()

    def get(self, user: UserId) -> Tail | None:
        tail, until = self._seen.get(user, (None, 0.0))
        return tail if self._monotonic() < until else None

    def remember(self, user: UserId, tail: Tail) -> None:
        """Remembers a tail that was just seen or committed, never one that is only hoped for."""
        self._seen.pop(user, None)
        self._seen[user] = (tail, self._monotonic() + SECONDS)
        while len(self._seen) > MAX_USERS:
            self._seen.popitem(last=False)
