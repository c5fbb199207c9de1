"""Thousands of images: any of them is a scroll away, and the page stays small and calm."""

import math
import re
import uuid

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from local.placeholder_images import picture as draw
from tests.api.support import save as save_many
from tests.browser.bulk import write_library
from tests.browser.chromium import held, watched
from tests.browser.place import Place
from tests.browser.visitor import (
    ELSEWHERE,
    Arrive,
    Held,
    Visitor,
    come_to_rest,
    saved,
    tile,
    tiles,
)

FIRST_PAGE, OLDER_PAGE = 60, 200
"""Images that the gallery asks for at once: gallery/src/api/client.ts."""

HEAD = 20
"""Pixels by which the page's head may differ in height, on a phone and on a desk."""

SETTLING = 1200
"""Milliseconds after which what is looked at keeps its form: gallery/src/views/wall.ts."""

SLOW = 8000
"""Milliseconds after which one is told that an image takes long: gallery/src/views/Picture.tsx."""

MAX_ELEMENTS = 5000
"""In the document, at any time; the tiles of a large library would be many times as many."""


@pytest.fixture(scope="module")
def crowd(server: Place) -> str:
    """The name of a user with very many images."""
    name = f"crowd-{uuid.uuid4()}"
    write_library(server, name, server.many)
    return name


_SCROLL = """async ([direction, end]) => {
  const frame = () => new Promise(requestAnimationFrame);
  const isThere = () => document.querySelector(`li[aria-posinset="${end}"]`);
  let most = 0;
  const deadline = performance.now() + 240_000;
  for (; !isThere() && performance.now() < deadline; await frame()) {
    scrollBy({ top: direction * 0.9 * innerHeight, behavior: "instant" });
    most = Math.max(most, document.getElementsByTagName("*").length);
  }
  return most;
}"""


def scroll_until(page: Page, direction: int, position: int) -> int:
    """Screen by screen, a frame for each, until the image at a position is there.

    Answers the most elements that the document had.
    """
    return int(page.evaluate(_SCROLL, [direction, position]))


def nodes(page: Page) -> int:
    """All that is alive of the document, also what was taken out of it and is still held."""
    session = watched(page)
    found = held(session)["Nodes"]
    session.detach()
    return int(found)


def test_thousands_of_images_are_scrolled_to_the_end_and_back(arrive: Arrive, crowd: str) -> None:
    """Without their pictures: with them, Chromium without a GPU may stop (docs/performance.md)."""
    visitor = arrive()
    many = visitor.server.many
    visitor.context.route(f"{visitor.server.drawn}**", lambda route: route.abort())
    page = visitor.sign_in(crowd).page
    expect(page).to_have_title(f"Images ({many:,})")
    expect(tile(page, f"prompt {many}")).to_be_visible()
    before = nodes(page)
    down = scroll_until(page, 1, many)
    expect(tile(page, "prompt 1")).to_be_visible()
    expect(tile(page, f"prompt {many}")).to_have_count(0)
    up = scroll_until(page, -1, 1)
    expect(tile(page, f"prompt {many}")).to_be_visible()
    assert max(down, up) < MAX_ELEMENTS
    assert nodes(page) < before + 3 * MAX_ELEMENTS
    pages = visitor.asked("GET", r"/images\?.*")
    assert len({request.url for request in pages}) == len(pages)
    assert len(pages) == 1 + math.ceil((many - FIRST_PAGE) / OLDER_PAGE)


@pytest.fixture
def scrolled(arrive: Arrive, alice: httpx.Client, name: str) -> Visitor:
    """In the middle of a library of 300 images whose pictures are all there."""
    save_many(alice, 300)
    visitor = arrive()
    visitor.shows_images_elsewhere()
    page = visitor.sign_in(name).page
    expect(page).to_have_title("Images (300)")
    expect(tile(page, "prompt 300")).to_be_visible()
    page.wait_for_function("() => document.documentElement.scrollHeight > 6000")  # all are loaded
    page.mouse.wheel(0, 3000)
    page.wait_for_function("() => scrollY === 3000")
    come_to_rest(page)
    return visitor


def test_what_is_far_from_the_view_is_not_in_the_page(scrolled: Visitor) -> None:
    expect(tile(scrolled.page, "prompt 300")).to_have_count(0)
    expect(tile(scrolled.page, "prompt 1")).to_have_count(0)


def in_view(page: Page) -> tuple[str, float]:
    """An image in the middle of what is seen, and how far down it is."""
    found: tuple[str, float] = page.evaluate(
        """() => {
          const link = document.elementFromPoint(innerWidth / 2, innerHeight / 2).closest("a");
          return [link.getAttribute("aria-label"), link.getBoundingClientRect().top];
        }"""
    )
    return found


def test_what_is_looked_at_stays_while_others_save_and_delete_above_it(
    scrolled: Visitor, alice: httpx.Client
) -> None:
    page = scrolled.page
    prompt, top = in_view(page)
    save_many(alice, 30)
    expect(page).to_have_title("Images (330)")
    scrolled.wait_until(lambda: abs(top_of(page, prompt) - top) < 2)
    for cursor in (300, 299):
        alice.delete(f"/api/images/{cursor}").raise_for_status()
    expect(page).to_have_title("Images (328)")
    scrolled.wait_until(lambda: abs(top_of(page, prompt) - top) < 2)


def top_of(page: Page, prompt: str) -> float:
    box = tile(page, prompt).bounding_box()
    assert box
    return box["y"]


_TOPMOST = """() => {
  const tile = [...document.querySelectorAll(".tile")].find((tile) =>
    tile.getBoundingClientRect().top >= 0);
  return [tile.querySelector("a").getAttribute("aria-label"), tile.getBoundingClientRect().top];
}"""


def test_what_is_on_top_stays_there_when_the_page_gets_narrow_and_wide_again(
    scrolled: Visitor,
) -> None:
    """As a phone does that is turned: the page grows to more than twice its height, and back."""
    page = scrolled.page
    for width in (500, 1280):
        prompt, top = page.evaluate(_TOPMOST)
        page.set_viewport_size({"width": width, "height": 720})
        come_to_rest(page)
        assert abs(top_of(page, prompt) - top) < HEAD


def test_looking_closer_comes_back_to_where_one_was(scrolled: Visitor) -> None:
    page = scrolled.page
    prompt, top = in_view(page)
    tile(page, prompt).click()
    expect(page.get_by_role("dialog", name="Image")).to_be_visible()
    page.keyboard.press("Escape")
    expect(tile(page, prompt)).to_be_focused()
    assert abs(top_of(page, prompt) - top) < 2


def picture(page: Page, prompt: str) -> Locator:
    """What the tile has in the image's place."""
    link = page.get_by_role("link", name=prompt, exact=True)
    return tiles(page).filter(has=link).locator(".picture")


def elsewhere(client: httpx.Client, *prompts: str) -> None:
    """Saves an image for each, whose picture stands at an address named after it."""
    for prompt in prompts:
        image = {"prompt": prompt, "imageUrl": f"https://{ELSEWHERE}/{prompt[-3:]}.png"}
        client.post("/api/images", json=image).raise_for_status()
    saved(client)


def test_a_tile_has_its_place_and_a_tint_before_its_image(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    elsewhere(alice, "a fox")
    visitor, held = arrive(), Held()
    visitor.shows_images_elsewhere(lambda route: held.take(route))
    page = visitor.sign_in(name).page
    expect(picture(page, "a fox")).to_have_attribute("data-state", "loading")
    expect(picture(page, "a fox")).not_to_have_css("background-color", "rgba(0, 0, 0, 0)")
    box = picture(page, "a fox").bounding_box()
    assert box
    assert min(box["width"], box["height"]) > 100


def test_images_that_are_not_there_leave_their_prompts_and_are_tried_again_together(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    """By one button, which keys reach too; and by its own where one is looked at."""
    elsewhere(alice, "a fox", "a hen", "an owl")
    visitor = arrive()
    visitor.shows_images_elsewhere()
    broken = re.compile("(fox|hen).png$")
    visitor.context.route(broken, lambda route: route.fulfill(status=404))
    page = visitor.sign_in(name).page
    for prompt in ("a fox", "a hen"):
        expect(picture(page, prompt)).to_have_attribute("data-state", "broken")
        expect(picture(page, prompt).locator(".stand-in")).to_have_text(f"Unavailable{prompt}")
    expect(picture(page, "an owl")).to_have_attribute("data-state", "here")
    expect(page.get_by_text("2 images did not load")).to_be_visible()
    tile(page, "a fox").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Try again")).to_be_visible()
    page.keyboard.press("Escape")
    visitor.context.unroute(broken)
    expect(tile(page, "a fox")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Try again")).to_be_focused()
    page.keyboard.press("Enter")
    for prompt in ("a fox", "a hen"):
        expect(picture(page, prompt)).to_have_attribute("data-state", "here")
        expect(picture(page, prompt).locator(".stand-in")).to_have_count(0)
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)


def test_an_image_that_comes_late_is_shown_whole(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    """When the others have had their places for long: they stay there."""
    elsewhere(alice, "a fox", "a hen", "an owl")
    visitor, late = arrive(), Held()
    visitor.shows_images_elsewhere()
    visitor.context.route(f"https://{ELSEWHERE}/fox.png", late.take)
    page = visitor.sign_in(name).page
    for prompt in ("a hen", "an owl"):
        expect(picture(page, prompt)).to_have_attribute("data-state", "here")
    page.wait_for_timeout(SETTLING)
    before = picture(page, "a hen").bounding_box()
    late.routes[0].fulfill(content_type="image/svg+xml", body=draw("a fox", 1, 600, 400))
    expect(picture(page, "a fox")).to_have_attribute("data-state", "here")
    expect(picture(page, "a fox").locator("img")).to_have_css("object-fit", "contain")
    assert picture(page, "a hen").bounding_box() == before


def test_images_that_all_come_late_still_take_their_form(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    """There was nothing to look at before."""
    elsewhere(alice, "a fox")
    visitor, late = arrive(), Held()
    visitor.shows_images_elsewhere(late.take)
    page = visitor.sign_in(name).page
    visitor.wait_until(lambda: bool(late.routes))
    page.wait_for_timeout(SETTLING)
    late.routes[0].fulfill(content_type="image/svg+xml", body=draw("a fox", 1, 600, 400))
    visitor.wait_until(lambda: is_of_form(page, "a fox", 600 / 400))


def is_of_form(page: Page, prompt: str, ratio: float) -> bool:
    box = picture(page, prompt).bounding_box()
    return box is not None and abs(box["width"] / box["height"] - ratio) < 0.05


def test_an_image_that_takes_long_shows_its_prompt_until_it_comes(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    elsewhere(alice, "a fox")
    visitor = arrive()
    slow: list[Route] = []
    visitor.shows_images_elsewhere(lambda route: slow.append(route))
    visitor.page.clock.install()
    page = visitor.sign_in(name).page
    expect(picture(page, "a fox")).to_have_attribute("data-state", "loading")
    page.clock.fast_forward(SLOW)
    expect(picture(page, "a fox")).to_have_attribute("data-state", "slow")
    expect(picture(page, "a fox").locator(".stand-in")).to_contain_text("a fox")
    for route in slow:
        route.fulfill(content_type="image/svg+xml", body=draw("a fox", 1, 600, 400))
    expect(picture(page, "a fox")).to_have_attribute("data-state", "here")
    expect(picture(page, "a fox").locator(".stand-in")).to_have_count(0)
