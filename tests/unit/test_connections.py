"""Connections that are kept: what a server may do with them, over real sockets."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from chalicelib import connections
from chalicelib.connections import Connections, TransportFailed
from chalicelib.trust import amazon_alone, the_system
from tests.support import wait_until
from tests.web import write_certificate

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
LAST = b"HTTP/1.1 500 No\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"

Serve = Callable[[socket.socket, bytes], bool]


class Server:
    """Answers requests as `serve` does, which says whether the connection stays."""

    def __init__(self, serve: Serve, reads: bool = True) -> None:
        self.requests: list[bytes] = []
        self.connected: list[socket.socket] = []
        self._serve = serve
        self._reads = reads
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _address = self._listener.accept()
                self.connected.append(connection)
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            while request := read_request(connection) if self._reads else b"unread":
                self.requests.append(request)
                if not self._serve(connection, request):
                    return

    def close(self) -> None:
        self._listener.close()
        for connection in self.connected:
            connection.close()


def read_request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65_536)
        if not more:
            return b""
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().rpartition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


@contextmanager
def serving(serve: Serve) -> Iterator[tuple[Server, Connections]]:
    server = Server(serve)
    pool = Connections(server.url)
    yield server, pool
    pool.close()
    server.close()


def answering(answer: bytes, stays: bool = True) -> Serve:
    def serve(connection: socket.socket, _request: bytes) -> bool:
        connection.sendall(answer)
        return stays

    return serve


@pytest.mark.parametrize("answer", [OK, CHUNKED], ids=["length", "chunked"])
def test_a_request_is_sent_and_its_answer_read(answer: bytes) -> None:
    with serving(answering(answer)) as (server, pool):
        reply = pool.post({"host": pool.host, "x-a": "b"}, "ü".encode())
    assert (reply.status, reply.body) == (200, b"{}")
    assert server.requests == [
        f"POST / HTTP/1.1\r\nhost: {pool.host}\r\nx-a: b\r\ncontent-length: 2\r\n\r\nü".encode()
    ]


def test_an_answer_in_many_pieces_is_put_together() -> None:
    body = b"0123456789" * 50_000

    def serve(connection: socket.socket, _request: bytes) -> bool:
        whole = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        for first in range(0, len(whole), 9_999):
            connection.sendall(whole[first : first + 9_999])
        return True

    with serving(serve) as (_server, pool):
        assert pool.post({}, b"").body == body


def test_a_connection_is_used_again() -> None:
    with serving(answering(OK)) as (server, pool):
        for _ in range(3):
            pool.post({}, b"")
        assert len(server.connected) == 1


def test_one_that_the_server_wants_to_close_is_not_used_again() -> None:
    with serving(answering(LAST)) as (server, pool):
        assert [pool.post({}, b"").status for _ in range(2)] == [500, 500]
        assert len(server.connected) == 2


def test_one_that_was_closed_meanwhile_is_not_used_again() -> None:
    """As after a while without a request, or when Lambda has frozen the process."""
    with serving(answering(OK, stays=False)) as (server, pool):
        pool.post({}, b"")
        wait_until(lambda: connections.is_readable(pool._kept[0]))
        assert pool.post({}, b"").status == 200
        assert len(server.connected) == 2


def test_threads_have_connections_of_their_own_and_answers_of_their_own() -> None:
    def echo(connection: socket.socket, request: bytes) -> bool:
        body = request.partition(b"\r\n\r\n")[2]
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        return True

    with serving(echo) as (server, pool), ThreadPoolExecutor(8) as threads:
        bodies = [f"{number}".encode() for number in range(400)]
        assert [reply.body for reply in threads.map(lambda b: pool.post({}, b), bodies)] == bodies
        assert len(server.connected) <= 8


BROKEN = {
    "closes at once": b"",
    "closes in the head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "closes in the body": b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}",
    "speaks another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_what_is_no_whole_answer_is_a_failure_and_its_connection_is_gone(answer: bytes) -> None:
    with serving(answering(answer, stays=False)) as (server, pool):
        for _ in range(2):
            with pytest.raises(TransportFailed):
                pool.post({}, b"")
        assert len(server.connected) == 2


def test_a_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REPLY_SECONDS", 0.05)
    silent = answering(b"HTTP/1.1 200 OK\r\n")
    with serving(silent) as (_server, pool), pytest.raises(TransportFailed, match="TimeoutError"):
        pool.post({}, b"")


def test_a_server_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is for the whole answer, not for each piece of it."""
    monkeypatch.setattr(connections, "REPLY_SECONDS", 0.2)

    def trickle(connection: socket.socket, _request: bytes) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"x-a: b\r\n")
            threading.Event().wait(0.01)

    with serving(trickle) as (_server, pool), pytest.raises(TransportFailed, match="TimeoutError"):
        pool.post({}, b"")


def test_where_nobody_listens_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(TransportFailed, match="ConnectionRefusedError"):
        Connections(f"http://127.0.0.1:{port}").post({}, b"")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of this machine by its usual names, with its key."""
    write_certificate(tmp_path / "certificate.pem")
    return tmp_path / "certificate.pem"


def over_tls(certificate: Path) -> Serve:
    """Serves a connection as https."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(connection: socket.socket, _request: bytes) -> bool:
        with context.wrap_socket(connection, server_side=True) as secured:
            read_request(secured)
            secured.sendall(OK)
        return False

    return serve


@pytest.mark.parametrize(
    ("host", "is_trusted", "fits"),
    [("127.0.0.1", True, True), ("127.0.0.1", False, False), ("127.1", True, False)],
    ids=["trusted", "nobody_is_believed", "of another name"],
)
def test_a_server_must_prove_that_it_is_the_one_asked_for(
    certificate: Path, host: str, is_trusted: bool, fits: bool
) -> None:
    narrow = partial(ssl.create_default_context, cafile=certificate)
    server = Server(over_tls(certificate), reads=False)
    url = server.url.replace("http://127.0.0.1", f"https://{host}")
    pool = Connections(url, [narrow if is_trusted else the_system])
    try:
        if fits:
            assert pool.post({}, b"{}").status == 200
        else:
            with pytest.raises(TransportFailed, match="SSLCertVerificationError"):
                pool.post({}, b"{}")
    finally:
        pool.close()
        server.close()


def test_one_that_the_first_circle_does_not_know_may_be_known_to_the_next(
    certificate: Path,
) -> None:
    """And is from then on believed at once: the wider circle stays."""
    wider = partial(ssl.create_default_context, cafile=certificate)
    server = Server(over_tls(certificate), reads=False)
    pool = Connections(server.url.replace("http", "https"), [amazon_alone, wider])
    try:
        assert [pool.post({}, b"{}").status for _ in range(2)] == [200, 200]
        assert len(server.connected) == 3
    finally:
        pool.close()
        server.close()
