"""Nothing of one user is visible to another, on any route, by any word."""

from collections.abc import Mapping

import httpx
import pytest

from chalicelib.model.user_keys import user_id
from local.issuer import ISSUER
from tests.api.support import assert_problem, library, picture, save, sync


def seen(client: httpx.Client, path: str) -> tuple[int, bytes, Mapping[str, str]]:
    """All that an answer tells, but for the time of day."""
    answer = client.get(path)
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    return answer.status_code, answer.content, headers


def test_another_user_reads_nothing(alice: httpx.Client, bob: httpx.Client) -> None:
    """A user without images reads an empty library, whatever others have."""
    save(alice, 3)
    page = bob.get("/api/images").json()
    assert (page["images"], page["next"], page["cursor"], page["count"]) == ([], None, 0, 0)
    assert bob.get("/api/images/changes").json()["changes"] == []
    assert sync(bob) == 0


@pytest.mark.parametrize(
    "path",
    [
        "/api/images/{}",
        "/api/images?before={}",
        "/api/images?at_least={}",
        "/api/images/changes?after={}",
    ],
)
def test_anothers_cursor_is_as_good_as_none(
    alice: httpx.Client, bob: httpx.Client, path: str
) -> None:
    """The answer for a cursor of another user is that for one that never was, byte by byte."""
    save(alice, 3)
    save(bob, 1)
    theirs, nobodys = seen(bob, path.format(3)), seen(bob, path.format(9))
    assert theirs == nobodys
    assert theirs[0] in (404, 409, 410)


def test_both_have_the_same_cursors(alice: httpx.Client, bob: httpx.Client) -> None:
    """Each user's cursors begin at 1, and each reads the own image there."""
    for client, prompt in ((alice, "hers"), (bob, "his")):
        client.post("/api/images", json=picture(prompt)).raise_for_status()
        sync(client)
    assert alice.get("/api/images/1").json()["prompt"] == "hers"
    assert bob.get("/api/images/1").json()["prompt"] == "his"


def test_tags_of_users_are_of_their_own_answers(alice: httpx.Client, bob: httpx.Client) -> None:
    """Another user's ETag does not make an answer out of what is not the caller's."""
    save(alice)
    save(bob, 2)
    tag = alice.get("/api/images").headers["ETag"]
    assert bob.get("/api/images", headers={"If-None-Match": tag}).status_code == 200


NAMES = [
    "X-User-Id",
    "X-User",
    "X-Principal-Id",
    "X-Forwarded-User",
    "X-Amzn-Oidc-Identity",
    "User",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_header_names_no_user(alice: httpx.Client, bob: httpx.Client, name: str) -> None:
    """Whatever a header says, the library is that of the token's user."""
    save(alice)
    his = user_id(ISSUER, "bob")
    sent = bob.post("/api/images", json=picture("his"), headers={name: his}).raise_for_status()
    assert sent.json()["cursor"] == 1
    sync(bob)
    sync(alice)
    assert [image["prompt"] for image in library(bob)] == ["his"]
    assert len(library(alice)) == 1


@pytest.mark.parametrize("name", ["user", "userId", "user_id", "sub"])
def test_neither_body_nor_query_names_a_user(
    alice: httpx.Client, bob: httpx.Client, name: str
) -> None:
    """A request that names a user is refused; it reads and saves nothing."""
    save(alice)
    answer = bob.post("/api/images", json=picture(**{name: "alice"}))
    assert_problem(answer, 400, "invalid-image")
    for path in ("/api/images", "/api/images/1", "/api/images/changes"):
        answer = bob.get(path, params={name: "alice"})
        assert_problem(answer, 400, "invalid-parameter")
    assert sync(alice) == 1
    assert sync(bob) == 0
