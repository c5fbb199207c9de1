"""The space on the disk: without it nothing is changed, and people are told once."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from local.room import DISK_FULL, FOLDER_AWAY, FOR_REQUESTS, FOR_SYNC, DiskFull, Room

FOLDER = Path("/data")


def room(*free: int) -> Room:
    """Free bytes at each look; the last for ever."""
    left = list(free)
    return Room(FOLDER, lambda _folder: left.pop(0) if len(left) > 1 else left[0])


class Waited(threading.Event):
    """An event that counts its waits, which take no time."""

    def __init__(self, then: Callable[[int], bool]) -> None:
        super().__init__()
        self.count, self._then = 0, then

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        self.count += 1
        if self._then(self.count):
            self.set()
        return self.is_set()


def test_changes_need_more_than_syncs_do() -> None:
    """What was saved can still be synced after saving has ended."""
    assert room(FOR_REQUESTS).trouble() is None
    assert room(FOR_REQUESTS - 1).trouble() == DISK_FULL
    stop = Waited(lambda _count: False)
    room(FOR_SYNC).wait_for_sync(stop)
    assert stop.count == 0


def test_it_is_said_once_and_again_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    short = room(0, 0, FOR_REQUESTS, FOR_REQUESTS, 0)
    said = [short.trouble() for _ in range(5)]
    assert said == [DISK_FULL, DISK_FULL, None, None, DISK_FULL]
    assert caplog.text.count("has 0 MB left") == 2
    assert caplog.text.count("room on the disk of /data again") == 1


def test_a_sync_waits_until_there_is_room_or_the_server_stops() -> None:
    stop = Waited(lambda _count: False)
    room(0, 0, FOR_SYNC).wait_for_sync(stop)  # looks, tells of it, looks again
    assert stop.count == 1
    stopped = Waited(lambda count: count == 3)
    room(0).wait_for_sync(stopped)
    assert stopped.count == 3


def test_a_start_without_room_says_what_to_do() -> None:
    with pytest.raises(DiskFull, match="/data has 0 MB left, and 64 are needed"):
        room(0).require()
    room(FOR_REQUESTS).require()


def test_a_folder_that_was_moved_is_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Syncs wait for it, requests are told of it, and all goes on when it is back."""
    folder, away = tmp_path / "data", tmp_path / "data.away"
    folder.mkdir()
    moved = Room(folder)
    folder.rename(away)
    assert moved.trouble() == FOLDER_AWAY
    with pytest.raises(DiskFull, match="data cannot be read"):
        moved.require()

    def back(count: int) -> bool:
        if count == 2:
            away.rename(folder)
        return False

    stop = Waited(back)
    moved.wait_for_sync(stop)
    assert stop.count == 2
    assert moved.trouble() is None
    assert caplog.text.count("data cannot be read") == 1
    assert "changes are taken" in caplog.text
