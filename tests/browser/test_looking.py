"""Looking closer: one image with all that is known of it, at an address of its own."""

import functools
import re
from datetime import datetime

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.visitor import (
    ELSEWHERE,
    HOME,
    Arrive,
    Visitor,
    fill,
    grid,
    saved,
    tile,
)

SEED = "18446744073709551615"
ORIGINAL = f"https://{ELSEWHERE}/fox.png?size=large"
PROMPT = "a fox\nin the snow, and a very long way from home " + "and further " * 30
FOX = {
    "prompt": PROMPT,
    "imageUrl": ORIGINAL,
    "model": "sdxl 1.0",
    "seed": SEED,
    "steps": 30,
}


def detail(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Image")


def expect_shown(visitor: Visitor, prompt: str, cursor: int) -> None:
    """The detail view has this image, and so has the address."""
    page = visitor.page
    expect(detail(page).get_by_role("region", name="Prompt").get_by_role("paragraph")).to_have_text(
        prompt
    )
    expect(detail(page).get_by_role("img", name=prompt)).to_be_visible()
    expect(page).to_have_url(f"{visitor.server.url}{HOME}/{cursor}")
    expect(page).to_have_title(prompt)


@pytest.fixture
def full(alice: httpx.Client) -> None:
    """Three images, the otter first."""
    fill(alice, "a fox", "a heron", "an otter")


def test_a_tile_opens_all_that_is_known_of_its_image(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    alice.post("/api/images", json=FOX).raise_for_status()
    (image,) = saved(alice)
    visitor = arrive(timezone_id="UTC", locale="en-GB")
    visitor.shows_images_elsewhere()
    page = visitor.sign_in(name).page
    grid(page).get_by_role("link").click()
    shown = detail(page)
    expect(shown.get_by_role("region", name="Prompt")).to_contain_text("a very long way from home")
    assert shown.get_by_role("term").all_inner_texts() == ["Model", "Seed", "Steps", "Saved"]
    saved_at = datetime.fromisoformat(image["createdAt"])
    expect(shown.get_by_role("definition")).to_have_text(
        ["sdxl 1.0", SEED, "30", f"{saved_at:%-d %B %Y at %H:%M}"]
    )
    original = shown.get_by_role("link", name="Open original")
    expect(original).to_have_attribute("href", ORIGINAL)
    expect(original).to_have_attribute("rel", re.compile("noreferrer noopener"))
    expect(shown).to_contain_text("1 of 1")


@pytest.mark.usefixtures("full")
def test_what_an_image_lacks_is_left_out(visitor: Visitor) -> None:
    tile(visitor.page, "a heron").click()
    expect(detail(visitor.page).get_by_role("term")).to_have_text(["Saved"])


def test_prompt_and_seed_are_copied_as_they_are(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    alice.post("/api/images", json=FOX).raise_for_status()
    saved(alice)
    visitor = arrive(permissions=["clipboard-read", "clipboard-write"])
    visitor.shows_images_elsewhere()
    page = visitor.sign_in(name).page
    grid(page).get_by_role("link").click()
    for button, text in (("Copy prompt", PROMPT), ("Copy seed", SEED)):
        detail(page).get_by_role("button", name=button).click()
        expect(detail(page).get_by_role("status")).to_contain_text("Copied")
        visitor.wait_until(functools.partial(has_on_its_clipboard, page, text))


def has_on_its_clipboard(page: Page, text: str) -> bool:
    return bool(page.evaluate("navigator.clipboard.readText()") == text)


@pytest.mark.usefixtures("full")
def test_keys_go_to_the_images_beside_it(visitor: Visitor) -> None:
    page = visitor.page
    tile(page, "a heron").click()
    expect_shown(visitor, "a heron", 2)
    page.keyboard.press("ArrowRight")
    expect_shown(visitor, "a fox", 1)
    expect(detail(page)).to_contain_text("3 of 3")
    expect(detail(page).get_by_role("button", name="Next image")).to_have_count(0)
    page.keyboard.press("ArrowRight")  # there is none
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    expect_shown(visitor, "an otter", 3)
    expect(detail(page).get_by_role("button", name="Previous image")).to_have_count(0)


@pytest.mark.usefixtures("full")
def test_buttons_go_to_the_images_beside_it_and_keys_still_do(visitor: Visitor) -> None:
    tile(visitor.page, "a heron").click()
    detail(visitor.page).get_by_role("button", name="Next image").click()
    expect_shown(visitor, "a fox", 1)
    visitor.page.keyboard.press("ArrowLeft")  # the button that has the focus is disabled now
    expect_shown(visitor, "a heron", 2)


def swipe(page: Page, by: int) -> None:
    """A finger on the image goes so many pixels to the right."""
    box = detail(page).get_by_role("img").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: dict[str, float]) -> None:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    touch("touchStart", {"x": x, "y": y})
    for part in range(1, 6):
        touch("touchMove", {"x": x + by * part / 5, "y": y + part})
    touch("touchEnd")
    session.detach()


@pytest.mark.usefixtures("full")
def test_a_finger_pulls_the_images_beside_it_in(arrive: Arrive, name: str) -> None:
    visitor = arrive(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page = visitor.sign_in(name).page
    tile(page, "a heron").tap()
    expect_shown(visitor, "a heron", 2)
    swipe(page, -30)  # not far enough to mean it
    swipe(page, -150)
    expect_shown(visitor, "a fox", 1)
    swipe(page, -150)  # there is none
    swipe(page, 150)
    expect_shown(visitor, "a heron", 2)
    swipe(page, 150)
    expect_shown(visitor, "an otter", 3)


def focused(page: Page) -> str:
    """The name of what has the focus."""
    return str(
        page.evaluate("(at => at.ariaLabel ?? at.textContent.trim())(document.activeElement)")
    )


@pytest.mark.usefixtures("full")
def test_it_begins_at_its_close_button_under_the_images_name_and_keys_leave_the_focus_there(
    visitor: Visitor,
) -> None:
    page = visitor.page
    tile(page, "a heron").press("Enter")
    expect(page.get_by_role("dialog", name="Image: a heron")).to_be_visible()
    close = detail(page).get_by_role("button", name="Close")
    expect(close).to_be_focused()
    for key, prompt, cursor in (("ArrowRight", "a fox", 1), ("ArrowLeft", "a heron", 2)):
        page.keyboard.press(key)
        expect_shown(visitor, prompt, cursor)
        expect(close).to_be_focused()
    page.keyboard.press("Enter")
    expect(detail(page)).to_have_count(0)
    expect(tile(page, "a heron")).to_be_focused()


@pytest.mark.usefixtures("full")
def test_a_button_keeps_the_focus_as_long_as_it_leads_on(visitor: Visitor) -> None:
    page = visitor.page
    tile(page, "an otter").click()
    following = detail(page).get_by_role("button", name="Next image")
    following.focus()
    page.keyboard.press("Enter")
    expect_shown(visitor, "a heron", 2)
    expect(following).to_be_focused()
    page.keyboard.press("Enter")
    expect_shown(visitor, "a fox", 1)
    expect(following).to_have_count(0)
    expect(detail(page).get_by_role("button", name="Close")).to_be_focused()


@pytest.mark.usefixtures("full")
def test_tab_goes_through_it_in_the_order_of_what_is_seen(visitor: Visitor) -> None:
    page = visitor.page
    tile(page, "a heron").click()
    expect_shown(visitor, "a heron", 2)
    order = ["a heron", "Copy prompt", "Open original", "Delete"]
    met = []
    for _ in range(7):
        page.keyboard.press("Tab")
        met.append(focused(page))
    assert met[:4] == order
    assert met[-2:] == ["Previous image", "Next image"]  # after the browser's own controls


@pytest.mark.usefixtures("full")
def test_closing_is_back_where_one_was_with_the_focus_on_the_image_seen_last(
    visitor: Visitor,
) -> None:
    page = visitor.page
    tile(page, "an otter").press("Enter")
    expect_shown(visitor, "an otter", 3)
    page.keyboard.press("ArrowRight")
    expect_shown(visitor, "a heron", 2)
    page.keyboard.press("Escape")
    expect(detail(page)).to_have_count(0)
    expect(tile(page, "a heron")).to_be_focused()
    expect(page).to_have_url(f"{visitor.server.url}{HOME}")
    expect(page).to_have_title("Images (3)")


@pytest.mark.usefixtures("full")
def test_the_browsers_back_closes_it_and_forward_opens_it(visitor: Visitor) -> None:
    page = visitor.page
    tile(page, "an otter").click()
    expect_shown(visitor, "an otter", 3)
    page.keyboard.press("ArrowRight")
    expect_shown(visitor, "a heron", 2)
    page.go_back()
    expect(detail(page)).to_have_count(0)
    expect(page).to_have_url(f"{visitor.server.url}{HOME}")
    expect(tile(page, "a heron")).to_be_focused()
    page.go_forward()
    expect_shown(visitor, "a heron", 2)


@pytest.mark.usefixtures("full")
def test_an_images_address_opens_it_over_the_library(visitor: Visitor) -> None:
    page = visitor.page
    page.goto(f"{visitor.server.url}{HOME}/2")
    expect_shown(visitor, "a heron", 2)
    expect(tile(page, "a heron")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page).to_have_url(f"{visitor.server.url}{HOME}")
    expect(tile(page, "a heron")).to_be_focused()


@pytest.mark.usefixtures("full")
def test_an_images_address_asks_to_sign_in_and_then_shows_it(arrive: Arrive, name: str) -> None:
    visitor = arrive()
    page = visitor.page
    page.goto(f"{visitor.server.url}{HOME}/2")
    page.get_by_role("button", name="Sign in").click()
    visitor.server.identify(page, name)
    expect_shown(visitor, "a heron", 2)


def forget(page: Page) -> None:
    """Empties what the page's origin keeps in IndexedDB."""
    page.evaluate(
        """async () => {
          for (const { name } of await indexedDB.databases()) indexedDB.deleteDatabase(name);
        }"""
    )


@pytest.mark.usefixtures("full")
def test_an_images_address_shows_it_although_its_page_is_not_loaded(visitor: Visitor) -> None:
    held = visitor.holds("/api/images?*")
    forget(visitor.page)
    visitor.page.goto(f"{visitor.server.url}{HOME}/1")
    expect_shown(visitor, "a fox", 1)
    assert len(visitor.asked("GET", "/images/1")) == 1
    held.release()


@pytest.mark.usefixtures("full")
def test_an_image_that_is_not_there_is_said_to_be_missing(visitor: Visitor) -> None:
    page = visitor.page
    page.goto(f"{visitor.server.url}{HOME}/99")
    expect(detail(page).get_by_role("alert")).to_contain_text("This image is not here")
    detail(page).get_by_role("button", name="Back to the library").click()
    expect(page).to_have_url(f"{visitor.server.url}{HOME}")
    expect(grid(page)).to_be_visible()


@pytest.mark.usefixtures("full")
def test_an_image_that_another_device_deletes_is_told_of_and_the_next_one_is_shown(
    visitor: Visitor, alice: httpx.Client
) -> None:
    page = visitor.page
    told = detail(page).get_by_role("status").filter(has_text="deleted in another tab")
    tile(page, "a heron").click()
    expect_shown(visitor, "a heron", 2)
    alice.delete("/api/images/2").raise_for_status()
    expect_shown(visitor, "a fox", 1)
    expect(told).to_be_visible()
    alice.delete("/api/images/1").raise_for_status()
    expect_shown(visitor, "an otter", 3)


SCREENS = {
    "phone": {"width": 390, "height": 844},
    "tablet, upright": {"width": 768, "height": 1024},
    "desk at 200 %": {"width": 640, "height": 360},
    "desk": {"width": 1280, "height": 720},
}


def test_the_picture_keeps_most_of_the_screen(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    """Its stage, that is: what fills it depends on the picture's form."""
    alice.post("/api/images", json=FOX).raise_for_status()
    saved(alice)
    visitor = arrive()
    visitor.shows_images_elsewhere()
    page = visitor.sign_in(name).page
    grid(page).get_by_role("link").click()
    for screen in SCREENS.values():
        page.set_viewport_size({"width": screen["width"], "height": screen["height"]})
        box = detail(page).locator(".stage").bounding_box()
        assert box
        assert box["width"] * box["height"] > 0.6 * screen["width"] * screen["height"]


def test_a_caption_has_three_lines_at_most_and_prompts_their_own_direction(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    hebrew = "שועל אדום בשלג"
    for prompt in (PROMPT, hebrew):
        alice.post("/api/images", json={**FOX, "prompt": prompt}).raise_for_status()
    saved(alice)
    visitor = arrive()
    visitor.shows_images_elsewhere()
    page = visitor.sign_in(name).page
    captions = grid(page).locator(".caption > span")
    expect(captions).to_have_count(2)
    assert captions.nth(1).evaluate("(at) => at.clientHeight") == 3 * 18
    expect(captions.nth(0)).to_have_css("direction", "rtl")
    expect(captions.nth(1)).to_have_css("direction", "ltr")
    tile(page, hebrew).click()
    shown = detail(page).get_by_role("region", name="Prompt").get_by_role("paragraph")
    expect(shown).to_have_css("direction", "rtl")
