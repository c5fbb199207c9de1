"""Requests for any route: proper ones, nearly proper ones and hostile ones, the same for a seed.

A request may name others in every place but one: what the app takes as the caller's own content
(an image's fields, an Idempotency-Key) never holds another's marks, so that wherever such a mark
turns up afterwards, it is a leak.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tests.isolation.asked import READING, Asked, Pairs, Route
from tests.isolation.people import People, Person, others

T = TypeVar("T")

MAX_CURSOR = 2**53 - 1
PARAMETERS = ("limit", "before", "after", "at_least", "cursors", "at", "mark")
IDENTITY_NAMES = ("user", "userId", "user_id", "sub", "principalId", "owner", "username", "tenant")
IDENTITY_HEADERS = (
    "X-User",
    "X-User-Id",
    "X-Principal-Id",
    "X-Forwarded-User",
    "X-Remote-User",
    "X-Amzn-Oidc-Identity",
    "X-Amzn-Oidc-Data",
    "X-Authorization",
    "Proxy-Authorization",
    "X-Api-Key",
    "From",
    "User",
    "principalId",
)
OTHER_HEADERS: Pairs = (
    ("X-HTTP-Method-Override", "DELETE"),
    ("X-Original-URL", "/api/images/1"),
    ("X-Rewrite-URL", "/api/images?before=41"),
    ("X-Forwarded-Prefix", "/other"),
    ("Range", "bytes=0-10"),
    ("Accept", "*/*;q=0"),
    ("Cache-Control", "only-if-cached"),
    ("If-Modified-Since", "Mon, 01 Jan 2035 00:00:00 GMT"),
)
ODD_NUMBERS = (
    *("0", "-1", "+1", "007", "1.0", "1e3", "1_0", " 1", "1 ", "0x1", "", "null", "*", "NaN"),
    *("１", "٣", "४", "²", "1\u200b", "%31", "%2e%2e", "../1", "1/../2", "1;2", "1,2", "1\x00"),
    *(str(MAX_CURSOR), str(MAX_CURSOR + 1), str(2**64), "9" * 16, "9" * 400, "changes", "batch"),
)
TYPES = (
    "text/plain",
    "application/json; charset=latin-1",
    "multipart/form-data",
    "",
    "APPLICATION/JSON",
)
IDEMPOTENCY_KEYS = tuple(f"shared-key-{number}" for number in range(40))
ODD_KEYS = ("", " ", "ключ", "k" * 255, "k" * 256, "*")
ODD_BODIES = (
    *(b"", b" ", b"null", b"[]", b"[1]", b'"text"', b"{", b'{"images":[]}', b'{"images":{}}'),
    *(b'{"cursor":1}', b'{"cursors":[1,2,41]}', b"\xff\xfe", b"\xef\xbb\xbf{}", b'{"a":NaN}'),
    *(
        b'{"prompt":"a","prompt":"b","imageUrl":"https://i.example/"}',
        b"[" * 5000,
        b'{"\\ud800":1}',
    ),
)
UNROUTED = ("PUT", "PATCH", "HEAD", "OPTIONS", "LOCK")
"""Methods that no route has: whoever asks, they do nothing."""


@dataclass(frozen=True)
class Tagged:
    """A request that was answered with an entity tag, and whose it was."""

    asked: Asked
    owner: Person
    etag: str


class Generator:
    """Shares what it remembers of answers, so that one's entity tags are tried by another."""

    def __init__(self, seed: int, people: People) -> None:
        self._random = random.Random(seed)
        self._people = people
        self._tagged: dict[Route, list[Tagged]] = {}

    def plan(self, all_routes: Sequence[Route], each: int) -> list[tuple[Route, Person]]:
        """Every route for every person so many times, in a random order."""
        steps = [(route, person) for route in all_routes for person in self._people] * each
        self._random.shuffle(steps)
        return steps

    def remember(self, asked: Asked, caller: Person, etag: str | None) -> None:
        if etag is not None:
            kept = self._tagged.setdefault(asked.route, [])
            kept.append(Tagged(asked, caller, etag))
            del kept[:-60]

    def request(self, route: Route, caller: Person) -> Asked:
        """The next request of this caller for the route."""
        if self._tagged.get(route) and self._chance(0.2):
            return self._revalidation(route)
        asked = Asked(
            route,
            path=tuple((name, self._number(caller, proper=0.2)) for name in route.parameters),
            query=self._query(route, caller),
            headers=self._headers(route, caller),
            body=self._body(route, caller),
        )
        return replace(asked, method=self._pick(UNROUTED)) if self._chance(0.02) else asked

    def _revalidation(self, route: Route) -> Asked:
        """An earlier request, maybe another's, with the tag that was its answer's."""
        earlier = self._pick(self._tagged[route])
        kept = tuple(pair for pair in earlier.asked.headers if pair[0].lower() != "if-none-match")
        return replace(earlier.asked, headers=(*kept, ("If-None-Match", earlier.etag)))

    # Parts of a request

    def _query(self, route: Route, caller: Person) -> Pairs:
        lists = route.method in READING and not route.parameters
        if self._chance(0.15 if lists else 0.85):
            return ()
        if self._chance(0.4):
            return (("limit", str(self._random.randint(1, 9))),)
        pairs = [
            (name, self._number(caller))
            for name in self._random.sample(PARAMETERS, self._pick((1, 1, 1, 2)))
        ]
        if self._chance(0.08):
            pairs.append((self._pick(IDENTITY_NAMES), self._another(caller)))
        if self._chance(0.06):
            pairs.append((pairs[0][0], self._number(caller)))
        return tuple(pairs)

    def _headers(self, route: Route, caller: Person) -> Pairs:
        kind = self._pick(TYPES) if self._chance(0.05) else "application/json"
        pairs = [("content-type", kind)]
        if self._chance(0.35):
            pairs.append((self._pick(IDENTITY_HEADERS), self._another(caller)))
        if self._chance(0.1):
            pairs.append(self._pick(OTHER_HEADERS))
        if self._chance(0.05):
            pairs.append(("Cookie", f"user={self._another(caller)}"))
        if self._chance(0.06):
            other = self._pick(others(self._people, caller))
            pairs.append(("Authorization", self._pick(other.forgeries)))
        if route.method == "POST" and self._chance(0.3):
            odd = self._chance(0.1)
            pairs.append(("Idempotency-Key", self._pick(ODD_KEYS if odd else IDEMPOTENCY_KEYS)))
        if route.method in READING and self._chance(0.1):
            pairs.append(("If-None-Match", self._tag()))
        return tuple(pairs)

    def _tag(self) -> str:
        known = [tagged.etag for kept in self._tagged.values() for tagged in kept]
        several = ", ".join(known[-10:])
        return self._pick(("*", '"none"', "W/", several, *known[-20:]))

    def _number(self, caller: Person, proper: float = 0.5) -> str:
        """A cursor that somebody has, about so often; or anything else."""
        odds: Sequence[tuple[float, Callable[[], str]]] = (
            (proper * 0.7, lambda: str(self._random.randint(1, 12))),
            (proper, lambda: str(self._random.randint(1, 260))),
            (proper + 0.1, self._edge),
            (proper + 0.2, lambda: self._another(caller)),
            (1.0, lambda: self._pick(ODD_NUMBERS)),
        )
        drawn = self._random.random()
        return next(make() for bound, make in odds if drawn < bound)

    def _edge(self) -> str:
        """A cursor about somebody's tail."""
        return str(self._pick(self._people).tail + self._pick((-1, 0, 1, 2)))

    def _another(self, caller: Person) -> str:
        """A word for somebody else."""
        other = self._pick(others(self._people, caller))
        return self._pick((other.user, other.name, other.token, f"Bearer {other.token}"))

    def _body(self, route: Route, caller: Person) -> bytes | None:
        if route.method in READING and self._chance(0.9):
            return None
        makers = (
            *(self._image, self._image, self._batch, self._batch, self._nothing, self._nothing),
            *(self._naming, self._naming_within, self._odd),
        )
        return self._pick(makers)(caller)

    def _image(self, caller: Person) -> bytes:
        return json_bytes(self._valid(caller))

    def _batch(self, caller: Person) -> bytes:
        return json_bytes({"images": [self._valid(caller) for _ in range(self._pick((1, 2, 3)))]})

    def _nothing(self, _caller: Person) -> bytes | None:
        return self._pick((None, b"{}", b""))

    def _naming(self, caller: Person) -> bytes:
        """What a save or a sync takes, and another's name beside it."""
        inner = self._pick((self._valid(caller), {"images": [self._valid(caller)]}, {}))
        return json_bytes({**inner, self._pick(IDENTITY_NAMES): self._another(caller)})

    def _naming_within(self, caller: Person) -> bytes:
        """A batch of which one image names another."""
        foreign = {**self._valid(caller), self._pick(IDENTITY_NAMES): self._another(caller)}
        context = {"authorizer": {"principalId": self._another(caller)}}
        extra = {"requestContext": context} if self._chance(0.3) else {}
        return json_bytes({"images": [self._valid(caller), foreign], **extra})

    def _odd(self, _caller: Person) -> bytes:
        return self._pick(ODD_BODIES)

    def _valid(self, caller: Person) -> dict[str, Any]:
        extras: tuple[dict[str, Any], ...] = (
            {},
            {"seed": "7"},
            {"seed": MAX_CURSOR},
            {"steps": 30},
        )
        return {**caller.image(self._random.randint(1000, 9999)), **self._pick(extras)}

    # Chance

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _pick(self, among: Sequence[T]) -> T:
        return self._random.choice(among)


def json_bytes(value: object) -> bytes:
    return json.dumps(value).encode()
