"""Deleting: hidden at once, held back while it can be undone, and then sent, whatever is closed."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

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
    saved,
    tile,
    tiles,
)

HELD = 6000
"""Milliseconds in which there is an Undo: gallery/src/library/removal.ts."""

NAMES = ("a fox", "a heron", "an otter", "a lynx")


@pytest.fixture
def full(arrive: Arrive, alice: httpx.Client, name: str) -> Visitor:
    """Signed in to a library of four images, the lynx first."""
    fill(alice, *NAMES)
    visitor = arrive().sign_in(name)
    expect(tiles(visitor.page)).to_have_count(4)
    return visitor


@pytest.fixture
def timed(full: Visitor) -> Page:
    """The same, on a page whose time passes only when it is told to."""
    page = full.page
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now()") + 60_000)
    return page


def undo(page: Page) -> Locator:
    return page.get_by_role("status").get_by_role("button", name="Undo")


def sent(visitor: Visitor) -> list[str]:
    """The cursors that each request deletes."""
    asked = visitor.asked("DELETE", r"/images\?.*")
    return [parse_qs(urlsplit(request.url).query)["cursors"][0] for request in asked]


def test_a_deletion_hides_at_once_and_is_sent_after_some_seconds(
    full: Visitor, timed: Page, alice: httpx.Client
) -> None:
    tile(timed, "a heron").press("Delete")
    expect(tile(timed, "a heron")).to_have_count(0)
    expect(timed).to_have_title("Images (3)")
    expect(timed.get_by_role("status").filter(has_text="1 image deleted")).to_be_visible()
    timed.clock.run_for(HELD - 100)
    assert sent(full) == []
    assert len(saved(alice)) == 4
    timed.clock.run_for(200)
    full.wait_until(lambda: prompts(saved(alice)) == ["a lynx", "an otter", "a fox"])
    full.wait_until(lambda: sent(full) == ["2"])
    expect(undo(timed)).to_have_count(0)


def test_an_undone_deletion_is_never_sent(full: Visitor, timed: Page, alice: httpx.Client) -> None:
    tile(timed, "a heron").press("Delete")
    expect(tile(timed, "a heron")).to_have_count(0)
    timed.clock.run_for(HELD - 1000)
    undo(timed).click()
    timed.clock.run_for(5 * HELD)
    expect(tile(timed, "a heron")).to_be_visible()
    expect(timed).to_have_title("Images (4)")
    expect(undo(timed)).to_have_count(0)
    assert sent(full) == []
    assert len(saved(alice)) == 4


def test_a_deletion_is_undone_by_a_key(full: Visitor) -> None:
    page = full.page
    tile(page, "a heron").press("Delete")
    expect(tile(page, "a heron")).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(tile(page, "a heron")).to_be_visible()
    assert sent(full) == []


def test_each_of_several_deletions_has_its_own_time(
    full: Visitor, timed: Page, alice: httpx.Client
) -> None:
    for name in ("a heron", "a fox"):
        tile(timed, name).press("Delete")
        expect(tile(timed, name)).to_have_count(0)
        timed.clock.run_for(1000)
    timed.clock.run_for(HELD - 1500)
    full.wait_until(lambda: sent(full) == ["2"])
    undo(timed).click()
    timed.clock.resume()
    expect(tile(timed, "a fox")).to_be_visible()
    full.wait_until(lambda: prompts(saved(alice)) == ["a lynx", "an otter", "a fox"])


def test_the_last_deletion_is_undone_again_and_again(full: Visitor, alice: httpx.Client) -> None:
    """As somebody culls: three presses of a key, and then as many regrets."""
    page = full.page
    tile(page, "a lynx").focus()
    for left in (3, 2, 1):
        page.keyboard.press("Delete")
        expect(tiles(page)).to_have_count(left)
    expect(page.get_by_role("status").get_by_role("button", name="Undo")).to_have_count(1)
    for back in (2, 3, 4):
        page.keyboard.press("Control+z")
        expect(tiles(page)).to_have_count(back)
    expect(undo(page)).to_have_count(0)
    assert sent(full) == []
    assert len(saved(alice)) == 4


def test_many_are_deleted_together_and_undone_together(full: Visitor) -> None:
    page = full.page
    page.get_by_role("button", name="Select images").click()
    for name in ("a lynx", "a fox"):
        tile(page, name).click()
    expect(page.get_by_role("heading", name="2 images selected")).to_be_visible()
    page.get_by_role("banner").get_by_role("button", name="Delete").click()
    expect(tiles(page)).to_have_count(2)
    expect(page.get_by_role("status").filter(has_text="2 images deleted")).to_be_visible()
    expect(page.get_by_role("button", name="Select images")).to_be_visible()  # no longer selecting
    undo(page).click()
    expect(tiles(page)).to_have_count(4)
    assert sent(full) == []


def test_what_is_selected_is_deleted_and_nothing_else(full: Visitor, alice: httpx.Client) -> None:
    page = full.page
    page.get_by_role("checkbox", name="Select: a lynx").check()
    tile(page, "a heron").click(modifiers=["Shift"])  # and all between
    expect(page.get_by_role("heading", name="3 images selected")).to_be_visible()
    page.get_by_role("checkbox", name="Select: an otter").uncheck()
    page.keyboard.press("Delete")
    expect(tiles(page)).to_have_count(2)
    full.wait_until(lambda: prompts(saved(alice)) == ["an otter", "a fox"])
    full.wait_until(lambda: [sorted(one.split(",")) for one in sent(full)] == [["2", "4"]])


def test_a_selection_is_made_by_keys(full: Visitor) -> None:
    page = full.page
    tile(page, "a lynx").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.get_by_role("heading", name="2 images selected")).to_be_visible()
    expect(tile(page, "an otter")).to_have_accessible_description("Selected")
    expect(tile(page, "a heron")).to_have_accessible_description("")
    page.keyboard.press("Control+a")
    expect(page.get_by_role("heading", name="4 images selected")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(0)
    expect(page.get_by_role("heading", name="Images", exact=False, level=1)).to_be_visible()


def test_a_page_that_is_left_sends_what_it_holds_back(full: Visitor, alice: httpx.Client) -> None:
    """For another page of its origin: of one that is left for elsewhere a browser soon ends the
    process, which has then sent nothing if the machine is busy."""
    tile(full.page, "a heron").press("Delete")
    expect(tile(full.page, "a heron")).to_have_count(0)
    full.page.goto(f"{full.server.url}/api/health")
    full.wait_until(lambda: prompts(saved(alice)) == ["a lynx", "an otter", "a fox"])


def test_a_page_that_is_closed_sends_what_it_holds_back(full: Visitor, alice: httpx.Client) -> None:
    page = full.page
    full.page = full.context.new_page()  # the browser stays
    for name in ("a heron", "a fox"):
        page.get_by_role("checkbox", name=f"Select: {name}").check()
    page.keyboard.press("Delete")
    expect(tiles(page)).to_have_count(2)
    page.close(run_before_unload=True)
    full.wait_until(lambda: prompts(saved(alice)) == ["a lynx", "an otter"])


def test_signing_out_sends_what_is_held_back(full: Visitor, alice: httpx.Client) -> None:
    tile(full.page, "a heron").press("Delete")
    expect(tile(full.page, "a heron")).to_have_count(0)
    full.sign_out()
    full.wait_until(lambda: prompts(saved(alice)) == ["a lynx", "an otter", "a fox"])


FORBIDDEN = "1 image not deleted. The server does not allow this. Ask whoever runs the gallery."


def test_a_deletion_that_is_refused_comes_back_and_says_why(full: Visitor, timed: Page) -> None:
    refusal = problem(403, "forbidden")
    full.answers("/api/images?cursors=*", lambda route: route.fulfill(**refusal))
    tile(timed, "a heron").press("Delete")
    expect(tile(timed, "a heron")).to_have_count(0)
    timed.clock.run_for(HELD)
    timed.clock.resume()
    expect(tile(timed, "a heron")).to_be_visible()
    said = timed.get_by_role("status").filter(has_text=FORBIDDEN)
    expect(said).to_be_visible()
    expect(timed).to_have_title("Images (4)")
    full.allow("/api/images?cursors=*")
    said.get_by_role("button", name="Try again").click()
    expect(tile(timed, "a heron")).to_have_count(0)
    expect(timed).to_have_title("Images (3)")


def test_a_deletion_in_trouble_is_sent_again(full: Visitor, alice: httpx.Client) -> None:
    troubles = [503, 504]

    def trouble(route: Route) -> None:
        if troubles:
            route.fulfill(status=troubles.pop())
        else:
            route.continue_()

    full.answers("/api/images?cursors=*", trouble)
    tile(full.page, "a heron").press("Delete")
    full.wait_until(lambda: prompts(saved(alice)) == ["a lynx", "an otter", "a fox"])
    assert sent(full) == ["2", "2", "2"]
    expect(tiles(full.page)).to_have_count(3)


def test_a_deletion_that_was_decided_on_another_library_deletes_nothing(
    full: Visitor, timed: Page, alice: httpx.Client
) -> None:
    """The server is asked under a mark that is not that of the library which it has."""
    answers: list[int] = []

    def ask_as_of_another(route: Route) -> None:
        url = route.request.url.replace(full.server.url, full.server.api)
        (mark,) = parse_qs(urlsplit(url).query)["mark"]
        answered = route.fetch(url=url.replace(f"mark={mark}", "mark=another"))
        answers.append(answered.status)
        route.fulfill(response=answered)

    full.answers("/api/images?cursors=*", ask_as_of_another)
    tile(timed, "a heron").press("Delete")
    expect(tile(timed, "a heron")).to_have_count(0)
    timed.clock.run_for(HELD)
    timed.clock.resume()
    said = timed.get_by_role("status").filter(has_text="Your library was replaced on the server")
    expect(said).to_contain_text("Nothing was deleted")
    expect(tile(timed, "a heron")).to_be_visible()
    assert answers == [410]
    assert len(saved(alice)) == 4


def test_a_deletion_while_another_device_deletes_the_same_is_done(
    full: Visitor, timed: Page, alice: httpx.Client
) -> None:
    tile(timed, "a heron").press("Delete")
    alice.delete("/api/images/2").raise_for_status()
    timed.clock.run_for(HELD)
    full.wait_until(lambda: sent(full) == ["2"])
    timed.clock.resume()
    expect(timed).to_have_title("Images (3)")
    expect(tiles(timed)).to_have_count(3)
    expect(timed.get_by_role("alert")).to_have_count(0)


def test_an_image_is_deleted_while_it_is_looked_at_and_the_next_one_shows(
    full: Visitor, alice: httpx.Client
) -> None:
    page = full.page
    tile(page, "a heron").click()
    detail = page.get_by_role("dialog", name="Image")
    detail.get_by_role("button", name="Delete").click()
    expect(detail.get_by_role("region", name="Prompt")).to_contain_text("a fox")
    expect(page).to_have_url(f"{full.server.url}{HOME}/1")
    expect(detail.get_by_role("status")).to_contain_text("1 image deleted")
    page.keyboard.press("Delete")
    expect(detail.get_by_role("region", name="Prompt")).to_contain_text("an otter")
    detail.get_by_role("button", name="Undo").click()
    page.keyboard.press("Escape")
    expect(tiles(page)).to_have_count(3)
    full.wait_until(lambda: prompts(saved(alice)) == ["a lynx", "an otter", "a fox"])


MANY = 100

PATIENCE = 10_000
"""Milliseconds that signing out waits for what is to be sent: gallery/src/session/tabs.ts."""


_CRASHES = "addEventListener('pagehide', (event) => event.stopImmediatePropagation(), true)"
"""The page does not learn that it ends, and so sends nothing then."""


@pytest.fixture
def large(arrive: Arrive, alice: httpx.Client, name: str) -> Visitor:
    """Signed in to a library of a hundred images, all of which are loaded; its pages crash."""
    for first in range(0, MANY, 25):
        fill(alice, *(f"number {number}" for number in range(first, first + 25)))
    visitor = arrive()
    visitor.context.add_init_script(_CRASHES)
    visitor.sign_in(name)
    expect(visitor.page).to_have_title(f"Images ({MANY})")
    visitor.page.keyboard.press("End")
    visitor.wait_until(lambda: len(visitor.asked("GET", r"/images\?.*before=.*")) > 0)
    return visitor


def delete_all(page: Page) -> None:
    page.get_by_role("button", name="Select images").click()
    selected = page.get_by_role("heading", name=f"{MANY} images selected")
    while not selected.is_visible():  # all are loaded in a moment
        page.get_by_role("button", name="Select all").click()
    page.get_by_role("banner").get_by_role("button", name="Delete").click()
    expect(page).to_have_title("Images (0)")


def test_a_large_deletion_goes_on_after_a_reload(large: Visitor, alice: httpx.Client) -> None:
    """The server takes one request and is gone; the page is loaded anew; none of them is back."""
    taken: list[int] = []

    def take_one(route: Route) -> None:
        if not taken:
            taken.append(large.answered_in_vain(route))
        route.abort()

    page = large.page
    large.answers("/api/images?cursors=*", take_one)
    delete_all(page)
    large.wait_until(lambda: taken == [204] and len(sent(large)) > 1)
    assert sent(large)[0] == ",".join(map(str, range(MANY, MANY - 33, -1)))  # the newest first
    expect(page.get_by_role("status").filter(has_text="still to be deleted")).to_be_visible()
    page.reload()
    expect(page).to_have_title("Images (0)")
    assert len(saved(alice)) == MANY - 33
    large.allow("/api/images?cursors=*")
    large.wait_until(lambda: saved(alice) == [])
    large.wait_until(lambda: "deletions" not in names_kept(page))
    expect(page).to_have_title("Images (0)")


def names_kept(page: Page) -> str:
    """Under what names the page's origin keeps something in IndexedDB."""
    return str(
        page.evaluate(
            """async () => {
              const done = (request) => new Promise((resolve, reject) => {
                request.onsuccess = () => resolve(request.result);
                request.onerror = () => reject(request.error);
              });
              const found = [];
              for (const { name } of await indexedDB.databases()) {
                const database = await done(indexedDB.open(name));
                for (const name of database.objectStoreNames) {
                  const store = database.transaction(name).objectStore(name);
                  found.push(await done(store.getAllKeys()));
                }
                database.close();
              }
              return found.flat().join();
            }"""
        )
    )


def test_a_deletion_without_a_network_waits_for_it(full: Visitor, alice: httpx.Client) -> None:
    page = full.page
    page.wait_for_load_state("networkidle")
    full.context.set_offline(True)
    tile(page, "a heron").press("Delete")
    said = page.get_by_role("status").filter(has_text="1 image still to be deleted.")
    expect(said).to_be_visible()
    expect(tile(page, "a heron")).to_have_count(0)
    assert len(saved(alice)) == 4
    full.context.set_offline(False)
    full.wait_until(lambda: len(saved(alice)) == 3)
    expect(said).to_have_count(0)
    expect(tiles(page)).to_have_count(3)


def test_one_tab_sends_what_another_that_is_gone_has_left(
    full: Visitor, alice: httpx.Client, name: str
) -> None:
    """The tab is ended in the middle, without a word: what it kept is enough."""
    page = full.page
    page.wait_for_load_state("networkidle")
    full.context.set_offline(True)
    tile(page, "a heron").press("Delete")
    full.wait_until(lambda: "[2]" in kept(page))
    page.evaluate(_CRASHES)
    page.close(run_before_unload=False)
    assert len(saved(alice)) == 4
    full.context.set_offline(False)
    full.page = full.context.new_page()
    full.sign_in(name)
    full.wait_until(lambda: len(saved(alice)) == 3)
    expect(tiles(full.page)).to_have_count(3)


def test_signing_out_waits_for_a_large_deletion(large: Visitor, alice: httpx.Client) -> None:
    delete_all(large.page)
    large.sign_out()
    expect(large.page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(grid(large.page)).to_have_count(0)
    assert saved(alice) == []


def test_signing_out_in_one_tab_waits_for_a_large_deletion_in_another(
    large: Visitor, alice: httpx.Client
) -> None:
    """Who deletes can still undo it, and time stands still: what is sent, is sent for who leaves.

    The server is slow at first, and then whoever signs out is asked. Later all is deleted.
    """
    other, page = large.page, large.context.new_page()
    page.goto(f"{large.server.url}{HOME}")
    expect(page).to_have_title(f"Images ({MANY})")
    large.page = page
    large.context.clock.install()
    large.context.clock.pause_at(page.evaluate("Date.now()") + 60_000)
    delete_all(other)
    held = large.holds("/api/images?cursors=*")
    large.sign_out()
    large.wait_until(lambda: len(held.routes) > 0)
    asked = page.get_by_role("dialog", name="Sign out")
    expect(asked).to_have_count(0)
    large.context.clock.fast_forward(PATIENCE)
    expect(asked).to_contain_text(f"Not deleted yet, and kept if you sign out now: {MANY} images.")
    assert len(saved(alice)) == MANY
    asked.get_by_role("button", name="Stay signed in").click()
    large.context.clock.resume()
    held.release()
    large.sign_out()
    for tab in (page, other):
        expect(tab.get_by_role("button", name="Sign in")).to_be_visible()
    assert saved(alice) == []


def test_a_deletion_here_and_a_save_there_come_together(
    full: Visitor, arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    laptop, phone = full, arrive().sign_in(name)
    expect(tiles(phone.page)).to_have_count(4)
    tile(laptop.page, "a heron").press("Delete")
    save(phone.page, drawn("a newt"))
    order = ["a newt", "a lynx", "an otter", "a fox"]
    for page in (laptop.page, phone.page):
        expect(tile(page, "a newt")).to_be_visible()
        expect(tile(page, "a heron")).to_have_count(0)
        expect(page).to_have_title("Images (4)")
        expect(tiles(page)).to_have_count(4)
    assert prompts(saved(alice)) == order
