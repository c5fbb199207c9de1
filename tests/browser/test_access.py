"""For everyone: by keys alone, by a screen reader, enlarged, on a phone, in light and in dark."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import PATIENCE
from tests.browser.conftest import AXE
from tests.browser.visitor import (
    HOME,
    Arrive,
    Visitor,
    come_to_rest,
    drawn,
    fill,
    fill_form,
    grid,
    open_form,
    tile,
    tiles,
    user_menu,
)

PROMPTS = tuple(f"fox number {number}, in the snow" for number in range(1, 13))

DESKTOP, PHONE, ZOOMED = (1280, 800), (390, 844), (640, 400)
"""Widths and heights in CSS pixels; the last is a desktop's at 200 %."""

NARROWEST = 320
"""What all must fit into without scrolling sideways (WCAG 2.2, success criterion 1.4.10)."""


@pytest.fixture
def page(arrive: Arrive, alice: httpx.Client, name: str) -> Page:
    """Of a library of twelve images, without movement."""
    fill(alice, *PROMPTS)
    page = arrive(reduced_motion="reduce").sign_in(name).page
    expect(tiles(page)).to_have_count(len(PROMPTS))
    come_to_rest(page)
    return page


def signed_out(page: Page) -> None:
    page.evaluate("sessionStorage.clear()")
    page.reload()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def library(page: Page) -> None:
    expect(grid(page)).to_be_visible()


def menu(page: Page) -> None:
    user_menu(page).click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def detail(page: Page) -> None:
    tile(page, PROMPTS[3]).click()
    expect(page.get_by_role("dialog", name="Image").get_by_role("img")).to_be_visible()


def missing(page: Page) -> None:
    page.goto(page.url + "/99")
    expect(page.get_by_role("heading", name="This image is not here")).to_be_visible()


def form(page: Page) -> None:
    expect(open_form(page)).to_be_visible()


def form_with_errors(page: Page) -> None:
    wrong = drawn("a fox", model="m" * 500) | {"seed": "seven", "steps": "0"}
    filled = fill_form(page, wrong)
    filled.get_by_role("button", name="Save", exact=True).click()
    expect(filled.get_by_label("Seed")).to_have_attribute("aria-invalid", "true")


def selection(page: Page) -> None:
    for prompt in PROMPTS[2:5]:
        page.get_by_role("checkbox", name=f"Select: {prompt}").check()
    expect(page.get_by_role("heading", name="3 images selected")).to_be_visible()


def held_deletion(page: Page) -> None:
    tile(page, PROMPTS[3]).press("Delete")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()


def found(page: Page) -> None:
    page.get_by_role("searchbox").fill("number 1")
    expect(page.get_by_role("list", name="Images found")).to_be_visible()


def nothing_found(page: Page) -> None:
    page.get_by_role("searchbox").fill("whale")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()


def shortcuts(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


SCENES: tuple[Callable[[Page], None], ...] = (
    library,
    menu,
    detail,
    missing,
    form,
    form_with_errors,
    selection,
    held_deletion,
    found,
    nothing_found,
    shortcuts,
    signed_out,
)

scenes = pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)


def looks(page: Page) -> Iterator[str]:
    """The page in light and dark, on a desk and on a phone; answers what that is called."""
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for width, height in (DESKTOP, PHONE):
        page.set_viewport_size({"width": width, "height": height})
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            settle(page)
            yield f"{scheme}, {width} wide"


def settle(page: Page) -> None:
    """Waits for the frame in which the page is laid out anew, and for all that moves to its end."""
    page.evaluate(
        """async () => {
          for (let n = 0; n < 3; n++) await new Promise(requestAnimationFrame);
          const ending = document.getAnimations().filter(({ effect }) =>
            effect.getComputedTiming().endTime < 2000);
          await Promise.all(ending.map(({ finished }) => finished.catch(() => {})));
        }"""
    )


def violations(page: Page) -> list[str]:
    """What axe finds wrong, each with the elements that it is about."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found: dict[str, Any] = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{violation['id']}: {node['html'][:200]} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


@scenes
def test_axe_finds_nothing_wrong(page: Page, scene: Callable[[Page], None]) -> None:
    scene(page)
    wrong = {look: found for look in looks(page) if (found := violations(page))}
    assert wrong == {}


def test_axe_finds_nothing_wrong_with_an_empty_library(visitor: Visitor) -> None:
    page = visitor.page
    page.emulate_media(reduced_motion="reduce")
    expect(page.get_by_role("heading", name="Your library is empty")).to_be_visible()
    assert {look: found for look in looks(page) if (found := violations(page))} == {}


def test_axe_would_find_something(page: Page) -> None:
    """Or the tests above show nothing."""
    page.evaluate("document.querySelector('input[type=search]').removeAttribute('aria-label')")
    page.evaluate("document.querySelector('input[type=search]').removeAttribute('placeholder')")
    assert any(wrong.startswith("label: ") for wrong in violations(page))


_FITS = """() => {
  const boxes = [document.documentElement, ...document.querySelectorAll("dialog[open]")];
  return boxes.every((box) => box.scrollWidth <= box.clientWidth);
}"""


@scenes
def test_nothing_is_scrolled_sideways(page: Page, scene: Callable[[Page], None]) -> None:
    """At 200 %, on a phone, and as narrow as it may be."""
    scene(page)
    for width, height in (ZOOMED, PHONE, (NARROWEST, 640)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(_FITS, timeout=PATIENCE)


def test_the_grid_is_walked_by_keys(page: Page) -> None:
    page.set_viewport_size({"width": 700, "height": 900})
    settle(page)
    newest = tile(page, PROMPTS[-1])
    newest.focus()
    page.keyboard.press("ArrowRight")
    expect(tile(page, PROMPTS[-2])).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(newest).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(newest).not_to_be_focused()
    below = page.evaluate("document.activeElement.getBoundingClientRect().toJSON()")
    box = newest.bounding_box()
    assert box
    assert below["top"] >= box["y"] + box["height"] - 1
    assert below["left"] < box["x"] + box["width"]
    page.keyboard.press("ArrowUp")
    expect(newest).to_be_focused()
    page.keyboard.press("End")
    expect(tile(page, PROMPTS[0])).to_be_focused()
    expect(tile(page, PROMPTS[0])).to_be_in_viewport(ratio=1)
    page.keyboard.press("Home")
    expect(newest).to_be_focused()
    expect(newest).to_be_in_viewport(ratio=1)


def test_home_and_end_lead_to_the_first_and_last_image_before_anything_has_the_focus(
    page: Page,
) -> None:
    page.set_viewport_size({"width": 700, "height": 400})
    settle(page)
    for key, prompt in (("End", PROMPTS[0]), ("Home", PROMPTS[-1])):
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press(key)
        expect(tile(page, prompt)).to_be_focused()
        expect(tile(page, prompt)).to_be_in_viewport(ratio=1)


def test_the_key_home_leads_to_the_very_top(page: Page) -> None:
    page.set_viewport_size({"width": 700, "height": 400})
    settle(page)
    tile(page, PROMPTS[-1]).press("End")
    expect(tile(page, PROMPTS[0])).to_be_focused()
    assert page.evaluate("scrollY") > 0
    page.keyboard.press("Home")
    expect(tile(page, PROMPTS[-1])).to_be_focused()
    assert page.evaluate("scrollY") == 0


def test_deleting_by_key_leaves_the_focus_at_the_next_image(page: Page) -> None:
    tile(page, PROMPTS[5]).press("Delete")
    expect(tile(page, PROMPTS[5])).to_have_count(0)
    expect(tile(page, PROMPTS[4])).to_be_focused()


def test_tab_goes_through_the_page_and_meets_the_grid_once(page: Page) -> None:
    page.evaluate("document.activeElement.blur()")
    met = []
    for _ in range(6):
        page.keyboard.press("Tab")
        met.append(
            page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent")
        )
    assert met[:2] == ["Search", "Select images"]
    assert met[2] == "Save image"
    assert met[3].startswith("Signed in as ")
    assert met[4] == PROMPTS[-1]
    assert not set(met[5:]) & set(PROMPTS)


def test_a_screen_reader_is_told_what_is_there(page: Page) -> None:
    expect(page.get_by_role("banner")).to_match_aria_snapshot(
        """
        - heading /Images 12/ [level=1]
        - search:
          - searchbox "Search"
        - button "Select images"
        - button "Save image"
        - button /Signed in as alice/
        """
    )
    expect(page.get_by_role("main")).to_match_aria_snapshot(
        f"""
        - list "Images":
          - listitem:
            - link "{PROMPTS[-1]}"
            - 'checkbox "Select: {PROMPTS[-1]}"'
        """
    )
    places = [
        (item.get_attribute("aria-posinset"), item.get_attribute("aria-setsize"))
        for item in tiles(page).all()
    ]
    assert places == [(str(place), "12") for place in range(1, 13)]


def test_a_dialog_takes_the_focus_and_gives_it_back(page: Page) -> None:
    button = page.get_by_role("banner").get_by_role("button", name="Save image")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Prompt")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()
    assert page.url.endswith(HOME)
