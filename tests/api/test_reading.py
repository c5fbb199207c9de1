"""Pages, changes and single images, as a client follows them."""

from typing import Any

import httpx
import pytest

from tests.api.support import assert_problem, library, pages, picture, save, sync


@pytest.mark.parametrize("limit", [1, 7, 50, 60, 200])
def test_pages_walk_the_library_once(alice: httpx.Client, limit: int) -> None:
    """Following `next` tells every image exactly once, newest first."""
    save(alice, 120)
    walked = list(pages(alice, limit))
    cursors = [image["cursor"] for page in walked for image in page["images"]]
    assert cursors == list(range(120, 0, -1))
    assert all(len(page["images"]) <= limit for page in walked)


def test_only_the_first_page_has_cursor_and_count(alice: httpx.Client) -> None:
    """The library's cursor and count stand on the page that begins at its end."""
    save(alice, 5)
    first, *others = pages(alice, 2)
    assert (first["cursor"], first["count"]) == (5, 5)
    assert len(others) == 2
    assert all(set(page) == {"images", "next", "nextMark"} for page in others)


def test_an_empty_library(alice: httpx.Client) -> None:
    """A user who saved nothing reads an empty page and no changes."""
    page = alice.get("/api/images").raise_for_status().json()
    assert page == {
        "images": [],
        "next": None,
        "nextMark": None,
        "cursor": 0,
        "mark": "",
        "count": 0,
    }
    changes = alice.get("/api/images/changes").raise_for_status().json()
    assert changes == {"changes": [], "cursor": 0, "mark": "", "upToDate": True}


def test_fifty_images_are_the_default(alice: httpx.Client) -> None:
    """Without a limit a page holds fifty images."""
    save(alice, 51)
    assert len(alice.get("/api/images").json()["images"]) == 50


def test_at_least_tells_what_is_not_synced(alice: httpx.Client) -> None:
    """A reader who asks for more than is synced is told so, and served after a sync."""
    tail = save(alice, 2)
    wanted = {"at_least": tail + 1}
    assert_problem(alice.get("/api/images", params=wanted), 409, "not-synced-yet")
    older = {**wanted, "before": 2}
    assert_problem(alice.get("/api/images", params=older), 409, "not-synced-yet")
    alice.post("/api/images", json=picture()).raise_for_status()
    sync(alice)
    page = alice.get("/api/images", params=wanted).raise_for_status().json()
    assert page["cursor"] == tail + 1
    assert alice.get("/api/images", params=older).status_code == 200


@pytest.mark.parametrize("saved", [0, 3])
@pytest.mark.parametrize(
    ("route", "name", "last_good"),
    [("/api/images", "before", 1), ("/api/images/changes", "after", 0)],
)
def test_cursors_beyond_the_end_start_over(
    alice: httpx.Client, saved: int, route: str, name: str, last_good: int
) -> None:
    """A cursor that the library has not reached, as after a restore, is told to start over."""
    save(alice, saved)
    answer = alice.get(route, params={name: saved + last_good})
    assert answer.status_code == 200
    answer = alice.get(route, params={name: saved + last_good + 1})
    assert_problem(answer, 410, "resync-required")


@pytest.mark.parametrize("limit", [1, 7, 200])
def test_changes_fold_to_what_pages_tell(alice: httpx.Client, limit: int) -> None:
    """Changes from 0 on, applied in order, come to the library that the pages show."""
    save(alice, 30)
    folded: dict[int, Any] = {}
    after = 0
    for _ in range(31):
        query = {"after": after, "limit": limit}
        read = alice.get("/api/images/changes", params=query).raise_for_status().json()
        assert len(read["changes"]) <= limit
        folded |= {change["cursor"]: change["image"] for change in read["changes"]}
        after = read["cursor"]
    assert (after, read["upToDate"]) == (30, True)
    assert [folded[cursor] for cursor in sorted(folded, reverse=True)] == library(alice)


def test_changes_go_on_from_the_first_page(alice: httpx.Client) -> None:
    """From the first page's cursor on, changes tell exactly what was saved since."""
    save(alice, 3)
    cursor = alice.get("/api/images", params={"limit": 1}).json()["cursor"]
    save(alice, 2)
    read = alice.get("/api/images/changes", params={"after": cursor}).json()
    assert [change["cursor"] for change in read["changes"]] == [4, 5]
    assert (read["cursor"], read["upToDate"]) == (5, True)


def test_images_that_are_not_there(alice: httpx.Client) -> None:
    """A cursor at which nothing stands is not found."""
    tail = save(alice)
    assert alice.get(f"/api/images/{tail}").status_code == 200
    assert_problem(alice.get(f"/api/images/{tail + 1}"), 404, "not-found")


REVALIDATED = [
    "/api/images",
    "/api/images?before=3&limit=1",
    "/api/images/changes",
    "/api/images/1",
]


@pytest.mark.parametrize("route", REVALIDATED)
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '{},"other"', 'W/"x" ,  W/{}', "*"])
def test_unchanged_answers_are_not_sent_again(alice: httpx.Client, route: str, form: str) -> None:
    """An answer that the client has, by any form of If-None-Match, is 304 without a body."""
    save(alice, 3)
    etag = alice.get(route).raise_for_status().headers["ETag"]
    answer = alice.get(route, headers={"If-None-Match": form.format(etag)})
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", etag)


@pytest.mark.parametrize("tag", ['"other"', 'W/"other"', "other", "", '"*"', '""'])
def test_other_tags_get_the_answer(alice: httpx.Client, tag: str) -> None:
    """A tag that is not the answer's gets the whole answer."""
    save(alice)
    answer = alice.get("/api/images", headers={"If-None-Match": tag})
    assert (answer.status_code, len(answer.json()["images"])) == (200, 1)


@pytest.mark.parametrize("route", ["/api/images", "/api/images/changes"])
def test_a_save_changes_the_tag(alice: httpx.Client, route: str) -> None:
    """What a client had is sent anew once there is more."""
    save(alice)
    etag = alice.get(route).headers["ETag"]
    save(alice)
    answer = alice.get(route, headers={"If-None-Match": etag})
    assert answer.status_code == 200
    assert answer.headers["ETag"] != etag
