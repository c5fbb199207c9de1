"""HTTP/1.1 to one address, over connections that are kept: what a call to DynamoDB travels on.

Sockets and TLS are Python's own, the reading of answers is llhttp's (the parser of Node.js, by
httptools). docs/decisions/0011-the-engine.md says what was compared.
"""

import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser

from chalicelib.trust import Trust, the_system

CONNECT_SECONDS = 1.0
"""For TCP, and again for TLS."""

REPLY_SECONDS = 2.0
"""From when a request is sent until its whole answer is here."""

MOST_KEPT = 50
CHUNK = 65_536


class TransportFailed(Exception):
    """There was no whole answer; the server may have acted on the request all the same."""


class Reply(NamedTuple):
    status: int
    body: bytes


class Connections:
    """`url` is an address without a path; `trust` is for https. Threads may share one."""

    def __init__(self, url: str, trust: Sequence[Trust] = (the_system,)) -> None:
        parts = urlsplit(url)
        self._kept: deque[socket.socket] = deque(maxlen=MOST_KEPT)
        self.host = parts.netloc
        self._name = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._trust = list(trust) if parts.scheme == "https" else []
        self._tls: ssl.SSLContext | None = self._trust.pop(0)() if self._trust else None

    def post(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Sends a request and reads its answer; TransportFailed if that comes to nothing."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST / HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n"
        try:
            return self._exchange(head.encode("latin-1") + body)
        except (OSError, HttpParserError) as error:
            raise TransportFailed(type(error).__name__) from error

    def close(self) -> None:
        """Those that are not in use; a later call connects anew."""
        while connection := self._pop():
            connection.close()

    def __del__(self) -> None:
        self.close()

    def _exchange(self, request: bytes) -> Reply:
        connection, is_kept = self._idle() or self._connect(), False
        try:
            connection.sendall(request)
            reply, is_kept = read(connection)
            return reply
        finally:
            if is_kept:
                self._kept.append(connection)
            else:
                connection.close()

    def _idle(self) -> socket.socket | None:
        """The one used last that the server has not closed meanwhile."""
        while connection := self._pop():
            if not is_readable(connection):
                return connection
            connection.close()
        return None

    def _pop(self) -> socket.socket | None:
        with suppress(IndexError):
            return self._kept.pop()
        return None

    def _connect(self) -> socket.socket:
        """Where the server's certificate is not believed, the next circle of trust is tried."""
        while True:
            try:
                return self._open()
            except ssl.SSLCertVerificationError:
                if not self._trust:
                    raise
                self._tls = self._trust.pop(0)()

    def _open(self) -> socket.socket:
        connection = socket.create_connection((self._name, self._port), CONNECT_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            connection = self._tls.wrap_socket(connection, server_hostname=self._name)
        connection.settimeout(REPLY_SECONDS)
        return connection


class _Answer:
    """What llhttp finds in an answer. `is_kept` says whether the connection may be used again."""

    def __init__(self) -> None:
        self.parser = HttpResponseParser(self)
        self.parts: list[bytes] = []
        self.is_complete = False
        self.is_kept = False

    def on_body(self, part: bytes) -> None:
        self.parts.append(part)

    def on_message_complete(self) -> None:
        self.is_complete = True
        self.is_kept = self.parser.should_keep_alive()  # it is only known here


def read(connection: socket.socket) -> tuple[Reply, bool]:
    """The answer, and whether the connection may be used again; OSError if it breaks off."""
    until = time.monotonic() + REPLY_SECONDS
    answer = _Answer()
    while not answer.is_complete:
        received = connection.recv(CHUNK)
        if not received:
            raise ConnectionError("closed")
        answer.parser.feed_data(received)
        if time.monotonic() > until:  # a time-out is for one piece, and there may be many
            raise TimeoutError("reply")
    return Reply(answer.parser.get_status_code(), b"".join(answer.parts)), answer.is_kept


def is_readable(connection: socket.socket) -> bool:
    """Whether something came that nobody asked for: its end, as a rule."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
