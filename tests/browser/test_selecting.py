"""Picking images out, by mouse, finger and keys; and undoing what was done to them."""

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.browser.bulk import write_library
from tests.browser.visitor import Arrive, Visitor, come_to_rest, fill, tile, tiles

PHONE = {"width": 390, "height": 844}


def circle(page: Page, prompt: str) -> Locator:
    return tiles(page).get_by_role("checkbox", name=f"Select: {prompt}", exact=True)


def selected(page: Page) -> Locator:
    return page.get_by_role("banner").get_by_role("heading")


def test_all_means_the_library_and_can_be_stopped(arrive: Arrive, name: str) -> None:
    visitor = arrive()
    write_library(visitor.server, name, 700)
    held = visitor.holds("/api/images?*before*")
    page = visitor.sign_in(name).page
    expect(tile(page, "prompt 700")).to_be_visible()
    tile(page, "prompt 700").focus()
    page.keyboard.press("Control+a")
    expect(selected(page)).to_have_text("60 of 700 images selected")
    expect(page.get_by_role("progressbar", name="Images read")).to_be_visible()
    expect(page.get_by_role("button", name="Delete")).to_be_disabled()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("button", name="Delete")).to_be_enabled()
    expect(selected(page)).to_have_text("60 of 700 images selected")
    held.release()
    page.get_by_role("button", name="Select all").click()
    expect(selected(page)).to_have_text("700 images selected")


def test_what_is_picked_by_hand_meanwhile_stays_as_it_was_picked(arrive: Arrive, name: str) -> None:
    """Or an image that was just left out would be deleted with the others."""
    visitor = arrive()
    write_library(visitor.server, name, 200)
    held = visitor.holds("/api/images?*before*")
    page = visitor.sign_in(name).page
    page.get_by_role("button", name="Select images").click()
    page.get_by_role("button", name="Select all").click()
    expect(selected(page)).to_have_text("60 of 200 images selected")
    tile(page, "prompt 199").click()
    expect(selected(page)).to_have_text("59 of 200 images selected")
    held.release()
    expect(selected(page)).to_have_text("59 images selected")  # all are loaded now


def test_shift_and_a_click_on_circles_is_a_range(visitor: Visitor, alice: httpx.Client) -> None:
    fill(alice, "a", "b", "c", "d", "e")
    page = visitor.page
    circle(page, "d").check()
    circle(page, "b").click(modifiers=["Shift"])
    expect(selected(page)).to_have_text("3 images selected")
    for prompt, is_picked in (("e", False), ("d", True), ("c", True), ("b", True), ("a", False)):
        expect(circle(page, prompt)).to_be_checked(checked=is_picked)


def hold(page: Page, place: Locator, milliseconds: int) -> None:
    """A finger rests there for so long."""
    box = place.bounding_box()
    assert box
    point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    session = page.context.new_cdp_session(page)
    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    page.wait_for_timeout(milliseconds)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()


def test_a_finger_that_rests_selects_and_nothing_moves(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    fill(alice, "a fox", "a hen")
    visitor = arrive(viewport=PHONE, has_touch=True, is_mobile=True)
    page = visitor.sign_in(name).page
    come_to_rest(page)
    before = tile(page, "a fox").bounding_box()
    hold(page, tile(page, "a fox"), 700)
    expect(selected(page)).to_have_text("1 image selected")
    expect(circle(page, "a fox")).to_be_checked()
    assert tile(page, "a fox").bounding_box() == before
    tile(page, "a hen").tap()
    expect(selected(page)).to_have_text("2 images selected")
    cut = selected(page).evaluate("(at) => at.scrollWidth > at.clientWidth")
    assert not cut


def test_deletions_are_undone_one_after_another_also_while_an_image_is_looked_at(
    visitor: Visitor, alice: httpx.Client
) -> None:
    fill(alice, "a", "b", "c", "d")
    page = visitor.page
    tile(page, "d").click()
    for left in (3, 2):
        page.keyboard.press("Delete")
        expect(page.get_by_role("dialog").get_by_text(f"1 of {left}")).to_be_visible()
    for there in (3, 4):
        page.keyboard.press("Control+z")
        expect(page.get_by_role("dialog").get_by_text(f"of {there}")).to_be_visible()
