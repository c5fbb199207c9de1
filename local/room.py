"""The space that is left on the disk: nothing is written to a database that may have none.

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

log = logging.getLogger(__name__)


class DiskFull(Exception):
    """There is no room to write; the message says what to do."""


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


@dataclass
class Room:
    """Threads may share it. When room ends, and when there is some again, the log says so once."""

    folder: Path
    free: Callable[[Path], int] = free_bytes
    _short: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def for_requests(self) -> bool:
        """Whether a request may change anything now."""
        free = self.free(self.folder)
        self._say(free < FOR_REQUESTS, free)
        return free >= FOR_REQUESTS

    def require(self) -> None:
        """DiskFull if no request could change anything now."""
        free = self.free(self.folder)
        if free < FOR_REQUESTS:
            raise DiskFull(told(self.folder, free))

    def wait_for_sync(self, stop: threading.Event) -> None:
        """Until there is room for a sync, or `stop` is set."""
        while self.free(self.folder) < FOR_SYNC and not stop.is_set():
            self.for_requests()
            stop.wait(LOOK_SECONDS)

    def _say(self, short: bool, free: int) -> None:
        with self._lock:
            changed, self._short = short != self._short, short
        if changed and short:
            log.warning("%s Reading goes on.", told(self.folder, free))
        elif changed:
            log.warning("There is room on the disk of %s again; changes are taken.", self.folder)


def told(folder: Path, free: int) -> str:
    return (
        f"The disk of {folder.absolute()} has {free // MB} MB left, and {FOR_REQUESTS // MB} are "
        "needed: nothing is changed until there is room again. Delete or move other files there."
    )
