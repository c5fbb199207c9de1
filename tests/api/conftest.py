"""One development server for all tests of the API; users of their own for each test."""

import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.api.server import Server, running

ORIGINS = ("https://app.example", "http://localhost:5173")
"""Whose pages the server lets call it."""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("api") / "data"
    with running(data, CORS_ORIGINS=",".join(ORIGINS)) as started:
        yield started


@pytest.fixture
def alice(server: Server) -> Iterator[httpx.Client]:
    """Signed in as a user whom no other test knows."""
    with server.client(f"alice {uuid.uuid4()}") as client:
        yield client


@pytest.fixture
def bob(server: Server) -> Iterator[httpx.Client]:
    """Signed in as another such user."""
    with server.client(f"bob {uuid.uuid4()}") as client:
        yield client


@pytest.fixture
def anyone(server: Server) -> Iterator[httpx.Client]:
    """Not signed in."""
    with httpx.Client(base_url=server.url, timeout=30) as client:
        yield client
