"""What `make run` tells its user, and how it calls the sweep."""

import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from local import room as room_module
from local.room import FOR_SYNC, Room
from local.run import Schedule, command
from local.workspace import DEFAULT_DATA, DEFAULT_PORT


@pytest.mark.parametrize(
    ("target", "data", "port", "typed"),
    [
        ("run", DEFAULT_DATA, DEFAULT_PORT, "make run"),
        ("run", DEFAULT_DATA, 8001, "make run PORT=8001"),
        ("-s token", Path("../my data"), 8001, "make -s token 'DATA=../my data' PORT=8001"),
    ],
)
def test_hints_are_for_this_very_server(target: str, data: Path, port: int, typed: str) -> None:
    """What a hint says to type has the server's own folder and port, quoted for a shell."""
    assert command(target, data, port) == typed


def test_the_sweep_outlives_a_data_folder_that_was_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits until the folder is back, and then runs."""
    folder = tmp_path / "data"
    stop = threading.Event()
    seen: list[bool] = []

    def free(path: Path) -> int:
        seen.append(path.is_dir())
        path.mkdir(exist_ok=True)  # it is back at the next look
        if not seen[-1]:
            raise FileNotFoundError(path)
        return FOR_SYNC

    def sweep(_event: object, _context: object) -> None:
        stop.set()

    monkeypatch.setattr(room_module, "LOOK_SECONDS", 0)
    monkeypatch.setitem(sys.modules, "app", SimpleNamespace(scheduled_sweep=sweep))
    Schedule(Room(folder, free), stop, threading.Event()).sweep_regularly()
    assert stop.is_set()
    assert seen[0] is False
    assert seen[-1] is True
