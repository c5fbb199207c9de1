"""What browsers keep: nothing of a library, which must not outlive its user's sign-out."""

import httpx
import pytest

from tests.api.support import picture, save

ASKED = [
    ("GET", "/api/images"),
    ("GET", "/api/images/changes"),
    ("GET", "/api/images/1"),
    ("GET", "/api/images/99"),
    ("GET", "/api/images?limit=0"),
    ("POST", "/api/images/sync"),
    ("DELETE", "/api/images/99"),
    ("GET", "/api/nothing"),
    ("PUT", "/api/images"),
]


@pytest.mark.parametrize(("method", "path"), ASKED)
def test_no_answer_of_the_api_is_stored(alice: httpx.Client, method: str, path: str) -> None:
    save(alice)
    assert alice.request(method, path).headers["Cache-Control"] == "no-store"


def test_no_save_and_no_refusal_is_stored(alice: httpx.Client, anyone: httpx.Client) -> None:
    for answer in (
        alice.post("/api/images", json=picture()),
        alice.post("/api/images/batch", json={"images": [picture()]}),
        alice.post("/api/images", json={}),
        anyone.get("/api/images"),
    ):
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_client_that_keeps_a_tag_itself_is_told_that_nothing_changed(
    alice: httpx.Client,
) -> None:
    tag = alice.get("/api/images").headers["ETag"]
    again = alice.get("/api/images", headers={"If-None-Match": tag})
    assert (again.status_code, again.headers["Cache-Control"]) == (304, "no-store")
