"""Deletes images: when it returns, they are gone from both logs."""

from collections.abc import Callable, Sequence

from chalicelib.model.entries import Cursor, Position, UserId
from chalicelib.model.errors import Unavailable
from chalicelib.model.timing import Backoff, Deadline
from chalicelib.store.partition import Partition
from chalicelib.store.primary import Primary
from chalicelib.sync.syncer import Syncer


class Deleter:
    def __init__(
        self,
        primary: Primary,
        open_partition: Callable[[UserId], Partition],
        syncer: Syncer,
        backoff: Backoff,
    ) -> None:
        self._primary = primary
        self._open_partition = open_partition
        self._syncer = syncer
        self._backoff = backoff

    def delete(
        self,
        user: UserId,
        cursors: Sequence[Cursor],
        deadline: Deadline,
        seen: Position | None = None,
    ) -> None:
        """Deletes the images, all or none, and returns once the partition has tombstones in their
        place.

        Takes and raises what `Primary.delete` does; and `Unavailable` when it could not be made
        sure of the partition in time: the same call again, or the stream, completes it.
        """
        self._primary.delete(user, cursors, deadline, seen)
        partition = self._open_partition(user)
        for _ in self._backoff.attempts(deadline):
            if deadline.passed():
                break
            self._syncer.sync(user, deadline)
            if not deadline.passed() and partition.are_erased(cursors, deadline):
                return
        raise Unavailable("delete")
