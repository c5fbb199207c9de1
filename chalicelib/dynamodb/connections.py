"""HTTP/1.1 to one address, over connections that are kept: what a call to DynamoDB travels on.

Sockets and TLS are Python's own, the reading of answers is llhttp's (the parser of Node.js, by
httptools). docs/decisions/0011-the-engine.md says what was compared.
"""

import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from chalicelib.dynamodb.tls import Trust, the_system
from chalicelib.model.timing import within

CONNECT_SECONDS = 2.0
"""Seconds for opening a connection: looking up the name, connecting, TLS."""

REPLY_SECONDS = 2.0
"""Seconds for a request: from sending it until its whole answer has arrived."""

PRECISION = 0.01
"""Seconds by which a time-out may be off. Setting it exactly would cost a system call each time."""

MAX_KEPT = 50
CHUNK = 65_536

MAX_BYTES = 16 * 2**20
"""Of an answer, its head included. DynamoDB answers 1 MB of items at most, or 4 MB for the items
that a transaction found, and six bytes of JSON may stand for one of an item."""


Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
"""What `socket.getaddrinfo` answers."""


class TransportFailed(Exception):
    """There was no whole answer; the server may have acted on the request all the same."""


class Reply(NamedTuple):
    status: int
    body: bytes


class Connections:
    """`url` is an address without a path; `trust` is for https. Threads may share one."""

    def __init__(self, url: str, trust: Sequence[Trust] = (the_system,)) -> None:
        self._kept: list[socket.socket] = []
        parts = urlsplit(url)
        self.host = parts.netloc
        self._name = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._trust = list(trust) if parts.scheme == "https" else []
        self._widening = threading.Lock()
        self._tls: ssl.SSLContext | None = self._trust.pop(0)() if self._trust else None

    def post(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Sends a request and reads its answer; TransportFailed if that comes to nothing."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST / HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n"
        request = head.encode("latin-1") + body
        try:
            return self._exchange(request)
        except (OSError, HttpParserError, HttpParserUpgrade) as error:
            raise TransportFailed(type(error).__name__) from error

    def close(self) -> None:
        """Closes the connections that are not in use. A later call opens new ones."""
        while connection := self._pop():
            connection.close()

    def __del__(self) -> None:
        self.close()

    def _exchange(self, request: bytes) -> Reply:
        connection, is_kept = self._idle() or self._connect(), False
        until = time.monotonic() + REPLY_SECONDS
        try:
            send(connection, request, until)
            reply, is_kept = read(connection, until)
            return reply
        finally:
            if is_kept and len(self._kept) < MAX_KEPT:
                self._kept.append(connection)
            else:
                connection.close()

    def _idle(self) -> socket.socket | None:
        """Returns the connection that was used last and is still open; None if there is none."""
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
        """Connects; tries the next set of CAs where the server's certificate is not trusted."""
        while True:
            tls = self._tls
            try:
                return self._open(tls)
            except ssl.SSLCertVerificationError:
                if not self._is_widened(tls):
                    raise

    def _is_widened(self, tls: ssl.SSLContext | None) -> bool:
        """Whether a wider set of CAs is now active, whichever thread made it so."""
        with self._widening:
            if self._tls is tls and self._trust:
                self._tls = self._trust.pop(0)()
            return self._tls is not tls

    def _open(self, tls: ssl.SSLContext | None) -> socket.socket:
        until = time.monotonic() + CONNECT_SECONDS
        connection = connected(addresses_of(self._name, self._port, until), until)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wait_until(until, connection)
            return tls.wrap_socket(connection, server_hostname=self._name) if tls else connection
        except BaseException:
            connection.close()
            raise


def addresses_of(name: str, port: int, until: float) -> Sequence[Address]:
    """Looks up the name's addresses; OSError if that takes beyond `until` (monotonic clock)."""

    def look() -> Sequence[Address]:
        try:
            return socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except UnicodeError as error:  # of a name that is none
            raise socket.gaierror("name") from error

    return within(until - time.monotonic(), look)


def connected(addresses: Sequence[Address], until: float) -> socket.socket:
    """Connects to the first address that accepts; each address gets an equal share of the time."""
    failed: OSError = ConnectionError("no address")
    for turn, (family, kind, protocol, _name, address) in enumerate(addresses):
        connection = socket.socket(family, kind, protocol)
        try:
            now = time.monotonic()
            wait_until(now + (until - now) / (len(addresses) - turn), connection)
            connection.connect(address)
            return connection
        except OSError as error:
            connection.close()
            failed = error
    raise failed


class _Answer:
    """What llhttp finds in an answer. `is_kept` says whether the connection may be used again."""

    def __init__(self) -> None:
        self.parser = HttpResponseParser(self)
        self.parts: list[bytes] = []
        self.status = 0
        self.is_complete = False
        self.is_kept = False

    def on_message_begin(self) -> None:
        if self.is_complete:
            raise ConnectionError("more than was asked for")

    def on_body(self, part: bytes) -> None:
        self.parts.append(part)

    def on_message_complete(self) -> None:
        """An interim answer (1xx) does not count: the final one follows (RFC 9110, section
        15.2)."""
        self.status = self.parser.get_status_code()
        self.is_complete = self.status >= 200
        self.is_kept = self.parser.should_keep_alive()  # it is only known here


def send(connection: socket.socket, request: bytes, until: float) -> None:
    """Sends all of the request; OSError if that takes beyond `until` (monotonic clock).

    The `sendall` of TLS would begin its time-out anew with each piece that was taken.
    """
    left = memoryview(request)
    while left:
        wait_until(until, connection)
        left = left[connection.send(left) :]


def read(connection: socket.socket, until: float) -> tuple[Reply, bool]:
    """The answer, and whether the connection may be used again; OSError if it breaks off, is longer
    than any, or is not whole at that moment of the monotonic clock."""
    answer, most = _Answer(), MAX_BYTES
    while not answer.is_complete:
        wait_until(until, connection)
        received = connection.recv(CHUNK)
        if not received:
            raise ConnectionError("closed")
        most -= len(received)
        if most < 0:
            raise ConnectionError("too long")
        answer.parser.feed_data(received)
    return Reply(answer.status, b"".join(answer.parts)), answer.is_kept


def wait_until(moment: float, connection: socket.socket) -> None:
    """Sets the time-out of the connection's next step, so that it ends at that moment at the
    latest."""
    left = moment - time.monotonic()
    if left <= 0:
        raise TimeoutError("reply")
    set_before = connection.gettimeout()
    if set_before is None or abs(left - set_before) > PRECISION:
        connection.settimeout(left)


def is_readable(connection: socket.socket) -> bool:
    """Whether there is something to read that nobody asked for; usually that the server closed
    it."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))
