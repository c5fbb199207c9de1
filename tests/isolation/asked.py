"""What is asked of the app and what it answers, as values; and the app's routes, as they are."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import app as app_module

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    is_public: bool

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)\+?}", self.path)

    def filled(self, values: Mapping[str, str]) -> str:
        """The path with a value for each parameter."""
        return self.path.replace("+}", "}").format(**values)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


READING = ("GET", "HEAD")
"""The methods that change nothing."""


def routes() -> list[Route]:
    """Every route that the app declares: a new one is asked like the others."""
    return [
        Route(method, path, entry.authorizer is None)
        for path, entries in app_module.app.routes.items()
        for method, entry in entries.items()
    ]


@dataclass(frozen=True)
class Asked:
    """A request. `path` has the values of the route's parameters; names may come twice."""

    route: Route
    path: Pairs = ()
    query: Pairs = ()
    headers: Pairs = (("content-type", "application/json"),)
    body: bytes | None = None
    method: str = ""

    @property
    def verb(self) -> str:
        return self.method or self.route.method

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


@dataclass(frozen=True)
class Answer:
    """All that an answer tells. Header names are in small letters, sorted."""

    status: int
    headers: Pairs
    body: str

    @property
    def text(self) -> str:
        return f"{self.status} {self.headers} {self.body}"

    @property
    def etag(self) -> str | None:
        return dict(self.headers).get("etag")

    def json(self) -> Any:
        return json.loads(self.body) if self.body else None
