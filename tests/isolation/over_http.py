"""The same requests over HTTP, on a connection of one's own: for what no client library sends."""

import http.client
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import quote

from tests.isolation.asked import Answer, Asked
from tests.isolation.people import Person

CHANGING = {"date"}
"""Headers that tell the time, and nothing of what was asked."""


class Connection:
    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def answer(self, asked: Asked, caller: Person) -> Answer:
        self._send(asked, caller)
        with closing(self._connection.getresponse()) as response:
            body = response.read().decode()
            found = [(name.lower(), value) for name, value in response.getheaders()]
        headers = tuple(sorted(pair for pair in found if pair[0] not in CHANGING))
        return Answer(response.status, headers, body)

    def _send(self, asked: Asked, caller: Person) -> None:
        self._connection.putrequest(asked.verb, target(asked), skip_accept_encoding=True)
        for name, value in asked.headers:
            self._connection.putheader(name, value.encode())
        if asked.header("authorization") is None and not asked.route.is_public:
            self._connection.putheader("Authorization", f"Bearer {caller.token}")
        if asked.body is not None:
            self._connection.putheader("Content-Length", str(len(asked.body)))
        self._connection.endheaders(asked.body)


@contextmanager
def connected(port: int) -> Iterator[Connection]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        yield Connection(connection)


def target(asked: Asked) -> str:
    """The request line's path and query; each value is one segment, whatever it holds."""
    path = asked.route.filled({name: quote(value, safe="") for name, value in asked.path})
    query = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in asked.query)
    return f"{path}?{query}" if query else path
