"""Saving: at once on the screen, and once on the server, whatever happens in between."""

import re

import httpx
import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from tests.browser.visitor import (
    ELSEWHERE,
    HOME,
    Arrive,
    Visitor,
    drawn,
    expect_no_form,
    fill_form,
    grid,
    kept,
    open_form,
    pending,
    prompts,
    save,
    saved,
    tile,
    tiles,
)

WRONG = drawn("a fox", seed=7) | {"seed": "seven", "steps": "0"}
SEED_WORDS = "A seed is a whole number, such as 42, of at most 18446744073709551615."


def keys(requests: list[Request]) -> set[str]:
    """The Idempotency-Keys under which something was sent."""
    return {request.headers["idempotency-key"] for request in requests}


def refused(page: Page) -> Locator:
    """The tile of a save that the server refused, with why."""
    return grid(page).get_by_role("alert")


def test_a_save_shows_at_once_and_is_confirmed_by_its_answer(visitor: Visitor) -> None:
    page = visitor.page
    held = visitor.holds("/api/images")
    save(page, drawn("a fox"))
    expect(pending(page, "a fox")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)  # nobody is kept waiting for the answer
    expect(page).to_have_title("Images (0)")
    held.release()
    expect(tile(page, "a fox")).to_be_visible()
    expect(tiles(page)).to_have_count(1)
    expect(page).to_have_title("Images (1)")


def test_a_save_is_confirmed_also_while_a_search_hides_it(visitor: Visitor) -> None:
    page = visitor.page
    said = page.get_by_role("status").filter(has_text="1 image saved")
    save(page, drawn("a fox"))
    expect(said).to_be_visible()
    expect(said).to_have_count(0)  # and is out of the way again
    page.get_by_role("searchbox").fill("fox")
    save(page, drawn("a heron"))
    expect(said).to_contain_text("Your search hides it.")


def test_a_save_shows_at_once_also_while_the_library_is_not_there_yet(
    arrive: Arrive, name: str
) -> None:
    visitor = arrive()
    held = visitor.holds("/api/images?*")
    page = visitor.sign_in(name).page
    expect(page.get_by_role("status", name="Loading images")).to_be_visible()
    save(page, drawn("a fox"))
    expect(pending(page, "a fox").or_(tile(page, "a fox"))).to_be_visible()
    expect(page.get_by_role("status", name="Loading images")).to_have_count(0)
    held.release()
    expect(tile(page, "a fox")).to_be_visible()


def test_a_save_is_followed_by_sync_and_one_small_read_but_by_no_page(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    alice.post("/api/images", json=drawn("a heron")).raise_for_status()
    visitor = arrive().sign_in(name)
    expect(tile(visitor.page, "a heron")).to_be_visible()
    visitor.requests.clear()
    held = visitor.holds("/api/images/sync")
    save(visitor.page, drawn("a fox"))
    expect(tile(visitor.page, "a fox")).to_be_visible()
    visitor.wait_until(lambda: len(held.routes) == 1)
    polls = len(visitor.asked("GET", r"/images/changes\?.*"))
    held.release()
    # The first is what the save calls for; at the second, all that it leads to was asked.
    visitor.wait_until(lambda: len(visitor.asked("GET", r"/images/changes\?.*")) > polls + 1)
    assert len(visitor.asked("POST", "/images/sync")) == 1
    assert visitor.asked("GET", r"/images(/\d+|\?.*)") == []


def test_what_the_server_finds_wrong_stands_at_the_field(
    visitor: Visitor, alice: httpx.Client
) -> None:
    """In words for people, and not in the API's."""
    form = fill_form(visitor.page, WRONG)
    form.get_by_role("button", name="Save", exact=True).click()
    seed, steps = form.get_by_label("Seed"), form.get_by_label("Steps")
    expect(seed).to_have_accessible_description(SEED_WORDS)
    expect(steps).to_have_accessible_description(re.compile("whole number from 1"))
    expect(form.get_by_text(SEED_WORDS)).to_be_visible()
    expect(seed).to_be_focused()
    expect(form.get_by_label("Prompt")).not_to_have_attribute("aria-invalid", "true")
    seed.fill("7")
    steps.fill("30")
    form.get_by_role("button", name="Save", exact=True).click()
    expect(form).to_have_count(0)
    expect(tile(visitor.page, "a fox")).to_be_visible()
    expect(tiles(visitor.page)).to_have_count(1)
    (image,) = saved(alice)
    assert (image["seed"], image["steps"]) == ("7", 30)


def test_a_form_that_is_closed_while_it_saves_leaves_the_next_one_alone(visitor: Visitor) -> None:
    """It was Back that closed it; its save is refused when another one is being written."""
    page = visitor.page
    held = visitor.holds("/api/images")
    save(page, WRONG)
    expect(page.get_by_role("button", name="Saving…")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    form = open_form(page)
    expect(form.get_by_label("Prompt")).to_have_value("")
    form.get_by_label("Prompt").fill("a heron")
    held.release()
    expect(refused(page)).to_contain_text(SEED_WORDS)
    expect(form.get_by_label("Prompt")).to_have_value("a heron")
    expect(page).to_have_url(re.compile(r"\?save$"))


def test_nothing_can_be_typed_into_what_is_being_saved(visitor: Visitor) -> None:
    page = visitor.page
    held = visitor.holds("/api/images")
    save(page, drawn("a fox"))
    expect(page.get_by_role("button", name="Saving…")).to_be_visible()
    page.keyboard.type(" and more")
    expect(page.get_by_label("Prompt")).to_have_value("a fox")
    assert page.locator("textarea").evaluate("field => field.closest('[inert]') !== null")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_text("What you typed is kept")).to_have_count(0)
    held.release()
    expect(tile(page, "a fox")).to_be_visible()


@pytest.fixture
def late_refusal(visitor: Visitor) -> Page:
    """A page whose save was refused when its form had been closed already."""
    held = visitor.holds("/api/images")
    save(visitor.page, WRONG)
    expect(visitor.page.get_by_role("dialog")).to_have_count(0)
    expect(pending(visitor.page, "a fox")).to_be_visible()
    held.release()
    expect(refused(visitor.page)).to_contain_text("Not saved")
    return visitor.page


def test_a_save_that_is_refused_late_says_why_and_can_be_discarded(
    visitor: Visitor, late_refusal: Page, alice: httpx.Client
) -> None:
    expect(refused(late_refusal)).to_contain_text(SEED_WORDS)
    refused(late_refusal).get_by_role("button", name="Discard").click()
    expect(late_refusal.get_by_role("heading", name="Your library is empty")).to_be_visible()
    visitor.wait_until(lambda: "a fox" not in kept(late_refusal))
    assert saved(alice) == []


def test_a_save_that_is_refused_late_can_be_mended(late_refusal: Page, alice: httpx.Client) -> None:
    refused(late_refusal).get_by_role("button", name="Edit").click()
    form = late_refusal.get_by_role("dialog", name="Save images")
    expect(form.get_by_label("Seed")).to_have_value("seven")
    expect(form.get_by_label("Seed")).to_have_attribute("aria-invalid", "true")
    form.get_by_label("Seed").fill("7")
    form.get_by_label("Steps").fill("30")
    form.get_by_role("button", name="Save", exact=True).click()
    expect(tile(late_refusal, "a fox")).to_be_visible()
    expect(tiles(late_refusal)).to_have_count(1)
    assert prompts(saved(alice)) == ["a fox"]


def test_a_save_in_trouble_is_sent_again_under_its_key(
    visitor: Visitor, alice: httpx.Client
) -> None:
    visitor.answers("/api/images", lambda route: route.fulfill(status=503), times=2)
    save(visitor.page, drawn("a fox"))
    expect(tile(visitor.page, "a fox")).to_be_visible()
    sent = visitor.asked("POST", "/images")
    assert (len(sent), len(keys(sent))) == (3, 1)
    assert prompts(saved(alice)) == ["a fox"]


def test_a_save_whose_answer_was_lost_is_done_once(visitor: Visitor, alice: httpx.Client) -> None:
    def lose_the_answer(route: Route) -> None:
        assert visitor.answered_in_vain(route) == 201
        route.abort()

    visitor.answers("/api/images", lose_the_answer, times=1)
    save(visitor.page, drawn("a fox"))
    expect(tile(visitor.page, "a fox")).to_be_visible()
    sent = visitor.asked("POST", "/images")
    assert (len(sent), len(keys(sent))) == (2, 1)
    expect(tiles(visitor.page)).to_have_count(1)
    assert prompts(saved(alice)) == ["a fox"]


def test_two_equal_saves_are_two_images(visitor: Visitor, alice: httpx.Client) -> None:
    for _ in range(2):
        save(visitor.page, drawn("a fox"))
        expect(visitor.page.get_by_role("dialog")).to_have_count(0)
    expect(tile(visitor.page, "a fox")).to_have_count(2)
    assert len(keys(visitor.asked("POST", "/images"))) == 2
    assert prompts(saved(alice)) == ["a fox", "a fox"]


def lose_the_network(visitor: Visitor) -> None:
    """Once the page has all that it fetches by itself."""
    visitor.page.wait_for_load_state("networkidle")
    visitor.context.set_offline(True)


def test_a_save_without_a_network_is_sent_when_there_is_one(
    visitor: Visitor, alice: httpx.Client
) -> None:
    page = visitor.page
    lose_the_network(visitor)
    save(page, drawn("a fox"))
    expect(pending(page, "a fox")).to_contain_text("Waiting for the network")
    expect(page.get_by_text("You are offline")).to_be_visible()
    assert saved(alice) == []
    visitor.context.set_offline(False)
    expect(tile(page, "a fox")).to_be_visible()
    expect(page.get_by_text("You are offline")).to_have_count(0)
    assert len(keys(visitor.asked("POST", "/images"))) == 1
    assert prompts(saved(alice)) == ["a fox"]


def test_signing_out_waits_for_what_is_being_saved(visitor: Visitor, alice: httpx.Client) -> None:
    held = visitor.holds("/api/images")
    save(visitor.page, drawn("a fox"))
    expect(pending(visitor.page, "a fox")).to_be_visible()
    visitor.sign_out()
    visitor.wait_until(lambda: len(held.routes) == 1)
    held.release()
    expect(visitor.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert prompts(saved(alice)) == ["a fox"]


def test_signing_out_asks_before_it_forgets_what_is_not_saved(visitor: Visitor) -> None:
    page = visitor.page
    lose_the_network(visitor)
    save(page, drawn("a fox"))
    expect(pending(page, "a fox")).to_be_visible()
    question = page.get_by_role("dialog", name="Sign out")
    visitor.sign_out()
    expect(question).to_contain_text("Not saved yet, and lost if you sign out now: 1 image.")
    expect(question.get_by_role("button", name="Stay signed in")).to_be_focused()
    page.keyboard.press("Enter")
    expect(question).to_have_count(0)
    expect(pending(page, "a fox")).to_be_visible()
    assert "a fox" in kept(page)
    visitor.sign_out()
    question.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    visitor.wait_until(lambda: "a fox" not in kept(page))


def test_who_waits_with_signing_out_is_signed_out_when_all_is_saved(
    visitor: Visitor, alice: httpx.Client
) -> None:
    lose_the_network(visitor)
    save(visitor.page, drawn("a fox"))
    visitor.sign_out()
    expect(visitor.page.get_by_role("dialog", name="Sign out")).to_contain_text("1 image")
    visitor.context.set_offline(False)
    expect(visitor.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert prompts(saved(alice)) == ["a fox"]


def test_a_save_without_a_network_outlives_the_page(
    visitor: Visitor, alice: httpx.Client, name: str
) -> None:
    closed, visitor.page = visitor.page, visitor.context.new_page()
    closed.bring_to_front()
    closed.wait_for_load_state("networkidle")
    visitor.context.set_offline(True)
    save(closed, drawn("a fox"))
    visitor.wait_until(lambda: any(sent.failure for sent in visitor.asked("POST", "/images")))
    closed.close()
    visitor.context.set_offline(False)
    assert saved(alice) == []
    visitor.sign_in(name)
    expect(tile(visitor.page, "a fox")).to_be_visible()
    assert len(keys(visitor.asked("POST", "/images"))) == 1
    assert prompts(saved(alice)) == ["a fox"]


def test_a_save_that_waits_is_sent_by_one_of_two_tabs_that_are_loaded_anew(
    visitor: Visitor, alice: httpx.Client
) -> None:
    lost: list[Route] = []

    def lose_the_first(route: Route) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(route)  # and never answered
        else:
            route.continue_()

    visitor.answers("/api/images", lose_the_first)
    page, other = visitor.page, visitor.context.new_page()
    other.goto(f"{visitor.server.url}{HOME}")
    expect(other).to_have_title("Images (0)")
    save(page, drawn("a fox"))
    visitor.wait_until(lambda: len(lost) == 1)
    visitor.wait_until(lambda: '"sent"' in kept(page))
    for tab in (page, other):
        tab.reload(wait_until="commit")
    for tab in (page, other):
        expect(tile(tab, "a fox")).to_be_visible()
        tab.wait_for_load_state("networkidle")
    assert len(visitor.asked("POST", "/images")) == 2
    assert len(keys(visitor.asked("POST", "/images"))) == 1
    assert prompts(saved(alice)) == ["a fox"]


def test_a_save_whose_answer_was_lost_is_done_once_although_the_page_was_reloaded(
    visitor: Visitor, alice: httpx.Client
) -> None:
    """The server has saved it, is not reached any more, and the page is loaded anew meanwhile."""
    statuses: list[int] = []

    def save_and_be_gone(route: Route) -> None:
        if route.request.method == "POST" and not statuses:
            statuses.append(visitor.answered_in_vain(route))
        route.abort("internetdisconnected")

    page = visitor.page
    visitor.answers("/api/**", save_and_be_gone)
    save(page, drawn("a fox"))
    visitor.wait_until(lambda: saved(alice) != [])
    expect_no_form(page)
    page.reload()
    expect(pending(page, "a fox")).to_be_visible()  # it is kept on the device
    visitor.allow("/api/**")
    expect(tile(page, "a fox")).to_be_visible()
    expect(tiles(page)).to_have_count(1)
    sent = visitor.asked("POST", "/images")
    assert (statuses, len(keys(sent))) == ([201], 1)
    assert len(sent) >= 2
    assert prompts(saved(alice)) == ["a fox"]
    visitor.wait_until(lambda: next(iter(keys(sent))) not in kept(page))  # and then no more


ADDRESSES = [f"https://{ELSEWHERE}/{n}.png" for n in range(1, 4)]


def expect_one_batch(visitor: Visitor, alice: httpx.Client) -> None:
    """The form has the three addresses; saved, they are sent in one request."""
    page = visitor.page
    form = page.get_by_role("dialog", name="Save images")
    expect(form.get_by_role("heading", name="Save 3 images")).to_be_visible()
    rows = form.get_by_label(re.compile("^Image address"))
    assert [row.input_value() for row in rows.all()] == ADDRESSES
    form.get_by_label("Prompt").fill("a fox")
    form.get_by_role("button", name="Save", exact=True).click()
    expect(tile(page, "a fox")).to_have_count(3)
    assert len(visitor.asked("POST", "/images/batch")) == 1
    assert visitor.asked("POST", "/images") == []
    assert [image["imageUrl"] for image in reversed(saved(alice))] == ADDRESSES


def test_addresses_pasted_on_the_page_are_saved_by_one_batch(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    visitor = arrive(permissions=["clipboard-read", "clipboard-write"]).sign_in(name)
    visitor.shows_images_elsewhere()
    visitor.page.evaluate("text => navigator.clipboard.writeText(text)", "\n".join(ADDRESSES))
    visitor.page.keyboard.press("Control+V")
    expect_one_batch(visitor, alice)


def test_what_happens_to_the_document_itself_is_a_key_or_a_paste_like_any_other(
    visitor: Visitor,
) -> None:
    """Scripts and extensions send such, and so does a browser where nothing has the focus."""
    visitor.page.evaluate(
        """address => {
          document.dispatchEvent(new KeyboardEvent("keydown", { key: "x" }));
          const clipboardData = new DataTransfer();
          clipboardData.setData("text/plain", address);
          document.dispatchEvent(new ClipboardEvent("paste", { clipboardData }));
        }""",
        ADDRESSES[0],
    )
    form = visitor.page.get_by_role("dialog", name="Save images")
    expect(form.get_by_label("Image address")).to_have_value(ADDRESSES[0])


def test_addresses_pasted_in_the_form_are_saved_by_one_batch(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    visitor = arrive(permissions=["clipboard-read", "clipboard-write"]).sign_in(name)
    visitor.shows_images_elsewhere()
    visitor.page.evaluate("text => navigator.clipboard.writeText(text)", " ".join(ADDRESSES))
    open_form(visitor.page).get_by_label("Image address").press("Control+V")
    expect_one_batch(visitor, alice)


def test_addresses_dropped_on_the_page_are_saved_by_one_batch(
    visitor: Visitor, alice: httpx.Client
) -> None:
    visitor.shows_images_elsewhere()
    carried = visitor.page.evaluate_handle(
        """list => {
          const carried = new DataTransfer();
          carried.setData("text/uri-list", list);
          return carried;
        }""",
        "\r\n".join(["# dragged from elsewhere", *ADDRESSES]),
    )
    visitor.page.get_by_role("main").dispatch_event("drop", {"dataTransfer": carried})
    expect_one_batch(visitor, alice)


def test_what_is_wrong_with_one_of_a_batch_stands_at_its_row_and_none_is_saved(
    visitor: Visitor, alice: httpx.Client
) -> None:
    form = fill_form(visitor.page, drawn("a fox"))
    form.get_by_role("button", name="Another image").click()
    form.get_by_label("Image address 2").fill(drawn("a fox", seed=2)["imageUrl"])
    form.get_by_label("Seed").nth(1).fill("seven")
    form.get_by_role("button", name="Save", exact=True).click()
    expect(form.get_by_label("Seed").nth(1)).to_be_focused()
    expect(form.get_by_label("Seed").nth(1)).to_have_attribute("aria-invalid", "true")
    expect(form.get_by_label("Seed").nth(0)).not_to_have_attribute("aria-invalid", "true")
    assert saved(alice) == []
