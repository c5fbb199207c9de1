"""Someone at a browser: a context of its own, watched for all that must never happen."""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Locator,
    Page,
    Request,
    Route,
    expect,
)

from local.placeholder_images import picture as draw
from local.placeholder_images import url as drawn_url
from tests.api.support import library, sync
from tests.browser.place import Place, origin

ELSEWHERE = "images.example"
"""The host of images that stand elsewhere; tests answer for it."""

HOME = "/dashboard/images"

_REPORT = """document.addEventListener("securitypolicyviolation", (violation) =>
    console.error(`Content Security Policy: ${violation.violatedDirective}`));"""


@dataclass
class Visitor:
    """A browser of somebody. `page` is its first tab; `requests` is all that it asked for."""

    server: Place
    context: BrowserContext
    page: Page
    requests: list[Request] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    @classmethod
    def arriving(cls, server: Place, context: BrowserContext) -> "Visitor":
        visitor = cls(server, context, context.new_page())
        context.add_init_script(_REPORT)
        context.on("request", visitor._asks)
        context.on("console", visitor._reads)
        context.on("dialog", visitor._is_asked)
        context.on("weberror", lambda error: visitor.troubles.append(str(error.error)))
        return visitor

    def _asks(self, request: Request) -> None:
        self.requests.append(request)
        known = origin(request.url) in (origin(self.server.url), self.server.issuer)
        if not known and not self._is_picture(request):
            self.troubles.append(f"asked another host: {request.url}")
        if re.search(r"eyJ[\w-]{20,}\.", request.url):
            self.troubles.append(f"a token in an address: {request.url}")

    def _is_picture(self, request: Request) -> bool:
        is_elsewhere = urlsplit(request.url).hostname == ELSEWHERE
        is_there = is_elsewhere or request.url.startswith(self.server.drawn)
        return is_there and request.resource_type == "image"

    def _is_asked(self, dialog: Dialog) -> None:
        self.troubles.append(f"a script asked: {dialog.message}")
        dialog.dismiss()

    def _reads(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.troubles.append(message.text)

    def sign_in(self, name: str, page: Page | None = None) -> "Visitor":
        """Through the pages that people see, until the library is there."""
        page = page or self.page
        page.goto(f"{self.server.url}/")
        page.get_by_role("button", name="Sign in").click()
        self.server.identify(page, name)
        page.wait_for_url(f"{self.server.url}{HOME}")
        expect(user_menu(page)).to_be_visible()
        return self

    def sign_out(self) -> None:
        user_menu(self.page).click()
        self.server.sign_out(self.page)

    def asked(self, method: str, path: str) -> list[Request]:
        """The requests to an address of the API; `path` is a pattern of all of it and its query."""
        return [
            request
            for request in self.requests
            if request.method == method
            and re.fullmatch(path, request.url.removeprefix(f"{self.server.url}/api"))
        ]

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Looks again and again, for 60 seconds, while the browser's requests go on."""
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, "it did not come"
            self.page.wait_for_timeout(20)

    def answers(self, pattern: str, answer: Callable[[Route], None], **times: int) -> None:
        """Has a function answer what is asked under a path of the server."""
        self.context.route(f"{self.server.url}{pattern}", answer, **times)

    def holds(self, pattern: str) -> "Held":
        """Holds back what is asked under a path of the server."""
        held = Held()
        self.answers(pattern, lambda route: held.take(route))
        return held

    def answered_in_vain(self, route: Route) -> int:
        """Has the server answer a request of the page, which never learns of it; the status."""
        url = route.request.url.replace(self.server.url, self.server.api)
        return route.fetch(url=url).status

    def allow(self, pattern: str) -> None:
        self.context.unroute(f"{self.server.url}{pattern}")

    def shows_images_elsewhere(self, answer: Callable[[Route], None] | None = None) -> None:
        """Answers for the images that stand elsewhere: with a picture unless told how."""
        picture = {"content_type": "image/svg+xml", "body": draw("elsewhere", 1, 600, 400)}
        self.context.route(
            f"https://{ELSEWHERE}/**", answer or (lambda route: route.fulfill(**picture))
        )


Arrive = Callable[..., Visitor]
"""Somebody comes with a browser of their own; what it takes are a Playwright context's settings."""


@dataclass
class Held:
    """Requests that have not reached the server yet."""

    routes: list[Route] = field(default_factory=list)
    released: bool = False

    def take(self, route: Route) -> None:
        if self.released:
            route.continue_()
        else:
            self.routes.append(route)

    def release(self) -> None:
        """Lets them go, and all that come later."""
        self.released = True
        for route in self.routes:
            route.continue_()


def user_menu(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile("^Signed in as "))


def grid(page: Page) -> Locator:
    return page.get_by_role("list", name=re.compile("^Images"))


def tiles(page: Page) -> Locator:
    return grid(page).get_by_role("listitem")


def tile(page: Page, prompt: str) -> Locator:
    """The one of a saved image."""
    return grid(page).get_by_role("link", name=prompt, exact=True)


def pending(page: Page, prompt: str) -> Locator:
    """The one of a save that is not confirmed."""
    return grid(page).get_by_role("group", name=f"Not saved yet: {prompt}")


def come_to_rest(page: Page) -> None:
    """Waits until all pictures in and near the view are there, and no tile moves any more."""
    expect(page.locator(".picture:not([data-state=here])")).to_have_count(0)
    page.evaluate(_REST)


_REST = """async () => {
  for (let before, same = 0; same < 30; ) {
    await new Promise((resolve, reject) => {
      requestAnimationFrame(resolve);
      setTimeout(reject, 20_000, "no frame came");
    });
    const at = [...document.querySelectorAll(".tile")].map((tile) =>
      tile.dataset.key + JSON.stringify(tile.getBoundingClientRect()));
    same = String(at) === before ? same + 1 : 0;
    before = String(at);
  }
}"""


def drawn(prompt: str, seed: int = 1, **members: Any) -> dict[str, Any]:
    """An image to save, whose picture is drawn."""
    return {"prompt": prompt, "imageUrl": drawn_url(prompt, seed, 768, 512), **members}


def fill(client: httpx.Client, *names: str) -> None:
    """Saves an image for each prompt, the newest last."""
    images = [drawn(prompt) for prompt in names]
    client.post("/api/images/batch", json={"images": images}).raise_for_status()
    sync(client)


def saved(client: httpx.Client) -> list[dict[str, Any]]:
    """All of the user's images, newest first, also those that reads did not show yet."""
    sync(client)
    return library(client)


def open_form(page: Page) -> Locator:
    page.get_by_role("banner").get_by_role("button", name="Save image").click()
    return page.get_by_role("dialog", name="Save images")


def fill_form(page: Page, image: Mapping[str, Any]) -> Locator:
    """Opens the form and fills it in; answers it."""
    form = open_form(page)
    labels = {"prompt": "Prompt", "imageUrl": "Image address", "model": "Model", "seed": "Seed"}
    for member, label in {**labels, "steps": "Steps"}.items():
        if member in image:
            form.get_by_label(label).fill(str(image[member]))
    return form


def save(page: Page, image: Mapping[str, Any]) -> None:
    fill_form(page, image).get_by_role("button", name="Save", exact=True).click()


def expect_no_form(page: Page) -> None:
    """It closes by a step back in the history, which would end a reload of the page."""
    expect(page.get_by_role("dialog", name="Save images")).to_have_count(0)


def kept(page: Page) -> str:
    """All that the page's origin keeps on this device, as JSON."""
    return str(page.evaluate(_KEPT))


_KEPT = """async () => {
  const done = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const found = [{ ...localStorage }, { ...sessionStorage }];
  for (const { name } of await indexedDB.databases()) {
    const database = await done(indexedDB.open(name));
    for (const store of database.objectStoreNames) {
      found.push(await done(database.transaction(store).objectStore(store).getAll()));
    }
    database.close();
  }
  return JSON.stringify(found);
}"""


def problem(status: int, code: str) -> dict[str, Any]:
    """What `Route.fulfill` takes to answer with this problem."""
    members = {"title": code, "detail": f"This is {code}.", "status": status, "code": code}
    body = json.dumps({"type": f"urn:problem-type:image-storage:{code}", **members})
    return {"status": status, "content_type": "application/problem+json", "body": body}


def prompts(images: Sequence[Mapping[str, Any]]) -> list[str]:
    return [image["prompt"] for image in images]
