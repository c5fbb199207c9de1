"""Finding images among those that are loaded, and knowing how many that is."""

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.support import save, sync
from tests.browser.visitor import Arrive, Visitor, drawn, fill, grid, tiles

IMAGES: list[dict[str, Any]] = [
    drawn("A Fox in the snow", model="SDXL 1.0") | {"seed": "42"},
    drawn("a heron in the snow", model="flux-dev") | {"seed": "421"},
    drawn("ein Fuchs über dem Fluß", model="sdxl turbo") | {"seed": "7"},
    drawn("a glass greenhouse"),
]
FIRST_PAGE, MORE = 60, 10


@pytest.fixture
def page(arrive: Arrive, alice: httpx.Client, name: str) -> Page:
    """Of a library with those images."""
    for image in IMAGES:
        alice.post("/api/images", json=image).raise_for_status()
    sync(alice)
    page = arrive().sign_in(name).page
    expect(tiles(page)).to_have_count(len(IMAGES))
    return page


def search(page: Page, query: str) -> None:
    page.get_by_role("searchbox", name="Search").fill(query)


def found(page: Page) -> list[str]:
    """The prompts of what the grid shows, newest first."""
    links = grid(page).get_by_role("link").all()
    return [str(link.get_attribute("aria-label")) for link in links]


QUERIES: dict[str, list[int]] = {
    "snow": [1, 0],
    "SNOW the": [1, 0],
    "fox snow": [0],
    '"in the"': [1, 0],
    "uber": [2],
    "model:sdxl": [2, 0],
    'model:"sdxl 1"': [0],
    "seed:42": [1, 0],
    "seed:421": [1],
    "snow model:flux seed:4": [1],
}
"""What finds which of the images, by their numbers."""


def test_words_models_and_seeds_find_images(page: Page) -> None:
    for query, numbers in QUERIES.items():
        search(page, query)
        expect(page.get_by_role("main").get_by_role("status")).to_have_text(
            f"{len(numbers)} found in all 4 images"
        )
        expect(page.get_by_role("list", name="Images found")).to_be_visible()
        expect(tiles(page)).to_have_count(len(numbers))
        assert found(page) == [IMAGES[number]["prompt"] for number in numbers], query


def test_nothing_found_is_said_and_leads_back_to_all(page: Page) -> None:
    search(page, "whale")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("status")).to_have_text("0 found in all 4 images")
    page.get_by_role("button", name="Show all images").click()
    expect(tiles(page)).to_have_count(4)
    expect(page.get_by_role("searchbox")).to_have_value("")


def test_the_search_is_reached_and_left_by_keys(page: Page) -> None:
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("fox")
    expect(tiles(page)).to_have_count(1)
    page.keyboard.press("Escape")
    expect(tiles(page)).to_have_count(4)
    page.keyboard.press("Escape")
    expect(page.get_by_role("searchbox")).not_to_be_focused()


def test_looking_closer_goes_through_what_was_found(page: Page) -> None:
    search(page, "model:sdxl")
    expect(tiles(page)).to_have_count(2)
    grid(page).get_by_role("link").first.click()
    detail = page.get_by_role("dialog", name="Image")
    expect(detail).to_contain_text("1 of 2")
    page.keyboard.press("ArrowRight")
    expect(detail.get_by_role("region", name="Prompt")).to_contain_text("A Fox in the snow")


def test_what_is_found_is_seen_from_its_beginning(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    save(alice, FIRST_PAGE)
    page = arrive().sign_in(name).page
    for query in ("prompt", "prom"):
        expect(tiles(page).first).to_be_visible()
        page.mouse.wheel(0, 900)
        page.wait_for_function("() => scrollY > 0")
        search(page, query)
        page.wait_for_function("() => scrollY === 0")
        expect(page.get_by_role("list", name="Images found")).to_be_visible()


def test_what_another_device_saves_is_found_as_well(page: Page, alice: httpx.Client) -> None:
    search(page, "snow")
    expect(tiles(page)).to_have_count(2)
    fill(alice, "an owl in the snow", "an owl in the wood")
    expect(tiles(page)).to_have_count(3)
    assert found(page)[0] == "an owl in the snow"


def test_it_is_said_how_much_was_searched_until_all_is(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    """`prompt 1` is among the oldest ten, which no first page has."""
    save(alice, FIRST_PAGE + MORE)
    visitor: Visitor = arrive()
    held = visitor.holds("/api/images?*before=*")
    page = visitor.sign_in(name).page
    expect(page).to_have_title("Images (70)")
    search(page, '"prompt 7"')
    status = page.get_by_role("main").get_by_role("status")
    expect(status).to_have_text("1 found in the newest 60 of 70 images")
    page.get_by_role("button", name="Search all").click()
    expect(page.get_by_role("progressbar", name="Images searched")).to_be_visible()
    held.release()
    expect(status).to_have_text("2 found in all 70 images")
    expect(page.get_by_role("button", name=re.compile("Search all|Stop"))).to_have_count(0)
    assert found(page) == ["prompt 70", "prompt 7"]
