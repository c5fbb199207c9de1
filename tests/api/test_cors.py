"""Other sites' pages: those that may call are told so by every answer, the others by none."""

import httpx
import pytest

from tests.api.conftest import ORIGINS

ALLOWED = "access-control-allow-origin"
ASKED = {"Access-Control-Request-Method": "POST"}


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_preflight_is_answered_without_a_token_with_what_the_page_may_send(
    anyone: httpx.Client, origin: str
) -> None:
    answer = anyone.options("/api/images", headers={"Origin": origin, **ASKED})
    assert answer.status_code == 204
    assert answer.headers[ALLOWED] == origin
    assert answer.headers["vary"] == "Accept-Encoding, Origin"
    methods = sorted(answer.headers["access-control-allow-methods"].split(", "))
    assert methods == ["DELETE", "GET", "HEAD", "POST"]
    headers = answer.headers["access-control-allow-headers"].lower().split(", ")
    sent = ["authorization", "content-encoding", "content-type", "idempotency-key"]
    assert headers == [*sent, "if-none-match"]
    assert int(answer.headers["access-control-max-age"]) > 0


def test_the_page_may_read_answers_and_refusals_with_their_headers(
    anyone: httpx.Client, alice: httpx.Client
) -> None:
    origin = {"Origin": ORIGINS[0]}
    page = alice.get("/api/images", headers=origin)
    wrong = alice.get("/api/images?limit=0", headers=origin)
    health = anyone.get("/api/health", headers=origin)
    for answer, status in ((page, 200), (wrong, 400), (health, 200)):
        assert (answer.status_code, answer.headers[ALLOWED]) == (status, ORIGINS[0])
    refused = anyone.get("/api/images", headers=origin)
    assert (refused.status_code, refused.headers[ALLOWED]) == (401, "*")
    exposed = page.headers["access-control-expose-headers"].split(", ")
    assert exposed == ["ETag", "Location", "Retry-After"]


@pytest.mark.parametrize(
    "origin", ["https://other.example", "https://app.example.evil.example", "null", "*", ""]
)
def test_any_other_page_is_told_nothing(alice: httpx.Client, origin: str) -> None:
    for answer in (
        alice.options("/api/images", headers={"Origin": origin, **ASKED}),
        alice.get("/api/images", headers={"Origin": origin}),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert answer.headers["vary"] == "Accept-Encoding, Origin"


def test_options_tells_the_methods_of_every_path(anyone: httpx.Client) -> None:
    answer = anyone.options("/api/images/7")
    assert (answer.status_code, answer.content) == (204, b"")
    assert sorted(answer.headers["allow"].split(", ")) == ["DELETE", "GET", "HEAD"]
    assert anyone.options("/api/nothing").status_code == 404
