"""Without a network: the gallery opens, with what the device has kept, and is never an old one."""

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import (
    Arrive,
    Visitor,
    drawn,
    expect_no_form,
    fill,
    kept,
    pending,
    save,
    tile,
    tiles,
)


@pytest.fixture
def equipped(arrive: Arrive, alice: httpx.Client, name: str) -> Visitor:
    """At a library of two images that the device has kept, as it has the page."""
    fill(alice, "a fox", "a heron")
    visitor = arrive(service_workers="allow").sign_in(name)
    expect(tiles(visitor.page)).to_have_count(2)
    visitor.wait_until(lambda: "a heron" in kept(visitor.page))
    visitor.wait_until(lambda: len(cached(visitor.page)) >= 4)
    return visitor


def cached(page: Page) -> list[str]:
    """The paths of what service workers have kept."""
    paths: list[str] = page.evaluate(
        """async () => {
          const found = [];
          for (const name of await caches.keys())
            for (const { url } of await (await caches.open(name)).keys())
              found.push(url.slice(document.baseURI.length));
          return found;
        }"""
    )
    return paths


def test_a_reload_without_a_network_shows_the_library_that_was_kept(equipped: Visitor) -> None:
    page = equipped.page
    equipped.context.set_offline(True)
    page.reload()
    expect(tile(page, "a heron")).to_be_visible()
    expect(page.get_by_text("You are offline")).to_be_visible()
    tile(page, "a fox").click()
    page.reload()
    expect(page.get_by_role("dialog", name="Image: a fox")).to_be_visible()
    page.keyboard.press("Escape")
    save(page, drawn("an otter"))
    expect_no_form(page)
    page.reload()
    expect(pending(page, "an otter")).to_be_visible()
    equipped.context.set_offline(False)
    expect(tile(page, "an otter")).to_be_visible()


def test_the_page_and_its_files_are_kept_and_nothing_of_a_user(equipped: Visitor) -> None:
    equipped.page.reload()
    expect(tiles(equipped.page)).to_have_count(2)
    paths = cached(equipped.page)
    assert "" in paths
    assert all(path == "" or path.startswith("assets/") for path in paths)


_REPLACE = """async () => {
  const [name] = await caches.keys();
  const cache = await caches.open(name);
  const headers = { "Content-Type": "text/html" };
  await cache.put(document.baseURI, new Response("<h1>An old gallery</h1>", { headers }));
  await cache.put(`${document.baseURI}assets/old.js`, new Response("old"));
}"""


def test_what_was_kept_is_never_shown_in_place_of_what_the_server_has(equipped: Visitor) -> None:
    """As after a redeployment; and what the last one had is thrown away."""
    page = equipped.page
    page.evaluate(_REPLACE)
    page.reload()
    expect(tiles(page)).to_have_count(2)
    equipped.wait_until(lambda: "assets/old.js" not in cached(page))
    equipped.context.set_offline(True)
    page.reload()
    expect(tiles(page)).to_have_count(2)
