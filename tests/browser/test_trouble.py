"""Trouble in the middle: a page that fails, a sign-in that has ended, a redeployed stage."""

import uuid
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.visitor import (
    Arrive,
    Visitor,
    drawn,
    expect_no_form,
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


def reload_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Reload")


@pytest.fixture
def arrived(arrive: Arrive, alice: httpx.Client) -> Visitor:
    """Somebody who has not signed in yet, to a library of three images, the otter first."""
    fill(alice, "a fox", "a heron", "an otter")
    return arrive()


@pytest.fixture
def failing(arrived: Visitor) -> Iterator[Visitor]:
    """The same, to whom the page reports the error in it."""
    yield arrived
    assert arrived.troubles
    arrived.troubles.clear()


def test_a_page_that_fails_says_so_and_sends_what_it_held(
    failing: Visitor, alice: httpx.Client, name: str
) -> None:
    page = failing.sign_in(name).page
    tile(page, "a heron").press("Delete")
    expect(tile(page, "a heron")).to_have_count(0)
    wrong = {"cursor": 4, "image": {"cursor": 4, "imageUrl": "https://images.example/4"}}
    answer = {"changes": [wrong], "cursor": 4, "upToDate": True}
    failing.answers("/api/images/changes?*", lambda route: route.fulfill(json=answer), times=1)
    look_again(page)
    expect(page.get_by_role("alert")).to_contain_text("Something went wrong")
    expect(grid(page)).to_have_count(0)
    failing.wait_until(lambda: prompts(saved(alice)) == ["an otter", "a fox"])
    reload_button(page).click()
    expect(tiles(page)).to_have_count(2)


def look_again(page: Page) -> None:
    """Comes back to the tab, which then looks for changes."""
    page.evaluate("dispatchEvent(new Event('visibilitychange'))")


def refuse(route: Route) -> None:
    route.fulfill(**problem(401, "unauthenticated"))


def refuse_renewal(route: Route) -> None:
    everyone = {"Access-Control-Allow-Origin": "*"}
    route.fulfill(status=400, json={"error": "invalid_grant"}, headers=everyone)


def tokens(visitor: Visitor) -> str:
    """Where the issuer gives them."""
    return f"{visitor.server.issuer}/**/token"


@pytest.fixture
def expired(arrived: Visitor, name: str) -> Visitor:
    """At the library that the tab has kept; the sign-in is refused from now on."""
    page = arrived.sign_in(name).page
    arrived.wait_until(lambda: "an otter" in kept(page))
    arrived.answers("/api/**", refuse)
    arrived.context.route(tokens(arrived), refuse_renewal)
    look_again(page)
    expect(page.get_by_text("Your sign-in has expired.")).to_be_visible()
    return arrived


def sign_in_again(expired: Visitor, name: str) -> None:
    expired.allow("/api/**")
    expired.context.unroute(tokens(expired))
    expired.page.get_by_role("button", name="Sign in").click()
    expired.server.identify(expired.page, name)


def test_who_has_to_sign_in_again_sees_the_library_and_goes_on_where_one_was(
    expired: Visitor, alice: httpx.Client, name: str
) -> None:
    page = expired.page
    expect(tiles(page)).to_have_count(3)
    save(page, drawn("a newt"))
    expect(pending(page, "a newt")).to_contain_text("Waiting for your sign-in")
    expect_no_form(page)
    page.reload()
    expect(page.get_by_text("Your sign-in has expired.")).to_be_visible()
    expect(pending(page, "a newt")).to_contain_text("Waiting for your sign-in")
    expect(tile(page, "an otter")).to_be_visible()  # it is kept on the device
    page.goto(f"{page.url}/2")
    expect(page.get_by_role("dialog", name="Image: a heron")).to_be_visible()
    page.keyboard.press("Escape")
    sign_in_again(expired, name)
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
    sign_in_again(expired, f"bob-{uuid.uuid4()}")
    expect(page.get_by_role("heading", name="Your library is empty")).to_be_visible()
    assert len(saved(alice)) == 3


def test_signing_in_again_at_a_redeployed_stage_takes_a_reload(expired: Visitor, name: str) -> None:
    """Whether the library was kept, or there is nothing to see."""
    page = expired.page
    page.reload()  # without what signing in had loaded
    gone = "/assets/sign-in-*.js"
    expired.answers(gone, lambda route: route.fulfill(status=404))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text(GONE)).to_be_visible()
    expect(tiles(page)).to_have_count(3)
    expired.allow(gone)
    reload_button(page).click()
    expect(page.get_by_text("Your sign-in has expired.")).to_be_visible()
    sign_in_again(expired, name)
    expect(page.get_by_text("Your sign-in has expired.")).to_have_count(0)
    expect(tiles(page)).to_have_count(3)
