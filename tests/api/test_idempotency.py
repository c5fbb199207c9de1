"""One effect per Idempotency-Key, however often the request is sent."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.api.server import Server
from tests.api.support import JSON, assert_problem, library, picture, sync

KEY = {"Idempotency-Key": "5f0e7a0c-4c1f-4b62-8d4f-3b7ad2b0b4f1"}
SAVES = {
    "/api/images": picture(seed=7),
    "/api/images/batch": {"images": [picture("one"), picture("two")]},
}


@pytest.mark.parametrize(("route", "body"), SAVES.items(), ids=SAVES.keys())
def test_a_repeated_save_is_done_once(alice: httpx.Client, route: str, body: object) -> None:
    """The same request under the same key gets the same answer again and saves nothing more."""
    first = alice.post(route, json=body, headers=KEY).raise_for_status()
    tail = sync(alice)
    alice.post("/api/images", json=picture("between")).raise_for_status()
    again = alice.post(route, json=body, headers=KEY)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers.get("Location") == first.headers.get("Location")
    assert sync(alice) == tail + 1


def test_simultaneous_saves_are_done_once(server: Server, alice: httpx.Client) -> None:
    """Eight requests at once under one key have one effect and one answer."""

    def send(_number: int) -> tuple[int, bytes]:
        headers = {**KEY, "Authorization": alice.headers["Authorization"]}
        answer = httpx.post(server.url + "/api/images", json=picture(), headers=headers, timeout=30)
        return answer.status_code, answer.content

    with ThreadPoolExecutor(8) as threads:
        answers = set(threads.map(send, range(8)))
    assert len(answers) == 1
    assert {status for status, _ in answers} == {201}
    assert sync(alice) == 1


def test_the_key_stands_for_the_content_not_its_spelling(alice: httpx.Client) -> None:
    """The same image in other JSON is the same request."""
    spellings = [
        '{"prompt":"a fox","imageUrl":"https://i.example/","seed":7}',
        ' {"seed": "7", "imageUrl": "https:\\/\\/i.example\\/", "prompt": "a\\u0020fox"}',
    ]
    answers = {
        alice.post("/api/images", content=spelling, headers={**KEY, **JSON}).content
        for spelling in spellings
    }
    assert len(answers) == 1
    assert sync(alice) == 1


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("/api/images", picture("another")),
        ("/api/images", picture(seed=1)),
        ("/api/images/batch", {"images": [picture()]}),
    ],
    ids=["other prompt", "further field", "batch of the same"],
)
def test_a_key_is_for_one_request(alice: httpx.Client, route: str, body: object) -> None:
    """Another request under a used key is refused and saves nothing."""
    alice.post("/api/images", json=picture(), headers=KEY).raise_for_status()
    answer = alice.post(route, json=body, headers=KEY)
    assert_problem(answer, 422, "idempotency-key-reused")
    assert sync(alice) == 1


def test_keys_of_users_are_apart(alice: httpx.Client, bob: httpx.Client) -> None:
    """Another user's request under the same key is a request of its own."""
    alice.post("/api/images", json=picture("hers"), headers=KEY).raise_for_status()
    saved = bob.post("/api/images", json=picture("his"), headers=KEY).raise_for_status()
    assert saved.json()["prompt"] == "his"
    sync(bob)
    assert [image["prompt"] for image in library(bob)] == ["his"]


def test_a_refused_request_does_not_use_up_its_key(alice: httpx.Client) -> None:
    """After a request that was not valid, its key is free for the mended one."""
    assert_problem(alice.post("/api/images", json={}, headers=KEY), 400, "invalid-image")
    assert alice.post("/api/images", json=picture(), headers=KEY).status_code == 201


def test_without_a_key_each_save_is_one(alice: httpx.Client) -> None:
    """The same request without a key saves again each time."""
    for _ in range(2):
        alice.post("/api/images", json=picture()).raise_for_status()
    assert sync(alice) == 2


def test_the_longest_key_is_taken(alice: httpx.Client) -> None:
    """A key has up to 255 characters."""
    headers = {"Idempotency-Key": "~" * 255}
    assert alice.post("/api/images", json=picture(), headers=headers).status_code == 201
