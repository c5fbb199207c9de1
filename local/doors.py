"""Decides which requests the local server answers: those that ask for it by one of its own
addresses.

Any web page may make its visitor's browser ask this machine. A name of its own that it lets point
to 127.0.0.1 would even make it the same origin as this server ("DNS rebinding"); but then the
request's Host is that name.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

from chalicelib.api.answer import Answer
from chalicelib.api.problems import problem
from local.problems import local_problem

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
HTTP_PORT = 80
"""A browser leaves it out."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, 9.2.1)."""

_HOST = re.compile(r"([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_ABSOLUTE = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#]*)([^#]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """The parts of a request that say where it goes, and from which page it comes."""

    method: str
    target: str
    hosts: Sequence[str]
    origins: Sequence[str]


@dataclass(frozen=True, slots=True)
class Doors:
    """`hosts` are this server's, in lower case and with their port.

    `pages` are the origins of other sites whose pages may ask it for changes.
    """

    hosts: frozenset[str]
    pages: frozenset[str]

    @classmethod
    def of(cls, port: int, named: str, pages: Collection[str]) -> Self:
        """`named` lists further hosts, by commas. ValueError if one is none."""
        own = {f"{host}:{port}" for host in LOOPBACK}
        bare = set(LOOPBACK) if port == HTTP_PORT else set()
        return cls(frozenset(own | bare | _named(named)), frozenset(pages))

    @property
    def origins(self) -> frozenset[str]:
        """This server's own, as its pages have them. A named host may stand for a proxy's https."""
        return frozenset(
            f"{scheme}://{host}" for scheme in ("http", "https") for host in self.hosts
        )

    def refusal(self, asked: Asked) -> Answer | None:
        """Returns the problem for a request that is not for this server, or not from its pages;
        None for others."""
        if len(asked.hosts) != 1 or len(asked.origins) > 1:
            return problem("bad-request")
        authority, _ = split(asked.target)
        called = {asked.hosts[0], asked.hosts[0] if authority is None else authority}
        if not {host.strip().lower() for host in called} <= self.hosts:
            return local_problem("misdirected-request")
        if asked.method in SAFE or self.origins | self.pages >= set(asked.origins):
            return None
        return local_problem("foreign-origin")


def split(target: str) -> tuple[str | None, str]:
    """A request's target as authority, if it is an absolute URL, and path with query.

    With a scheme that is not HTTP's the authority is no host of anybody's.
    """
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        return None, target
    scheme, authority, rest = absolute.groups()
    is_http = scheme.lower() in ("http", "https")
    path = rest if rest.startswith("/") else f"/{rest}"
    return authority if is_http else f"{scheme}://{authority}", path


def _named(named: str) -> set[str]:
    hosts = {host.strip() for host in named.lower().split(",") if host.strip()}
    for host in hosts:
        if _HOST.fullmatch(host) is None:
            raise ValueError(
                f"HOSTS has {host!r}, which is no host. List them as the browser's address shows "
                "them, with the port if there is one: HOSTS=my.example,localhost:9000"
            )
    return hosts
