"""Watches the free space on the disk: nothing is written when there may be too little.

DynamoDB Local answers 200 also when the disk is full and its commit failed, so what it would be
asked then must not be asked at all.
"""

import logging
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

MB = 1024 * 1024
FOR_REQUESTS = 64 * MB
"""Free bytes below which no request may change anything."""

FOR_SYNC = 32 * MB
"""The stream's function and the sweep go on for longer: they bring what was saved to its reader."""

LOOK_SECONDS = 1.0

DISK_FULL = "disk-full"
FOLDER_AWAY = "data-folder-away"
"""What keeps changes from being made, by the codes of `LOCAL_PROBLEMS`."""

log = logging.getLogger(__name__)


class DiskFull(Exception):
    """There is no room to write; the message says what to do."""


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@dataclass
class Room:
    """Threads may share it. When room ends, and when there is some again, the log says so once.

    A folder that cannot be read, as it was moved or its disk is not there, has no room.
    """

    folder: Path
    free: Callable[[Path], int] = free_bytes
    _said: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def trouble(self) -> str | None:
        """Returns the problem code with which changes are refused now; None if they are taken."""
        free = self._look()
        trouble = trouble_with(free)
        self._say(trouble, free)
        return trouble

    def require(self) -> None:
        """Raises DiskFull if no request could change anything now."""
        free = self._look()
        if trouble_with(free) is not None:
            raise DiskFull(told(self.folder, free))

    def wait_for_sync(self, stop: threading.Event) -> None:
        """Waits until there is room for a sync, or `stop` is set."""
        while (self._look() or 0) < FOR_SYNC and not stop.is_set():
            self.trouble()
            stop.wait(LOOK_SECONDS)

    def _look(self) -> int | None:
        """The free bytes; None if the folder cannot be read."""
        try:
            return self.free(self.folder)
        except OSError:
            return None

    def _say(self, trouble: str | None, free: int | None) -> None:
        with self._lock:
            changed, self._said = trouble != self._said, trouble
        if changed and trouble is not None:
            log.warning("%s Reading goes on.", told(self.folder, free))
        elif changed:
            log.warning("There is room on the disk of %s again; changes are taken.", self.folder)


def trouble_with(free: int | None) -> str | None:
    if free is None:
        return FOLDER_AWAY
    return DISK_FULL if free < FOR_REQUESTS else None


def told(folder: Path, free: int | None) -> str:
    if free is None:
        return (
            f"The data folder {folder.absolute()} cannot be read: nothing is changed until it is "
            "back. Move it back to its place, or connect its disk again."
        )
    return (
        f"The disk of {folder.absolute()} has {free // MB} MB left, and {FOR_REQUESTS // MB} are "
        "needed: nothing is changed until there is room again. Delete or move other files there."
    )
