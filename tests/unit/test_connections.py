"""Connections that are kept: what a server may do with them, over real sockets."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from chalicelib.dynamodb import connections
from chalicelib.dynamodb.connections import Connections, TransportFailed
from chalicelib.dynamodb.tls import amazon_alone, the_system
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


def answer_with(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body


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
        connection.sendall(answer_with(request.partition(b"\r\n\r\n")[2]))
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


INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"


@pytest.mark.parametrize("interim", [INTERIM, HINTS, INTERIM + HINTS], ids=["100", "103", "both"])
def test_an_interim_answer_is_not_taken_for_the_answer(interim: bytes) -> None:
    """However long the answer itself takes; nor the answer for that of the next request."""

    def serve(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(interim)
        asked.wait(0.05)  # so that it comes by itself
        connection.sendall(answer_with(request.partition(b"\r\n\r\n")[2]))
        return True

    asked = threading.Event()
    with serving(serve) as (server, pool):
        replies = [pool.post({}, body) for body in (b"one", b"two")]
        assert [(reply.status, reply.body) for reply in replies] == [(200, b"one"), (200, b"two")]
        assert len(server.connected) == 1


@pytest.mark.parametrize("surplus", [OK, OK[:10], b"x"], ids=["whole", "in part", "no answer"])
def test_more_than_one_answer_is_none(surplus: bytes) -> None:
    """What came unasked could be taken for the answer of the next request."""
    with serving(answering(OK + surplus)) as (server, pool):
        for _ in range(2):
            with pytest.raises(TransportFailed):
                pool.post({}, b"")
        assert len(server.connected) == 2


def test_an_upgrade_is_a_failure() -> None:
    upgrade = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"
    with serving(answering(upgrade)) as (_server, pool), pytest.raises(TransportFailed):
        pool.post({}, b"")


def test_an_answer_that_comes_too_late_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection is gone, so it cannot be taken for that of the next request."""
    monkeypatch.setattr(connections, "REPLY_SECONDS", 0.2)
    is_late = threading.Event()

    def serve(connection: socket.socket, request: bytes) -> bool:
        body = request.partition(b"\r\n\r\n")[2]
        if body == b"one":
            is_late.wait(10)
        connection.sendall(answer_with(body))
        return True

    with serving(serve) as (server, pool):
        with pytest.raises(TransportFailed, match="TimeoutError"):
            pool.post({}, b"one")
        is_late.set()
        assert pool.post({}, b"two").body == b"two"
        assert len(server.connected) == 2


def in_pieces(*pieces: bytes) -> Serve:
    """Sends one a tenth of a second after the other."""

    def serve(connection: socket.socket, _request: bytes) -> bool:
        for piece in pieces:
            connection.sendall(piece)
            threading.Event().wait(0.1)
        return True

    return serve


@pytest.mark.parametrize(
    "serve",
    [
        answering(b"HTTP/1.1 200 OK\r\n"),
        in_pieces(b"HTTP/1.1 200 OK\r\n", *[b"x-a: b\r\n"] * 50),
        in_pieces(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n", *[b"x"] * 50),
    ],
    ids=["says nothing more", "trickles its head", "trickles its body"],
)
def test_an_answer_is_waited_for_so_long_and_no_longer(
    monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    """The time is for the whole of it, not for each piece."""
    monkeypatch.setattr(connections, "REPLY_SECONDS", 0.25)
    began = time.monotonic()
    with serving(serve) as (_server, pool), pytest.raises(TransportFailed, match="TimeoutError"):
        pool.post({}, b"")
    assert time.monotonic() - began < 3  # of the five that the pieces take


def test_a_request_that_nobody_takes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REPLY_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pool = Connections(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(TransportFailed, match="TimeoutError"):
            pool.post({}, b"x" * 50_000_000)


def test_only_so_many_are_kept_and_none_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_KEPT", 2)
    everybody = threading.Barrier(5)

    def serve(connection: socket.socket, _request: bytes) -> bool:
        everybody.wait(30)
        connection.sendall(OK)
        return True

    with serving(serve) as (server, pool), ThreadPoolExecutor(5) as threads:
        list(threads.map(lambda _number: pool.post({}, b""), range(5)))
        assert len(server.connected) == 5
        assert len(pool._kept) == 2


def test_where_nobody_listens_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(TransportFailed, match="ConnectionRefusedError"):
        Connections(f"http://127.0.0.1:{port}").post({}, b"")


def test_a_name_that_is_never_resolved_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's look for a name knows no time-out of its own."""
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 0.2)
    is_over = threading.Event()

    def never(*_args: object, **_more: object) -> list[object]:
        is_over.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", never)
    began = time.monotonic()
    with pytest.raises(TransportFailed, match="TimeoutError"):
        Connections("http://dynamodb.example").post({}, b"")
    is_over.set()
    assert time.monotonic() - began < 5


def test_a_name_that_leads_nowhere_is_a_failure() -> None:
    for name in ("name.invalid", "a" * 70 + ".invalid"):
        with pytest.raises(TransportFailed):
            Connections(f"http://{name}").post({}, b"")


@contextmanager
def full() -> Iterator[tuple[str, int]]:
    """The address of a listener that takes no connection any more, and refuses none."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as waiting:
        address = listener.getsockname()
        for _ in range(4):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect(address)
        yield address


def resolving(*addresses: tuple[str, int]) -> Callable[..., object]:
    kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    return lambda *_args, **_more: [(*kind, address) for address in addresses]


def test_a_connection_is_waited_for_so_long_however_many_addresses_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The time is for all of them, not for each."""
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 0.3)
    with full() as address:
        monkeypatch.setattr(socket, "getaddrinfo", resolving(*[address] * 60))
        began = time.monotonic()
        with pytest.raises(TransportFailed, match="TimeoutError"):
            Connections("http://dynamodb.example").post({}, b"")
    assert time.monotonic() - began < 3  # of the 18 that each for itself would take


def test_an_address_behind_one_that_does_not_answer_has_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(answering(OK))
    with full() as address:
        good = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        monkeypatch.setattr(socket, "getaddrinfo", resolving(address, good))
        pool = Connections("http://dynamodb.example")
        assert pool.post({}, b"").status == 200
    pool.close()
    server.close()


def test_a_server_that_says_nothing_to_tls_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the time that there is for the whole of the connection."""
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pool = Connections(f"https://127.0.0.1:{listener.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(TransportFailed, match="TimeoutError"):
            pool.post({}, b"")
    assert time.monotonic() - began < 3


class Sipping:
    """A connection that takes a byte in a tenth of a second, as one over TLS may."""

    def __init__(self) -> None:
        self.now = 0.0
        self.taken = 0
        self.timeout = 0.0

    def gettimeout(self) -> float:
        return self.timeout

    def settimeout(self, seconds: float) -> None:
        self.timeout = seconds

    def send(self, _data: memoryview) -> int:
        self.now += 0.1
        self.taken += 1
        return 1

    def sendall(self, data: bytes) -> None:
        for _ in data:
            self.send(memoryview(b"x"))


def test_a_request_that_is_taken_in_sips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time limit is for the whole request, not for each piece of it."""
    sipping = Sipping()
    monkeypatch.setattr(time, "monotonic", lambda: sipping.now)
    with pytest.raises(TimeoutError):
        connections.send(sipping, b"x" * 100, until=1.0)  # type: ignore[arg-type]
    assert sipping.taken <= 11


ENDLESS = b"x" * 65_536


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 300000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-a: ",
    ],
    ids=["of a length", "without a length", "in its head"],
)
def test_an_answer_that_is_longer_than_any_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    """What no DynamoDB says is not held in memory to its end."""
    monkeypatch.setattr(connections, "MAX_BYTES", 1_000_000)
    sent = 0

    def serve(connection: socket.socket, _request: bytes) -> bool:
        nonlocal sent
        connection.sendall(head)
        for _ in range(4_600):  # 300 MB
            connection.sendall(ENDLESS)
            sent += len(ENDLESS)
        return False

    with serving(serve) as (_server, pool), pytest.raises(TransportFailed, match="ConnectionError"):
        pool.post({}, b"")
    assert sent < 100_000_000


def test_the_longest_answers_of_dynamodb_are_taken() -> None:
    """A megabyte of items, each byte of which takes six in JSON."""
    body = b'"' + b"\\u0001" * 2**20 + b'"'
    with serving(answering(answer_with(body))) as (_server, pool):
        assert pool.post({}, b"").body == body


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
            while read_request(secured):
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
    """And is from then on believed at once: the wider circle stays, and the connection too."""
    wider = partial(ssl.create_default_context, cafile=certificate)
    server = Server(over_tls(certificate), reads=False)
    pool = Connections(server.url.replace("http", "https"), [amazon_alone, wider])
    try:
        assert [pool.post({}, b"{}").status for _ in range(3)] == [200, 200, 200]
        assert len(server.connected) == 2
    finally:
        pool.close()
        server.close()


def test_threads_that_find_out_together_all_come_to_the_next_circle(certificate: Path) -> None:
    wider = partial(ssl.create_default_context, cafile=certificate)
    server = Server(over_tls(certificate), reads=False)
    url = server.url.replace("http", "https")
    try:
        for _ in range(5):
            pool = Connections(url, [amazon_alone, wider])
            with ThreadPoolExecutor(8) as threads:
                replies = list(threads.map(lambda _: pool.post({}, b"{}"), range(8)))  # noqa: B023
            assert [reply.status for reply in replies] == [200] * 8
            pool.close()
    finally:
        server.close()
