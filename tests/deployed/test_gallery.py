"""The gallery of a deployed stage in a browser: at its own address, with its issuer's own pages."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, expect, sync_playwright

from chalicelib.users import user_id
from tests.browser.chromium import ARGUMENTS, browser
from tests.browser.visitor import ELSEWHERE, kept, save, tile, user_menu
from tests.deployed.people import PASSWORD, Directory
from tests.deployed.stack import Stack
from tests.support import wait_until

PATIENCE = 20_000
"""Milliseconds that an expectation waits: a function's cold start, and a deletion held back."""

FOX = {"prompt": "a red fox", "imageUrl": f"https://{ELSEWHERE}/fox.svg"}
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 3 2"/>'


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser(), args=ARGUMENTS)
        yield started
        started.close()


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


def test_a_visit(page: Page, stack: Stack, directory: Directory) -> None:
    """Signing in by a code with PKCE, saving, coming back, deleting, signing out."""
    directory.lead_back_to(stack.gallery)
    user = user_id(directory.issuer, directory.add("a visitor"))

    page.goto(stack.gallery)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Username").fill("a visitor")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{stack.gallery}dashboard/images")
    expect(page.get_by_role("heading", name="Your library is empty")).to_be_visible()

    save(page, FOX)
    expect(tile(page, FOX["prompt"])).to_be_visible()
    page.goto(f"{stack.gallery}dashboard/images/1")
    expect(page.get_by_role("dialog").get_by_text(FOX["prompt"])).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).to_have_title("Images (1)")

    tile(page, FOX["prompt"]).press("Delete")
    expect(page.get_by_role("heading", name="Your library is empty")).to_be_visible()
    wait_until(lambda: "prompt" not in str(stack.items("PartitionTable", user)))

    user_menu(page).click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(stack.gallery)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert "eyJ" not in kept(page)
