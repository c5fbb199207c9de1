"""The local server's own part of HTTP, around a small app: doors, room, patience, headers."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from chalice.app import Chalice, Response

from chalicelib.api.answer import Answer
from local import server as server_module
from local.dev_routes import JWKS_PATH, Own
from local.doors import Doors
from local.dynamodb_local import free_port
from local.issuer import Issuer
from local.room import FOR_REQUESTS, Room
from local.server import Around, make_server
from local.sign_in import AUTHORIZE_PATH, TOKEN_PATH
from tests.support import wait_until

PATHS = ["/thing", "/nothing", JWKS_PATH, AUTHORIZE_PATH, TOKEN_PATH, "/drawn/768x512/1.svg"]


@dataclass
class Served:
    port: int
    free: int = FOR_REQUESTS
    is_away: bool = False
    header: str = "plain"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def look(self, _folder: Path) -> int:
        if self.is_away:
            raise FileNotFoundError
        return self.free

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)


class Owned(Own):
    """With an answer of its own besides, which has the header."""

    state: Served

    def route(self, path: str) -> str | None:
        return "/own" if path == "/own" else super().route(path)

    def answer(self, method: str, target: str, body: bytes) -> Answer | None:
        if target == "/own":
            return Answer(302, "", {"Location": self.state.header})
        return super().answer(method, target, body)


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    state = Served(free_port())
    app = Chalice(app_name="small", configure_logs=False)

    @app.route("/thing", methods=["GET", "POST", "DELETE"])
    def thing() -> Response:
        return Response("{}")

    assert thing
    doors = Doors.of(state.port, "", ())
    room = Room(folder, state.look)
    own = Owned(Issuer(folder), doors.origins)
    own.state = state
    server = make_server(app, state.port, Around(own, doors, room))
    thread = threading.Thread(target=server.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server.server_close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as state:
        yield state


@pytest.fixture
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """One whose patience is short, and whose connections are few."""
    monkeypatch.setattr(server_module, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(server_module, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 3)
    with served(tmp_path) as state:
        yield state


def status(connection: socket.socket) -> int:
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status


@pytest.mark.parametrize("path", PATHS)
def test_another_name_for_this_machine_gets_nothing_anywhere(small: Served, path: str) -> None:
    """A page of a site whose name was made to point here reads nothing and changes nothing."""
    for method in ("GET", "POST", "OPTIONS", "HEAD", "FROBNICATE"):
        host = {"Host": f"evil.example:{small.port}"}
        assert httpx.request(method, small.url + path, headers=host).status_code == 421


def test_a_page_of_another_site_changes_nothing(small: Served) -> None:
    foreign = {"Origin": "https://evil.example"}
    assert httpx.post(f"{small.url}/thing", headers=foreign).json()["code"] == "foreign-origin"
    assert httpx.post(f"{small.url}{TOKEN_PATH}", headers=foreign).status_code == 403
    assert httpx.post(f"{small.url}/thing", headers={"Origin": small.url}).status_code == 200


def test_a_whole_url_as_target_finds_its_route(small: Served) -> None:
    with small.connect() as connection:
        head = f"GET {small.url}/thing HTTP/1.1\r\nHost: 127.0.0.1:{small.port}\r\n\r\n"
        connection.sendall(head.encode())
        assert status(connection) == 200


def test_without_room_on_the_disk_nothing_is_changed_and_reading_goes_on(small: Served) -> None:
    """And all goes on by itself when there is room again."""
    url = f"{small.url}/thing"
    small.free = FOR_REQUESTS - 1
    for method in ("POST", "DELETE"):
        refused = httpx.request(method, url)
        assert (refused.status_code, refused.json()["code"]) == (507, "disk-full")
    assert httpx.get(url).status_code == 200
    assert httpx.post(f"{small.url}{TOKEN_PATH}").json()["error"]  # signing in writes nothing
    small.free = FOR_REQUESTS
    assert httpx.post(url).status_code == 200


def test_without_its_folder_nothing_is_changed_and_reading_goes_on(small: Served) -> None:
    url = f"{small.url}/thing"
    small.is_away = True
    refused = httpx.post(url)
    assert (refused.status_code, refused.json()["code"]) == (503, "data-folder-away")
    assert httpx.get(url).status_code == 200
    small.is_away = False
    assert httpx.post(url).status_code == 200


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x=y", "a\nb", "a\rb", "a\0b", "😀"])
def test_a_header_with_a_line_break_is_never_sent(small: Served, value: str) -> None:
    small.header = value
    answer = httpx.get(f"{small.url}/own")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert not {"Location", "Set-Cookie"} & set(answer.headers)


@pytest.mark.parametrize(
    "line",
    [
        b"X-A: b\rX-B: c",
        b"X-A: b\rTransfer-Encoding: chunked",
        b"X-A: b\0",
        b": b",
        b"X-A",
        b"\r",
        b" folded",
    ],
)
def test_a_head_with_two_meanings_ends_the_connection(small: Served, line: bytes) -> None:
    """What comes behind it is no request of its own."""
    host = b"Host: 127.0.0.1:%d\r\n" % small.port
    first = b"POST /thing HTTP/1.1\r\n" + host + line + b"\r\nContent-Length: 0\r\n\r\n"
    with small.connect() as connection:
        connection.sendall(first + b"GET /thing HTTP/1.1\r\n" + host + b"\r\n")
        with connection.makefile("rb") as answer:
            said = answer.read()
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("sent", [b"", b"GET /th", b"GET /thing HTTP/1.1\r\nHost: x\r\nX: "])
def test_a_request_that_does_not_come_is_not_waited_for(impatient: Served, sent: bytes) -> None:
    with impatient.connect() as connection:
        connection.sendall(sent)
        assert connection.recv(1) == b""  # closed; the socket's own time-out is far longer


def test_a_request_that_drips_is_not_waited_for(impatient: Served) -> None:
    """The time is for the whole head, not for each of its bytes."""
    with impatient.connect() as connection:
        connection.settimeout(0.05)
        wait_until(lambda: is_closed_at_a_drop(connection))


def test_a_head_that_drips_has_one_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of it becomes less with each byte, however soon the next one comes."""
    now = 0.0
    monkeypatch.setattr(server_module, "time", SimpleNamespace(monotonic=lambda: now))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        incoming = server_module.Incoming(ours)
        incoming.within(10)
        for now in (4.0, 9.0):
            theirs.sendall(b"G")
            assert incoming.readinto(bytearray(1)) == 1
            assert ours.gettimeout() == 10 - now
        now = 10.0
        theirs.sendall(b"G")
        with pytest.raises(TimeoutError):
            incoming.readinto(bytearray(1))


def is_closed_at_a_drop(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"G")
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_a_body_that_does_not_come_is_told_so(impatient: Served) -> None:
    with impatient.connect() as connection:
        head = [
            "POST /thing HTTP/1.1",
            f"Host: 127.0.0.1:{impatient.port}",
            "Content-Length: 9",
            "",
            "12",
        ]
        connection.sendall("\r\n".join(head).encode())
        assert status(connection) == 408


def test_connections_are_bounded_and_come_free_again(impatient: Served) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(impatient.connect())
        beyond = stack.enter_context(impatient.connect())
        assert beyond.recv(1) == b""
    wait_until(lambda: answers(impatient))


def answers(impatient: Served) -> bool:
    try:
        return httpx.get(f"{impatient.url}/thing").status_code == 200
    except httpx.TransportError:
        return False
