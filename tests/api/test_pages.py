"""Addresses that people type, paste or shorten: each shows the gallery."""

from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.api.server import Server

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}

PAGES = [
    "/",
    "/dashboard",
    "/dashboard/",
    "/dashboard/images",
    "/dashboard/images/",
    "/dashboard/images/5",
    "/dashboard/images/abc?x=1",
    "//",
    "//dashboard/images",
]
TYPED = [
    "/foo",
    "/index.html",
    "/DASHBOARD/IMAGES",
    "/dashboard/images/5/extra",
    "/dashboard/images//5",
    "//[",
    "/%",
    "/%00",
    "/%2e%2e/%2e%2e/etc",
    "/%ff%fe",
    "/apis",
]


def get(server: Server, path: str, **headers: str) -> tuple[int, str, str]:
    """Status, content type and body. The path is sent as it is: httpx would mend it."""
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, answer.headers["Content-Type"], body


@pytest.mark.parametrize(
    ("path", "expected"), [*((path, 200) for path in PAGES), *((path, 404) for path in TYPED)]
)
def test_a_browser_is_shown_the_gallery_at_any_address(
    server: Server, path: str, expected: int
) -> None:
    """Also where there is no page; its files are found from there all the same."""
    status, content_type, body = get(server, path, **BROWSER)
    assert (status, content_type) == (expected, "text/html; charset=utf-8")
    assert '<base href="/" />' in body


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/nothing", "/api/images/1/2", "/api//"])
def test_the_api_answers_browsers_as_any_other_program(server: Server, path: str) -> None:
    status, content_type, _ = get(server, path, **BROWSER)
    assert (status, content_type) == (404, "application/problem+json")


@pytest.mark.parametrize("path", TYPED)
def test_other_programs_are_told_that_there_is_nothing(server: Server, path: str) -> None:
    assert get(server, path)[:2] == (404, "application/problem+json")
