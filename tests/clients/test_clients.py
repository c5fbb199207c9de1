"""Clients that generators make of the API's document, used on a running server.

The first run on a machine fetches the generators, which takes half a minute.
"""

import json
import os
import uuid
from pathlib import Path

import pytest

from chalicelib.api.openapi import document
from local.dynamodb_local import cache_dir
from tests.api.server import Server
from tests.clients.generators import (
    COMMANDS,
    PYTHON,
    ensure_installed,
    generate,
    node,
    using,
    workshop,
)

ALL = (PYTHON, *COMMANDS)


@pytest.fixture(scope="session")
def installed() -> Path:
    return ensure_installed(cache_dir(os.environ))


@pytest.fixture(scope="session")
def made(installed: Path, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which each of them has made its client."""
    folder = tmp_path_factory.mktemp("clients")
    workshop(folder, installed, json.dumps(document()))
    for name in ALL:
        said = generate(name, folder, installed, f"{server.url}/api")
        assert "arning" not in said, said
    return folder


def test_what_uses_them_has_the_right_types(made: Path) -> None:
    """TypeScript, at its strictest, agrees with how images, pages and problems are used."""
    node(made, "typescript/bin/tsc", "--project", ".")


@pytest.mark.parametrize("name", ALL)
def test_a_library_by_a_generated_client(made: Path, server: Server, name: str) -> None:
    """Save, sync, page, show, delete, delete several; and problems, with what to decide by."""
    token = server.token(f"{name} {uuid.uuid4()}")
    said = using(name, made)({"API": f"{server.url}/api", "TOKEN": token})
    assert json.loads(said) == {
        "saved": [1, 2, 3],
        "prompts": ["third", "second", "first"],
        "seed": str(2**64 - 1),
        "emptied": 204,
        "gone": {"status": 404, "code": "not-found"},
        "refused": {"code": "invalid-image", "at": "#/prompt"},
    }
