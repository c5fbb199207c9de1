"""Chalice's local server, made to answer as the deployed API does.

What API Gateway would answer by itself comes from the same table as in the deployed stack; the
development issuer's keys are served beside the app; the log holds routes and never what was sent.
"""

import gzip
import io
import logging
import math
import re
import socket
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from chalice.app import Chalice
from chalice.config import Config
from chalice.local import (
    ChaliceRequestHandler,
    ForbiddenError,
    LambdaEventConverter,
    LocalChalice,
    LocalDevServer,
    LocalGateway,
    MatchResult,
    NotAuthorizedError,
    RouteMatcher,
    ThreadedHTTPServer,
)

from chalicelib.api.access_log import METHODS
from chalicelib.api.answer import Answer
from chalicelib.api.gateway import gateway_response
from chalicelib.api.problems import problem
from chalicelib.api.public import ELSEWHERE, REST
from local.dev_routes import Own
from local.doors import SAFE, Asked, Doors, split
from local.problems import local_problem
from local.request_body import (
    BodyRefused,
    FieldLines,
    is_request_line,
    joined,
    read_body,
    takes_gzip,
    without_blanks,
)
from local.room import Room

HOST = "127.0.0.1"
MAX_LINGERED = 64 * 1024 * 1024
LINGER_SECONDS = 5.0
"""Bytes that are read, and seconds for them all, before a refused request's connection ends."""

HEAD_SECONDS = 15.0
"""For a request's line and headers, all of them; also how long a connection may wait for one."""

BODY_SECONDS = 30.0
"""For a request's body, all of it, and for each write of the answer."""

MAX_CONNECTIONS = 256
"""Connections at a time, each served by a thread. Any further one is closed."""

HEADER = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""A header's value (RFC 9110, 5.5): above all without a line break, which would begin another."""

NO_SUCH_ROUTE = gateway_response("MISSING_AUTHENTICATION_TOKEN")

MAX_LINE = 65536
"""Bytes of a request line, as http.server has it."""

COMPRESSED_FROM = 1024
"""Bytes: as API Gateway has it in a deployed stage (`minimum_compression_size` in config.json)."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around the app on a laptop."""

    own: Own
    doors: Doors
    room: Room


class Incoming(io.RawIOBase):
    """Reads from a connection until a deadline, however slowly the bytes come."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline = math.inf

    def within(self, seconds: float) -> None:
        """Sets the deadline to so many seconds from now. Reading beyond it raises TimeoutError."""
        self._deadline = time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class Server(ThreadedHTTPServer):
    request_queue_size = 128

    def __init__(self, *args: Any, **more: Any) -> None:
        self._free = threading.Semaphore(MAX_CONNECTIONS)
        super().__init__(*args, **more)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            log.warning("connection: closed, as %d are open", MAX_CONNECTIONS)
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, *_args: Any) -> None:
        """Logs one line, not a traceback: most likely the connection broke."""
        log.warning("connection: %s", type(sys.exception()).__name__)


class Routes(RouteMatcher):
    """As API Gateway has them: where none fits, the one that takes any path."""

    def match_route(self, url: str) -> MatchResult:
        path, _, query = url.partition("?")
        try:
            found = super().match_route(url)
        except ValueError:
            found = None
        if found is not None and found.route != ELSEWHERE:
            return found
        return MatchResult(ELSEWHERE, {REST: path.lstrip("/")}, parse_qs(query))


class Gateway(LocalGateway):
    def __init__(self, app: Chalice, config: Config) -> None:
        super().__init__(app, config)
        self.event_converter = LambdaEventConverter(Routes(list(app.routes)))

    def _has_user_defined_options_method(self, _event: Any) -> bool:
        """OPTIONS is the app's to answer, as any method that a path does not have."""
        return True


class Handler(ChaliceRequestHandler):
    # Without these, each answer waits for the client's delayed acknowledgement, some 40 ms.
    disable_nagle_algorithm = True
    wbufsize = -1
    raw_requestline: bytes
    headers: Message
    path: str
    rfile: Any

    def __init__(self, *args: Any, around: Around, **app: Any) -> None:
        self._own, self._doors, self._room = around.own, around.doors, around.room
        self._routes = Routes(list(app["app_object"].routes))
        self._gateway = Gateway(app["app_object"], app["config"])
        super().__init__(*args, **app)  # serves the connection, so it comes last

    def setup(self) -> None:
        super().setup()
        self.rfile.close()  # it has no deadline
        self._incoming = Incoming(self.connection)
        self.rfile = io.BufferedReader(self._incoming)

    def handle_one_request(self) -> None:
        self._incoming.within(HEAD_SECONDS)
        super().handle_one_request()

    def _generic_handle(self) -> None:
        began = time.monotonic()
        route = self._route()
        answer = self._answer(route)
        self._send(answer)
        if self.close_connection:
            self._linger()
        took = (time.monotonic() - began) * 1000
        method = self.command if self.command in METHODS else "(no method)"
        log.info("%s %s %d %.0f ms", method, route or "(no route)", answer.status, took)

    def parse_request(self) -> bool:
        """An empty line before the request is passed over: some clients end a body with one more
        line end than they count (RFC 9112, section 2.2)."""
        if self.raw_requestline in (b"\r\n", b"\n"):
            self.raw_requestline = self.rfile.readline(MAX_LINE + 1)
        if not is_request_line(self.raw_requestline):  # nor is one that is too long
            self.requestline = self.command = ""
            self.send_error(HTTPStatus.BAD_REQUEST)
            return False
        if not self._parse_head():
            return False
        self.headers = without_blanks(self.headers)
        return True

    def _parse_head(self) -> bool:
        stream, self.rfile = self.rfile, FieldLines(self.rfile)
        try:
            is_read: bool = super().parse_request()
        finally:
            self.rfile = stream
        return is_read

    def __getattr__(self, name: str) -> Any:
        """Any other method is one that no route allows, and is answered so by the app."""
        if name.startswith("do_") and name.isascii():
            return self._generic_handle
        raise AttributeError(name)

    # The names under which http.server, and Chalice's handler, look for methods.
    do_GET = do_PUT = do_POST = do_DELETE = _generic_handle  # noqa: N815
    do_HEAD = do_PATCH = do_OPTIONS = _generic_handle  # noqa: N815

    def _route(self) -> str | None:
        """The route's pattern, which is all that may be logged of a path."""
        _, path = split(self.path)
        if own := self._own.route(path.partition("?")[0]):
            return own
        found = str(self._routes.match_route(path).route)
        return None if found == ELSEWHERE and self.command not in ("GET", "HEAD") else found

    def _answer(self, route: str | None) -> Answer:
        refusal = self._doors.refusal(self._asked())
        if refusal is not None:
            self.close_connection = True  # its body is still to come
            return refusal
        self._incoming.within(BODY_SECONDS)
        try:
            body = read_body(self.headers, self.rfile)
        except BodyRefused as refused:
            self.close_connection = True  # where the next request begins is not known
            return problem(refused.code)
        except TimeoutError:
            self.close_connection = True
            return local_problem("request-timeout")
        self.path = split(self.path)[1]
        return self._answer_to(route, body)

    def _asked(self) -> Asked:
        hosts, origins = (self.headers.get_all(name, []) for name in ("host", "origin"))
        return Asked(self.command, self.path, hosts, origins)

    def _answer_to(self, route: str | None, body: bytes) -> Answer:
        if route is not None and route == self._own.route(self.path.partition("?")[0]):
            return self._own.answer(self.command, self.path, body) or NO_SUCH_ROUTE
        if route is None:
            return NO_SUCH_ROUTE
        if self.command not in SAFE and (trouble := self._room.trouble()):
            return local_problem(trouble)
        return self._through_gateway(body)

    def _through_gateway(self, body: bytes) -> Answer:
        try:
            response = self._gateway.handle_request(
                method=self.command, path=self.path, headers=joined(self.headers), body=body
            )
        except NotAuthorizedError:
            return gateway_response("UNAUTHORIZED")
        except ForbiddenError:
            return gateway_response("ACCESS_DENIED")
        except Exception as error:  # the handlers never raise: it was the authorizer
            log.error("authorizer: %s", type(error).__name__)
            return gateway_response("AUTHORIZER_FAILURE")
        return Answer(response["statusCode"], response["body"] or "", response["headers"])

    def _send(self, answer: Answer) -> None:
        if not are_headers(answer.headers.values()):
            log.error("answer: a header with a line break or the like was not sent")
            answer = problem("internal-error")
        self.connection.settimeout(BODY_SECONDS)
        body = answer.body.encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if len(body) >= COMPRESSED_FROM:
            body = self._encoded(body, has_vary="Vary" in answer.headers)
        has_body = answer.status not in (204, 304)
        if has_body:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and has_body:
            self.wfile.write(body)

    def _encoded(self, body: bytes, has_vary: bool) -> bytes:
        """The body as the client takes it, once the headers that say so are sent."""
        if not has_vary:
            self.send_header("Vary", "Accept-Encoding")
        if not takes_gzip(", ".join(self.headers.get_all("Accept-Encoding", []))):
            return body
        self.send_header("Content-Encoding", "gzip")
        return gzip.compress(body, 6, mtime=0)

    def _linger(self) -> None:
        """Reads on for a while before closing, or a client that still sends never hears the answer.

        Closing with unread data resets the connection (RFC 9112, section 9.6).
        """
        self.wfile.flush()
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self._incoming.within(LINGER_SECONDS)
            left = MAX_LINGERED
            while left > 0 and (piece := self._incoming.read(65536)):
                left -= len(piece)

    def send_error(self, *_args: Any, **_more: Any) -> None:
        """Answers requests that Python's server cannot read as HTTP."""
        self.close_connection = True
        self.request_version = self.protocol_version  # or there would be no status line
        self._send(gateway_response("BAD_REQUEST_PARAMETERS"))
        self._linger()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Logs nothing: the standard lines contain paths and queries, which may be private."""


def are_headers(values: Iterable[object]) -> bool:
    """Whether each may be sent as a header's value."""
    return all(HEADER.fullmatch(str(value)) for value in values)


def make_server(app: Chalice, port: int, around: Around) -> LocalDevServer:
    """A threaded server for the app, bound to loopback; OSError when the port is taken."""
    app.__class__ = LocalChalice  # keeps each thread's request apart
    config = Config.create(app_name=app.app_name, chalice_app=app)

    def handler(*args: Any, **kwargs: Any) -> Handler:
        return Handler(*args, around=around, **kwargs)

    return LocalDevServer(app, config, HOST, port, handler_cls=handler, server_cls=Server)
