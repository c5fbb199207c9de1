"""A server, a browser, and people who come to the gallery with it."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from tests.api.server import running
from tests.browser.chromium import launched
from tests.browser.place import Local, Place
from tests.browser.visitor import Arrive, Visitor

ROOT = Path(__file__).parent.parent.parent
AXE = ROOT / "gallery/node_modules/axe-core/axe.min.js"

# The development server's issuer renews no tokens and has no sessions.
collect_ignore = [] if "EMULATOR" in os.environ else ["test_issuer.py"]


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Place:
    """The deployed stack for `make test-deployed`, else the development server."""
    place: Place = request.getfixturevalue("deployed" if "EMULATOR" in os.environ else "local")
    return place


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    if not (ROOT / "chalicelib/gallery/index.html").exists():
        pytest.fail("The gallery is not built: make gallery")
    with running(tmp_path_factory.mktemp("browser") / "data") as started:
        yield Local(started)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Ended with each file: while Playwright runs, no other event loop can in this thread."""
    with launched() as started:
        yield started


@pytest.fixture
def arrive(server: Place, chromium: Browser) -> Iterator[Arrive]:
    """Somebody comes with a browser of their own; its settings are those of a Playwright context.

    Whatever the test is about: no page broke its Content-Security-Policy, asked another host, put a
    token into an address, or threw an error that nobody caught. Requests that tests answer
    themselves pass by no service worker, so there is none unless a test wants it.
    """
    came = []

    def someone(**settings: Any) -> Visitor:
        came.append(
            Visitor.arriving(
                server, server.open(chromium, **{"service_workers": "block"} | settings)
            )
        )
        return came[-1]

    yield someone
    for visitor in came:
        visitor.context.close()
    assert [trouble for visitor in came for trouble in visitor.troubles] == []


@pytest.fixture
def name() -> str:
    """Of a user whom no other test knows."""
    return f"alice-{uuid.uuid4()}"


@pytest.fixture
def alice(server: Place, name: str) -> Iterator[httpx.Client]:
    """That user, as the API's client."""
    with server.client(name) as client:
        yield client


@pytest.fixture
def visitor(arrive: Arrive, name: str) -> Visitor:
    """That user, signed in to a library that is empty unless the test has filled it before."""
    return arrive().sign_in(name)
