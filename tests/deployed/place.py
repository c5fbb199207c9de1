"""The deployed stack as a place where people look at the gallery with a browser."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, Route

from chalicelib.model.entries import UserId
from chalicelib.model.user_keys import user_id
from local.placeholder_images import DRAWN, PATH
from local.placeholder_images import drawn as drawn_at
from tests.browser.place import Tables, origin
from tests.deployed.people import PASSWORD, Directory
from tests.deployed.stack import Stack


@dataclass(frozen=True)
class Deployed:
    """`subjects` has those who came already, by their names; others are new to the directory."""

    stack: Stack
    directory: Directory
    token_endpoint: str
    subjects: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.stack.gallery.rstrip("/")

    @property
    def api(self) -> str:
        return self.stack.url

    @property
    def issuer(self) -> str:
        return origin(self.token_endpoint)

    @property
    def drawn(self) -> str:
        return DRAWN

    @property
    def many(self) -> int:
        """For each page the emulator looks at all of a partition: with 10,000 it takes a second."""
        return 2000

    def open(self, browser: Browser, **settings: Any) -> BrowserContext:
        """One that takes the issuer's certificate, and draws what no server draws here."""
        context = browser.new_context(ignore_https_errors=True, **settings)
        context.route(f"{DRAWN}**", draw)
        return context

    def client(self, name: str) -> httpx.Client:
        self._subject(name)
        return self.directory.client(name, self.stack.url)

    def identify(self, page: Page, name: str) -> None:
        self._subject(name)
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()

    def sign_out(self, page: Page) -> None:
        with page.expect_navigation(url=f"{self.url}/"):
            page.get_by_role("button", name="Sign out").click()

    def user(self, name: str) -> UserId:
        return user_id(self.directory.issuer, self._subject(name))

    def tables(self) -> Tables:
        names = self.stack.outputs()
        dynamodb = self.stack.emulator.client("dynamodb")
        return Tables(dynamodb, names["PrimaryTableName"], names["PartitionTableName"])

    def _subject(self, name: str) -> str:
        if name not in self.subjects:
            self.subjects[name] = self.directory.add(name)
        return self.subjects[name]


def draw(route: Route) -> None:
    asked = urlsplit(route.request.url)
    (prompt,) = parse_qs(asked.query)["prompt"]
    picture = drawn_at(PATH + asked.path.lstrip("/"), prompt)
    route.fulfill(body=picture, content_type="image/svg+xml")
