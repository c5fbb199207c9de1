"""Where the gallery stands: what its tests need to know of the server whose pages they look at."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Browser, BrowserContext, Page

from chalicelib.model.entries import UserId
from chalicelib.model.user_keys import user_id
from local.issuer import ISSUER
from tests.api.server import Server
from tests.api.support import database


class Tables(NamedTuple):
    """The names of two, and a client of the database that has them."""

    dynamodb: Any
    primary: str
    partition: str


class Place(Protocol):
    @property
    def url(self) -> str:
        """The gallery's root, to browsers; without the slash at its end."""

    @property
    def api(self) -> str:
        """The same to other programs: browsers know more names of this machine than those do."""

    @property
    def issuer(self) -> str:
        """The origin of the pages on which one signs in."""

    @property
    def drawn(self) -> str:
        """How the addresses begin that drawn pictures are fetched at."""

    @property
    def many(self) -> int:
        """How many images a large library has."""

    def open(self, browser: Browser, **settings: Any) -> BrowserContext:
        """A context in which its pages can be looked at."""

    def client(self, name: str) -> httpx.Client:
        """One that is signed in as the user of that name."""

    def identify(self, page: Page, name: str) -> None:
        """Says on the issuer's page who one is: whoever asks to sign in is led there."""

    def sign_out(self, page: Page) -> None:
        """Presses the button; comes back from the issuer, should it lead there."""

    def user(self, name: str) -> UserId: ...

    def tables(self) -> Tables: ...


@dataclass(frozen=True)
class Local:
    """The development server, which is its own issuer."""

    server: Server

    @property
    def url(self) -> str:
        return self.server.url

    api = issuer = url

    @property
    def drawn(self) -> str:
        return f"{self.server.url}/drawn/"

    @property
    def many(self) -> int:
        return 10_000

    def open(self, browser: Browser, **settings: Any) -> BrowserContext:
        return browser.new_context(**settings)

    def client(self, name: str) -> httpx.Client:
        return self.server.client(name)

    def identify(self, page: Page, name: str) -> None:
        page.get_by_label("Sign in as").fill(name)
        page.get_by_role("button", name="Sign in").click()

    def sign_out(self, page: Page) -> None:
        page.get_by_role("button", name="Sign out").click()

    def user(self, name: str) -> UserId:
        return user_id(ISSUER, name)

    def tables(self) -> Tables:
        environ = self.server.environ()
        return Tables(database(self.server), environ["PRIMARY_TABLE"], environ["PARTITION_TABLE"])


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
