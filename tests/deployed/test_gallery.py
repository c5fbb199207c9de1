"""The gallery of a deployed stage in a browser: at its own address, with its issuer's own pages."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, expect

from tests.browser.chromium import launched
from tests.browser.visitor import ELSEWHERE, kept, save, tile, user_menu
from tests.deployed.people import PASSWORD, Arrive, Directory, Person, shown
from tests.deployed.stack import Stack
from tests.support import wait_until

PATIENCE = 20_000
"""Milliseconds that an expectation waits: a function's cold start, and a deletion held back."""

FOX = {"prompt": "a red fox", "imageUrl": f"https://{ELSEWHERE}/fox.svg"}
TOKEN = "eyJ"
"""How every one begins."""

PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 3 2"/>'


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched(PATIENCE) as started:
        yield started


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """It takes the issuer's certificate, and shows the picture that the image stands for.

    Nothing was refused to it by its Content-Security-Policy, and no error went uncaught.
    """
    troubles: list[str] = []

    def reads(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            troubles.append(message.text)

    def answers(route: Route) -> None:
        route.fulfill(body=PICTURE, content_type="image/svg+xml")

    context = chromium.new_context(ignore_https_errors=True)
    context.on("console", reads)
    context.on("weberror", lambda error: troubles.append(str(error.error)))
    context.route(f"https://{ELSEWHERE}/**", answers)
    yield context.new_page()
    context.close()
    assert troubles == []


@pytest.fixture
def alice(stack: Stack, directory: Directory, arrives: Arrive) -> Person:
    directory.lead_back_to(stack.gallery)
    return arrives("alice")


@pytest.fixture
def signed_in(page: Page, stack: Stack, alice: Person) -> Page:
    """Alice's, who has come by the issuer's own pages: a code, with PKCE."""
    page.goto(stack.gallery)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Username").fill(alice.name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{stack.gallery}dashboard/images")
    expect(page.get_by_role("heading", name="Your library is empty")).to_be_visible()
    return page


def test_an_image_is_saved_and_deleted(signed_in: Page, alice: Person) -> None:
    save(signed_in, FOX)
    expect(tile(signed_in, "a red fox")).to_be_visible()
    wait_until(lambda: shown(alice) == [1])
    tile(signed_in, "a red fox").press("Delete")
    expect(signed_in.get_by_role("heading", name="Your library is empty")).to_be_visible()
    wait_until(lambda: shown(alice) == [])


def test_what_another_device_saves_shows_by_itself(signed_in: Page, alice: Person) -> None:
    alice.api.post("/api/images", json=FOX).raise_for_status()
    expect(tile(signed_in, "a red fox")).to_be_visible()


def test_an_image_has_an_address_of_its_own(signed_in: Page, stack: Stack, alice: Person) -> None:
    """Below the stage's, and opened there one is still signed in."""
    alice.api.post("/api/images", json=FOX).raise_for_status()
    tile(signed_in, "a red fox").click()
    signed_in.wait_for_url(f"{stack.gallery}dashboard/images/1")
    signed_in.reload()
    expect(signed_in.get_by_role("dialog").get_by_text("a red fox")).to_be_visible()


SPOIL = """() => {
  const name = Object.keys(sessionStorage).find((key) => key.endsWith(" grant"));
  const grant = JSON.parse(sessionStorage[name]);
  sessionStorage[name] = JSON.stringify({ ...grant, token: `${grant.token}x` });
}"""


def test_a_token_that_the_stage_refuses_is_renewed_at_the_issuer(
    signed_in: Page, alice: Person
) -> None:
    """Nobody has to sign in again."""
    signed_in.evaluate(SPOIL)
    with signed_in.expect_request(lambda request: "refresh_token" in (request.post_data or "")):
        signed_in.reload()
    alice.api.post("/api/images", json=FOX).raise_for_status()
    expect(tile(signed_in, "a red fox")).to_be_visible()


def test_signing_out_ends_at_the_gallery_and_leaves_no_token(signed_in: Page, stack: Stack) -> None:
    """By way of the issuer, whose session ends too."""
    assert TOKEN in kept(signed_in)
    user_menu(signed_in).click()
    signed_in.get_by_role("button", name="Sign out").click()
    signed_in.wait_for_url(stack.gallery)
    expect(signed_in.get_by_role("button", name="Sign in")).to_be_visible()
    assert TOKEN not in kept(signed_in)
