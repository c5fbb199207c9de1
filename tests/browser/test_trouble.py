"""Trouble in the middle: a gallery that was redeployed, no network, a sign-in that has ended."""

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.visitor import (
    HOME,
    Arrive,
    Visitor,
    drawn,
    fill,
    grid,
    kept,
    pending,
    problem,
    prompts,
    save,
    saved,
    tile,
    tiles,
    user_menu,
)

GONE = "it may have been updated"
OFFLINE = "You are offline, and this part of the gallery is not here yet."


def told(page: Page) -> Locator:
    """What stands for something that could not be shown."""
    return page.get_by_role("alert")


def reload_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Reload")


def is_gone(visitor: Visitor, part: str) -> str:
    """Lets a file of the gallery be gone, as the stage's next deployment does; answers which."""
    pattern = f"/assets/{part}-*.js"
    visitor.answers(pattern, lambda route: route.fulfill(status=404))
    return pattern


@pytest.fixture
def arrived(arrive: Arrive, alice: httpx.Client) -> Visitor:
    """Somebody who has not signed in yet, to a library of three images, the otter first."""
    fill(alice, "a fox", "a heron", "an otter")
    return arrive()


def test_a_view_that_is_gone_is_told_and_comes_with_a_reload_that_loses_nothing(
    arrived: Visitor, alice: httpx.Client, name: str
) -> None:
    gone = is_gone(arrived, "Detail")
    page = arrived.sign_in(name).page
    arrived.answers("/api/images", lambda route: route.abort())
    save(page, drawn("a newt"))
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(pending(page, "a newt")).to_be_visible()
    tile(page, "a heron").press("Delete")
    expect(tile(page, "a heron")).to_have_count(0)
    tile(page, "a fox").click()
    expect(told(page)).to_contain_text(GONE)
    expect(tile(page, "an otter")).to_be_visible()
    assert len(arrived.asked("DELETE", "/images/2")) == 0
    arrived.allow("/api/images")
    arrived.allow(gone)
    reload_button(page).click()
    expect(page.get_by_role("dialog", name="Image: a fox")).to_be_visible()
    expect(page).to_have_url(f"{arrived.server.url}{HOME}/1")
    arrived.wait_until(lambda: prompts(saved(alice)) == ["a newt", "an otter", "a fox"])
    keys = {request.headers["idempotency-key"] for request in arrived.asked("POST", "/images")}
    assert len(keys) == 1


def test_nothing_is_reloaded_by_itself_and_what_is_there_goes_on(
    arrived: Visitor, name: str
) -> None:
    for part in ("Detail", "SaveForm"):
        is_gone(arrived, part)
    page = arrived.sign_in(name).page
    page.evaluate("window.sameAsBefore = true")
    page.keyboard.press("n")
    expect(told(page)).to_contain_text(GONE)
    told(page).get_by_role("button", name="Close").click()
    expect(told(page)).to_have_count(0)
    tile(page, "a fox").click()
    expect(told(page)).to_contain_text(GONE)
    page.go_back()
    expect(told(page)).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert page.evaluate("window.sameAsBefore")


def test_a_view_that_did_not_come_before_the_network_went_says_so_and_comes_with_a_reload(
    arrived: Visitor, name: str
) -> None:
    pattern = "/assets/Detail-*.js"
    arrived.answers(pattern, lambda route: route.abort("internetdisconnected"))
    page = arrived.sign_in(name).page
    page.wait_for_load_state("networkidle")
    arrived.context.set_offline(True)
    tile(page, "a fox").click()
    expect(told(page)).to_contain_text(OFFLINE)
    expect(reload_button(page)).to_have_count(0)  # it would end at the browser's own page
    expect(tile(page, "an otter")).to_be_visible()
    arrived.allow(pattern)
    arrived.context.set_offline(False)
    reload_button(page).click()
    expect(page.get_by_role("dialog", name="Image: a fox")).to_be_visible()


def test_a_view_to_sign_in_that_is_gone_is_told_and_comes_with_a_reload(
    arrived: Visitor, name: str
) -> None:
    page = arrived.sign_in(name).page
    page.reload()  # without what signing in had loaded
    expect(tiles(page)).to_have_count(3)
    gone = is_gone(arrived, "SignIn")
    arrived.sign_out()
    expect(told(page)).to_contain_text(GONE)
    expect(tiles(page)).to_have_count(0)
    arrived.allow(gone)
    reload_button(page).click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


@pytest.fixture
def failing(arrived: Visitor) -> Iterator[Visitor]:
    """The same, to whom the page reports the error in it."""
    yield arrived
    assert arrived.troubles
    arrived.troubles.clear()


def answer_with(visitor: Visitor, **members: Any) -> None:
    """Has the server answer images that no view can show."""
    image = {**drawn("a fox"), "cursor": 1, "createdAt": "2026-01-01T00:00:00.000Z", **members}
    first = {"images": [image], "next": None, "cursor": 1, "count": 1}
    visitor.answers("/api/images?*", lambda route: route.fulfill(json=first))


def test_a_view_that_fails_says_so_and_leaves_the_library(failing: Visitor, name: str) -> None:
    answer_with(failing, createdAt="yesterday")
    page = failing.sign_in(name).page
    tile(page, "a fox").click()
    expect(told(page)).to_contain_text("Something went wrong")
    expect(reload_button(page)).to_be_visible()
    told(page).get_by_role("button", name="Close").click()
    expect(told(page)).to_have_count(0)
    expect(tile(page, "a fox")).to_be_visible()
    expect(page).to_have_url(f"{failing.server.url}{HOME}")


def test_a_page_that_fails_as_a_whole_says_so_and_sends_what_it_held(
    failing: Visitor, alice: httpx.Client, name: str
) -> None:
    page = failing.sign_in(name).page
    tile(page, "a heron").press("Delete")
    expect(tile(page, "a heron")).to_have_count(0)
    wrong = {"cursor": 4, "image": {"cursor": 4, "imageUrl": "https://images.example/4"}}
    answer = {"changes": [wrong], "cursor": 4, "upToDate": True}
    failing.answers("/api/images/changes?*", lambda route: route.fulfill(json=answer), times=1)
    look_again(page)
    expect(told(page)).to_contain_text("Something went wrong")
    expect(grid(page)).to_have_count(0)
    failing.wait_until(lambda: prompts(saved(alice)) == ["an otter", "a fox"])
    reload_button(page).click()
    expect(tiles(page)).to_have_count(2)


def look_again(page: Page) -> None:
    """Comes back to the tab, which then looks for changes."""
    page.evaluate("dispatchEvent(new Event('visibilitychange'))")


def refuse(route: Route) -> None:
    route.fulfill(**problem(401, "unauthenticated"))


@pytest.fixture
def expired(arrived: Visitor, name: str) -> Visitor:
    """At the library that the tab has kept; the sign-in is refused from now on."""
    page = arrived.sign_in(name).page
    arrived.wait_until(lambda: "an otter" in kept(page))
    arrived.answers("/api/**", refuse)
    look_again(page)
    expect(page.get_by_text("Your sign-in has expired.")).to_be_visible()
    return arrived


def sign_in_again(page: Page, name: str) -> None:
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Sign in as").fill(name)
    page.get_by_role("button", name="Sign in").click()


def test_who_has_to_sign_in_again_sees_the_library_and_goes_on_where_one_was(
    expired: Visitor, alice: httpx.Client, name: str
) -> None:
    page = expired.page
    expect(tiles(page)).to_have_count(3)
    save(page, drawn("a newt"))
    expect(pending(page, "a newt")).to_contain_text("Waiting for your sign-in")
    page.reload()
    expect(page.get_by_text("Your sign-in has expired.")).to_be_visible()
    expect(pending(page, "a newt")).to_contain_text("Waiting for your sign-in")
    expect(tile(page, "an otter")).to_be_visible()  # it is kept on the device
    page.goto(f"{page.url}/2")
    expect(page.get_by_role("dialog", name="Image: a heron")).to_be_visible()
    page.keyboard.press("Escape")
    expired.allow("/api/**")
    sign_in_again(page, name)
    expect(user_menu(page)).to_be_visible()
    expect(tile(page, "a newt")).to_be_visible()
    assert prompts(saved(alice)) == ["a newt", "an otter", "a heron", "a fox"]


def test_another_user_who_signs_in_instead_gets_nothing_of_it(
    expired: Visitor, alice: httpx.Client
) -> None:
    page = expired.page
    save(page, drawn("a newt"))
    expect(pending(page, "a newt")).to_contain_text("Waiting for your sign-in")
    expired.wait_until(lambda: "a newt" in kept(page))
    expired.allow("/api/**")
    sign_in_again(page, f"bob {uuid.uuid4()}")
    expect(page.get_by_role("heading", name="Your library is empty")).to_be_visible()
    assert len(saved(alice)) == 3


def test_signing_in_again_at_a_redeployed_stage_takes_a_reload(expired: Visitor, name: str) -> None:
    """Whether the library was kept, or there is nothing to see."""
    page = expired.page
    page.reload()  # without what signing in had loaded
    gone = is_gone(expired, "sign-in")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text(GONE)).to_be_visible()
    expect(tiles(page)).to_have_count(3)
    expired.allow(gone)
    reload_button(page).click()
    expect(page.get_by_text("Your sign-in has expired.")).to_be_visible()
    expired.allow("/api/**")
    sign_in_again(page, name)
    expect(page.get_by_text("Your sign-in has expired.")).to_have_count(0)
    expect(tiles(page)).to_have_count(3)
