"""What `make run` tells its user."""

from pathlib import Path

import pytest

from local.run import command
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
