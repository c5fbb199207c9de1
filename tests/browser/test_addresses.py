"""Whatever address people type, paste or shorten, they see a page, and stay where they were."""

import re

import httpx
import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.bulk import write_library
from tests.browser.visitor import HOME, Arrive, Visitor, come_to_rest, fill, grid, tile

LOST = "There is no page at this address"

TYPED = [
    "/dashboard/images/abc",
    "/dashboard/images/0",
    "/dashboard/images/-1",
    "/dashboard/images/1e3",
    "/dashboard/images/007",
    "/dashboard/images/9007199254740992",
    "/dashboard/images/2/extra",
    "/foo",
    "/%",
    "/%00",
]
SHORT = [
    "/",
    "//",
    "/dashboard/images#%",
    "/dashboard",
    "/DASHBOARD/Images/",
    "/dashboard/images/?utm_source=x",
]


def test_any_address_shows_the_library(visitor: Visitor, alice: httpx.Client) -> None:
    """One that is none of its pages says so. The first of them kept a tab busy for ever."""
    fill(alice, "a fox")
    page = visitor.page
    told = page.get_by_role("status").filter(has_text=LOST)
    for path in (*TYPED, *SHORT):
        page.goto("about:blank")
        page.goto(f"{visitor.server.url}{path}")
        expect(tile(page, "a fox")).to_be_visible()
        expect(page).to_have_url(re.compile(re.escape(HOME)))
        expect(told).to_have_count(int(path in TYPED))
    page.goto(f"{visitor.server.url}/Dashboard/images/1/")
    expect(page.get_by_role("dialog", name="Image: a fox")).to_be_visible()
    expect(page).to_have_url(f"{visitor.server.url}{HOME}/1")


def test_pages_without_images_are_read_over(arrive: Arrive, alice: httpx.Client, name: str) -> None:
    """A page may be empty though older ones are not: where hundreds in a row were deleted."""
    fill(alice, "a fox")
    visitor = arrive()
    empty = iter([60, 40, 20, 2])
    pages: list[Request] = []

    def answer(route: Route) -> None:
        pages.append(route.request)
        cut = next(empty, None)
        if cut is None:
            route.continue_()
        else:
            route.fulfill(json={**route.fetch().json(), "images": [], "next": cut})

    visitor.answers("/api/images?*", answer)
    page = visitor.sign_in(name).page
    expect(tile(page, "a fox")).to_be_visible()
    assert len(pages) == 5


def test_a_library_that_cannot_be_read_on_says_so_and_is_tried_again(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    fill(alice, "a fox")
    visitor = arrive()
    visitor.answers(
        "/api/images?limit=60*",
        lambda route: route.fulfill(json={**route.fetch().json(), "images": [], "next": 2}),
    )
    visitor.answers("/api/images?*before*", lambda route: route.fulfill(status=400, body="no"))
    page = visitor.sign_in(name).page
    alert = page.get_by_role("alert").filter(has_text="The library cannot be shown")
    expect(alert).to_be_visible()
    visitor.allow("/api/images?*before*")
    alert.get_by_role("button", name="Try again").click()
    expect(tile(page, "a fox")).to_be_visible()


def test_no_page_is_asked_for_before_what_came_has_its_place(arrive: Arrive, name: str) -> None:
    visitor = arrive()
    write_library(visitor.server, name, 1000)
    page = visitor.sign_in(name).page
    visitor.wait_until(lambda: bool(visitor.asked("GET", r"/images\?.*before.*")))
    come_to_rest(page)
    assert len(visitor.asked("GET", r"/images\?.*before.*")) == 1


@pytest.fixture
def far(arrive: Arrive, name: str) -> Visitor:
    """Far down in a library that no device keeps as a whole."""
    visitor = arrive(viewport={"width": 1280, "height": 720})
    write_library(visitor.server, name, 1500)
    return visitor.sign_in(name)


def scroll_to(visitor: Visitor, prompt: str) -> None:
    page = visitor.page
    while tile(page, prompt).count() == 0:
        page.mouse.wheel(0, 4000)
        page.wait_for_timeout(50)
    tile(page, prompt).scroll_into_view_if_needed()
    come_to_rest(page)


def top(page: Page, prompt: str) -> float:
    box = tile(page, prompt).bounding_box()
    return box["y"] if box else -1e9


def test_the_place_is_kept_when_the_page_is_loaded_anew(far: Visitor) -> None:
    page = far.page
    scroll_to(far, "prompt 500")
    before = top(page, "prompt 500")
    page.reload()
    far.wait_until(lambda: abs(top(page, "prompt 500") - before) < 30)


def test_a_far_image_has_others_beside_it_after_a_reload_and_closes_to_its_place(
    far: Visitor,
) -> None:
    page = far.page
    page.goto(f"{far.server.url}{HOME}/300")
    page.reload()
    dialog = page.get_by_role("dialog", name="Image: prompt 300")
    expect(dialog.get_by_role("button", name="Next image")).to_be_enabled()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("dialog", name="Image: prompt 301")).to_be_visible()
    page.keyboard.press("Escape")
    expect(tile(page, "prompt 301")).to_be_in_viewport()
    expect(tile(page, "prompt 301")).to_be_focused()


def test_a_far_image_closed_at_once_is_read_on_to_unless_one_stays(far: Visitor) -> None:
    page = far.page
    held = far.holds("/api/images?*before*")
    page.goto(f"{far.server.url}{HOME}/300")
    expect(page.get_by_role("dialog", name="Image: prompt 300")).to_be_visible()
    page.keyboard.press("Escape")
    note = page.get_by_text("Going back to where you were")
    expect(note).to_be_visible()
    page.get_by_role("button", name="Stay here").click()
    expect(note).to_have_count(0)
    held.release()
    expect(tile(page, "prompt 1500")).to_be_in_viewport()


def test_the_first_arrow_key_goes_to_the_first_image(visitor: Visitor, alice: httpx.Client) -> None:
    fill(alice, "a fox", "a hen")
    page = visitor.page
    expect(grid(page).get_by_role("link")).to_have_count(2)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowRight")
    expect(tile(page, "a hen")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(tile(page, "a fox")).to_be_focused()


def test_an_error_in_one_part_leaves_the_page(visitor: Visitor, alice: httpx.Client) -> None:
    """As by an image that the API would never answer so."""
    fill(alice, "a fox")
    page = visitor.page
    image = {"cursor": 7, "prompt": "p", "imageUrl": "https://i.example/", "createdAt": "never"}
    visitor.answers("/api/images/7", lambda route: route.fulfill(json=image))
    page.goto(f"{visitor.server.url}{HOME}/7")
    dialog = page.get_by_role("dialog", name="Something went wrong")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    expect(tile(page, "a fox")).to_be_visible()
    assert [trouble for trouble in visitor.troubles if "Invalid time value" in trouble]
    visitor.troubles.clear()
