"""Deleting an image: gone from both logs when it answers."""

from collections.abc import Callable

from chalicelib.entries import Cursor, UserId
from chalicelib.errors import Unavailable
from chalicelib.partition import Partition
from chalicelib.primary import Primary
from chalicelib.sync import Syncer
from chalicelib.timing import Backoff, Deadline


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

    def delete(self, user: UserId, cursor: Cursor, deadline: Deadline) -> None:
        """Deletes the image, and returns only once the partition has a stub in its place.

        Raises `ImageNotFound` where no image ever stood; `Unavailable` when that could not be made
        sure of in time: the same call again, or the stream, completes it.
        """
        self._primary.delete(user, cursor, deadline)
        partition = self._open_partition(user)
        for _ in self._backoff.attempts(deadline):
            if deadline.passed():
                break
            self._syncer.sync(user, deadline)
            if not deadline.passed() and partition.is_erased(cursor):
                return
        raise Unavailable("delete")
