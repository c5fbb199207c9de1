"""Deleting images over HTTP, seen by the user, by the user's other clients and by others."""

import random
from typing import Any

import httpx
import pytest

from tests.api.server import Server
from tests.api.support import assert_problem, database, library, logged, picture, save, where


def fold(client: httpx.Client, limit: int) -> tuple[dict[int, Any], int]:
    """What a client has that follows the changes from 0 on, and where it stands."""
    images: dict[int, Any] = {}
    cursor = 0
    for _ in range(500):
        path = f"/api/images/changes?after={cursor}&limit={limit}"
        answer = client.get(path).raise_for_status().json()
        for change in answer["changes"]:
            if "deleted" in change:
                images.pop(change["deleted"], None)
            else:
                images[change["cursor"]] = change["image"]
        cursor = answer["cursor"]
        if answer["upToDate"]:
            return images, cursor
    raise AssertionError("The changes do not end.")


def test_a_deleted_image_is_gone_at_once(alice: httpx.Client) -> None:
    """After the 204 no route shows the image, and the count is one less."""
    save(alice, 3)
    answer = alice.delete("/api/images/2")
    assert (answer.status_code, answer.content) == (204, b"")
    assert_problem(alice.get("/api/images/2"), 404, "not-found")
    page = alice.get("/api/images").json()
    assert [image["cursor"] for image in page["images"]] == [3, 1]
    assert (page["cursor"], page["count"]) == (4, 2)
    assert alice.delete("/api/images/2").status_code == 204


def test_an_image_that_was_not_synced_yet(alice: httpx.Client) -> None:
    """A save and its deletion right behind it need no sync in between."""
    alice.post("/api/images", json=picture()).raise_for_status()
    assert alice.delete("/api/images/1").status_code == 204
    assert library(alice) == []


def test_what_never_was_and_what_is_anothers_are_the_same(
    alice: httpx.Client, bob: httpx.Client
) -> None:
    """Deleting another user's image and one that never was get the same answer, byte by byte."""
    save(alice, 3)
    save(bob, 1)
    theirs, nobodys = bob.delete("/api/images/3"), bob.delete("/api/images/9")
    assert_problem(theirs, 404, "not-found")
    assert theirs.content == nobodys.content
    assert len(library(alice)) == 3


def test_a_deletion_is_no_image(alice: httpx.Client) -> None:
    """The cursor of a deletion can be neither read nor deleted."""
    save(alice)
    alice.delete("/api/images/1").raise_for_status()
    assert_problem(alice.get("/api/images/2"), 404, "not-found")
    assert_problem(alice.delete("/api/images/2"), 404, "not-found")


def test_folding_the_changes_gives_the_library(alice: httpx.Client) -> None:
    """A client that follows the changes has what the pages show, whatever was deleted when."""
    choose = random.Random(7)
    save(alice, 60)
    for cursor in choose.sample(range(1, 61), 25):
        alice.delete(f"/api/images/{cursor}").raise_for_status()
        if choose.random() < 0.3:
            save(alice, choose.randint(1, 3))
    followed, cursor = fold(alice, limit=7)
    shown = library(alice)
    assert list(followed.values()) == sorted(shown, key=lambda image: int(image["cursor"]))
    first = alice.get("/api/images").json()
    assert (first["cursor"], first["count"]) == (cursor, len(shown))


def test_an_etag_does_not_outlive_a_deletion(alice: httpx.Client) -> None:
    """A deletion changes the answer for a page that it is far above of, and so its ETag."""
    save(alice, 5)
    path = "/api/images?limit=2&before=4"
    tag = alice.get(path).headers["ETag"]
    alice.delete("/api/images/3").raise_for_status()
    answer = alice.get(path, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert [image["cursor"] for image in answer.json()["images"]] == [2, 1]


def test_nothing_of_it_stays_in_the_database(server: Server, alice: httpx.Client) -> None:
    """After the 204 the prompt is in no table, and was never in the server's log."""
    canary = f"canary{random.Random().getrandbits(64):x}"
    alice.post(
        "/api/images", json=picture(canary), headers={"Idempotency-Key": "k"}
    ).raise_for_status()
    alice.delete("/api/images/1").raise_for_status()
    environ, client = server.environ(), database(server)
    for name in ("PRIMARY_TABLE", "PARTITION_TABLE", "IDEMPOTENCY_TABLE"):
        pages = client.get_paginator("scan").paginate(TableName=environ[name])
        items = [item for page in pages for item in page["Items"]]
        assert items
        assert canary not in str(items)
    assert canary not in logged(server, alice)


def test_several_are_gone_at_once(alice: httpx.Client) -> None:
    """After the 204 no route shows any of them; what was deleted before does not matter."""
    save(alice, 5)
    alice.delete("/api/images/2").raise_for_status()
    answer = alice.delete("/api/images?cursors=1,2,5")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [image["cursor"] for image in library(alice)] == [4, 3]
    page = alice.get("/api/images").json()
    assert (page["cursor"], page["count"]) == (8, 2)
    assert alice.delete("/api/images?cursors=5,1").status_code == 204


def test_one_that_never_was_keeps_them_all(alice: httpx.Client) -> None:
    """Each that names no image is told, and nothing is deleted."""
    save(alice, 3)
    alice.delete("/api/images/3").raise_for_status()
    problem = assert_problem(alice.delete("/api/images?cursors=1,4,9"), 404, "not-found")
    assert where(problem) == ["cursors", "cursors"]
    told = [error["detail"] for error in problem["errors"]]
    assert told == [f"Leave out {cursor}: there is no such image." for cursor in (4, 9)]
    assert [image["cursor"] for image in library(alice)] == [2, 1]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("", "cursors"),
        ("cursors=", "cursors"),
        ("cursors=1,", "cursors"),
        ("cursors=1,1", "cursors"),
        ("cursors=0", "cursors"),
        ("cursors=1,-2", "cursors"),
        ("cursors=1%2C%202", "cursors"),
        ("cursors=1&cursors=1", "cursors"),
        ("cursors=1&cursors=", "cursors"),
        ("cursors=1&at=99", "at"),
        ("cursors=1&at=1&at=2&mark=", "at"),
        ("cursors=" + ",".join(map(str, range(1, 35))), "cursors"),
        ("cursors=1&mark=a", "mark"),
        ("cursors=1&at=1&mark=a.b", "mark"),
        ("cursors=1&at=x", "at"),
        ("cursor=1", "cursor"),
    ],
)
def test_what_is_wrong_with_the_query_is_named(alice: httpx.Client, query: str, name: str) -> None:
    save(alice, 2)
    problem = assert_problem(alice.delete(f"/api/images?{query}"), 400, "invalid-parameter")
    assert where(problem) == [name]
    assert len(library(alice)) == 2


def test_a_list_may_repeat_its_name(alice: httpx.Client) -> None:
    """As clients write it that know no other form of a list."""
    save(alice, 4)
    assert alice.delete("/api/images?cursors=1&cursors=2,4").status_code == 204
    assert [image["cursor"] for image in library(alice)] == [3]


def test_a_position_without_its_mark_deletes_nothing(alice: httpx.Client) -> None:
    """Whoever gives one wants it looked at; an empty mark says that there is none."""
    save(alice, 1)
    problem = assert_problem(alice.delete("/api/images/1?at=9999"), 400, "invalid-parameter")
    assert where(problem) == ["at"]
    assert len(library(alice)) == 1


@pytest.mark.parametrize("path", ["/api/images/1?", "/api/images?cursors=1&"])
def test_a_deletion_that_was_decided_elsewhere(alice: httpx.Client, path: str) -> None:
    """It is done where the position fits, and nowhere else; without a mark it is not looked at."""
    save(alice, 3)
    page = alice.get("/api/images").json()
    for at, mark in ((page["cursor"], "another"), (2, page["mark"]), (99, page["mark"])):
        answer = alice.delete(f"{path}at={at}&mark={mark}")
        assert_problem(answer, 410, "resync-required")
    assert len(library(alice)) == 3
    fitting = f"{path}at={page['cursor']}&mark={page['mark']}"
    assert alice.delete(fitting).status_code == 204
    assert alice.delete(fitting).status_code == 204
    assert alice.delete(f"{path}at=99&mark=").status_code == 204
    assert len(library(alice)) == 2
