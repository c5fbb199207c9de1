"""Seeing a library: empty, somebody's own, and always the newest, without reading pages again."""

import json
import re
import uuid

import httpx
from playwright.sync_api import expect

from tests.api.support import library
from tests.browser.visitor import (
    HOME,
    Arrive,
    Visitor,
    drawn,
    fill,
    grid,
    kept,
    problem,
    prompts,
    save,
    tile,
    tiles,
    user_menu,
)


def test_an_empty_library_invites_to_save_the_first_image(visitor: Visitor) -> None:
    page = visitor.page
    expect(page.get_by_role("heading", name="Your library is empty")).to_be_visible()
    page.get_by_role("main").get_by_role("button", name="Save image").click()
    expect(page.get_by_role("dialog", name="Save images")).to_be_visible()


def test_images_stand_newest_first_and_the_title_has_the_count(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    fill(alice, "a fox", "a heron", "an otter")
    page = arrive().sign_in(name).page
    expect(grid(page).get_by_role("link")).to_have_count(3)
    links = grid(page).get_by_role("link").all()
    assert [link.get_attribute("aria-label") for link in links] == ["an otter", "a heron", "a fox"]
    expect(page).to_have_title("Images (3)")


def test_a_prompt_is_shown_as_text_whatever_it_is(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    prompt = '<img src=x onerror="alert(1)"><script>alert(2)</script>'
    fill(alice, prompt)
    page = arrive().sign_in(name).page
    tile(page, prompt).click()
    expect(page.get_by_role("dialog").get_by_text(prompt)).to_be_visible()
    expect(page.locator("script:not([src])")).to_have_count(0)


def test_an_image_whose_prompt_is_blank_has_a_name(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    fill(alice, " \n ")
    page = arrive().sign_in(name).page
    tile(page, "Untitled").click()
    expect(page.get_by_role("dialog", name="Image: Untitled")).to_be_visible()
    expect(page).to_have_title("Untitled")


def test_signing_in_leaves_no_token_in_an_address_or_in_local_storage(visitor: Visitor) -> None:
    page = visitor.page
    assert page.evaluate("JSON.stringify({ ...localStorage })") == "{}"
    assert page.url == f"{visitor.server.url}{HOME}"
    page.reload()
    expect(user_menu(page)).to_be_visible()  # the tab goes on being signed in


def test_signing_out_forgets_the_library_on_this_device(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    fill(alice, "a secret otter")
    visitor = arrive().sign_in(name)
    page = visitor.page
    visitor.wait_until(lambda: "a secret otter" in kept(page))
    visitor.sign_out()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    visitor.wait_until(lambda: "a secret otter" not in kept(page))
    assert name not in kept(page)
    page.go_back()
    page.goto(f"{visitor.server.url}{HOME}/1")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page.get_by_text("a secret otter")).to_have_count(0)


def watch_for(visitor: Visitor, text: str) -> list[str]:
    """The addresses at which the text was in the document, be it for a moment."""
    seen: list[str] = []
    visitor.context.expose_function("seen", lambda address: seen.append(address))
    visitor.context.add_init_script(
        """new MutationObserver(() => {
          if (document.documentElement.outerHTML.includes(TEXT)) seen(location.href);
        }).observe(document, {childList: true, subtree: true, attributes: true,
                              characterData: true});""".replace("TEXT", json.dumps(text))
    )
    return seen


def test_the_next_user_of_a_tab_never_sees_the_last_ones_images(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    fill(alice, "a secret otter")
    visitor = arrive()
    seen = watch_for(visitor, "a secret otter")
    visitor.sign_in(name)
    expect(tile(visitor.page, "a secret otter")).to_be_visible()
    assert seen  # the watch works
    visitor.wait_until(lambda: "a secret otter" in kept(visitor.page))
    visitor.sign_out()
    expect(visitor.page.get_by_role("button", name="Sign in")).to_be_visible()
    seen.clear()
    visitor.sign_in(f"bob-{uuid.uuid4()}")
    expect(visitor.page.get_by_role("heading", name="Your library is empty")).to_be_visible()
    assert seen == []


def test_another_user_in_a_second_tab_never_sees_the_first_ones_images(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    fill(alice, "a secret otter")
    visitor = arrive()
    seen = watch_for(visitor, "a secret otter")
    visitor.sign_in(name)
    visitor.wait_until(lambda: "a secret otter" in kept(visitor.page))
    visitor.page.goto("about:blank")  # not signed out: what is kept stays
    seen.clear()
    second = visitor.context.new_page()
    visitor.sign_in(f"bob-{uuid.uuid4()}", second)
    expect(second.get_by_role("heading", name="Your library is empty")).to_be_visible()
    assert seen == []


def test_two_browsers_of_one_user_converge_without_a_reload(arrive: Arrive, name: str) -> None:
    laptop, phone = arrive().sign_in(name).page, arrive().sign_in(name).page
    save(laptop, drawn("a fox"))
    expect(tile(phone, "a fox")).to_be_visible()
    expect(phone).to_have_title("Images (1)")
    tile(phone, "a fox").press("Delete")
    phone.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")  # sends what is held back
    expect(tile(laptop, "a fox")).to_have_count(0)
    expect(laptop.get_by_role("heading", name="Your library is empty")).to_be_visible()


def test_two_users_stay_apart(arrive: Arrive, name: str) -> None:
    one, other = arrive().sign_in(name), arrive().sign_in(f"bob-{uuid.uuid4()}")
    save(one.page, drawn("a fox"))
    expect(tile(one.page, "a fox")).to_be_visible()
    with other.page.expect_response(re.compile("/api/images/changes")):
        pass  # one more look for changes
    expect(tiles(other.page)).to_have_count(0)
    other.page.goto(f"{other.server.url}{HOME}/1")
    expect(other.page.get_by_role("heading", name="This image is not here")).to_be_visible()


def test_what_others_save_costs_one_small_read_and_no_page_again(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    fill(alice, "a fox")
    visitor = arrive().sign_in(name)
    expect(tile(visitor.page, "a fox")).to_be_visible()
    fill(alice, "a heron")
    expect(tile(visitor.page, "a heron")).to_be_visible()
    assert len(visitor.asked("GET", r"/images\?.*")) == 1
    assert len(visitor.asked("GET", r"/images/changes\?.*")) <= 3


def test_opening_again_shows_the_last_known_library_before_any_answer(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    fill(alice, "a fox")
    visitor = arrive().sign_in(name)
    page = visitor.page
    visitor.wait_until(lambda: "a fox" in kept(page))
    fill(alice, "a heron")
    held = visitor.holds("/api/**")
    page.reload()
    expect(tile(page, "a fox")).to_be_visible()
    expect(tile(page, "a heron")).to_have_count(0)
    held.release()
    expect(tile(page, "a heron")).to_be_visible()  # then it catches up
    assert len(visitor.asked("GET", r"/images\?.*")) == 1


def test_a_first_page_that_is_not_synced_yet_is_synced_and_read_again(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    fill(alice, "a fox")
    visitor = arrive()
    visitor.answers(
        "/api/images?*", lambda route: route.fulfill(**problem(409, "not-synced-yet")), times=1
    )
    visitor.sign_in(name)
    expect(tile(visitor.page, "a fox")).to_be_visible()
    visitor.wait_until(lambda: len(visitor.asked("POST", "/images/sync")) == 1)
    assert len(visitor.asked("GET", r"/images\?.*")) == 2


def test_a_library_that_was_restored_to_an_earlier_time_is_started_over(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    fill(alice, "a fox", "a heron")
    visitor = arrive().sign_in(name)
    expect(tile(visitor.page, "a heron")).to_be_visible()
    (newest, oldest) = library(alice)
    assert prompts([newest, oldest]) == ["a heron", "a fox"]
    restored = {"images": [oldest], "next": None, "cursor": 1, "count": 1}
    visitor.answers("/api/images?*", lambda route: route.fulfill(json=restored))
    visitor.answers(
        "/api/images/changes?*", lambda route: route.fulfill(**problem(410, "resync-required"))
    )
    expect(tile(visitor.page, "a heron")).to_have_count(0)
    expect(tile(visitor.page, "a fox")).to_be_visible()
    expect(visitor.page).to_have_title("Images (1)")
    expect(visitor.page.get_by_role("alert")).to_have_count(0)
