"""Chalice's local server, made to answer as the deployed API does.

What API Gateway would answer by itself comes from the same table as in the deployed stack; the
development issuer's keys are served beside the app; the log holds routes and never what was sent.
"""

import gzip
import logging
import socket
import sys
import time
from contextlib import suppress
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
from local.body import BodyRefused, read_body
from local.own import Own

HOST = "127.0.0.1"
MAX_LINGERED = 64 * 1024 * 1024
LINGER_SECONDS = 2.0
"""Bytes that are read, and seconds that are waited for the next of them, before a refused request's
connection is closed."""

NO_SUCH_ROUTE = gateway_response("MISSING_AUTHENTICATION_TOKEN")

COMPRESSED_FROM = 1024
"""Bytes: as API Gateway has it in a deployed stage (`minimum_compression_size` in config.json)."""

log = logging.getLogger(__name__)


class Server(ThreadedHTTPServer):
    request_queue_size = 128

    def handle_error(self, *_args: Any) -> None:
        """A connection that broke, most likely: not worth a traceback."""
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

    def __init__(self, *args: Any, own: Own, **app: Any) -> None:
        self._own = own
        self._routes = Routes(list(app["app_object"].routes))
        self._gateway = Gateway(app["app_object"], app["config"])
        super().__init__(*args, **app)  # serves the connection, so it comes last

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
        if own := self._own.route(self.path.partition("?")[0]):
            return own
        found = str(self._routes.match_route(self.path).route)
        return None if found == ELSEWHERE and self.command != "GET" else found

    def _answer(self, route: str | None) -> Answer:
        try:
            body = read_body(self.headers, self.rfile)
        except BodyRefused as refused:
            self.close_connection = True  # where the next request begins is not known
            return problem(refused.code)
        if route is not None and route == self._own.route(self.path.partition("?")[0]):
            host = self.headers.get("Host", "")
            return self._own.answer(self.command, self.path, host, body) or NO_SUCH_ROUTE
        return NO_SUCH_ROUTE if route is None else self._through_gateway(body)

    def _through_gateway(self, body: bytes) -> Answer:
        try:
            response = self._gateway.handle_request(
                method=self.command, path=self.path, headers=dict(self.headers), body=body
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
        body = answer.body.encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if len(body) >= COMPRESSED_FROM and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 6, mtime=0)
            self.send_header("Content-Encoding", "gzip")
        has_body = answer.status not in (204, 304)
        if has_body:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and has_body:
            self.wfile.write(body)

    def _linger(self) -> None:
        """Reads on for a while before closing, or a client that still sends never hears the answer.

        Closing with unread data resets the connection (RFC 9112, section 9.6).
        """
        self.wfile.flush()
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER_SECONDS)
            left = MAX_LINGERED
            while left > 0 and (piece := self.rfile.read1(65536)):
                left -= len(piece)

    def send_error(self, *_args: Any, **_more: Any) -> None:
        """What Python's server cannot read as HTTP at all."""
        self.close_connection = True
        self.request_version = self.protocol_version  # or there would be no status line
        self._send(gateway_response("BAD_REQUEST_PARAMETERS"))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing: the standard lines hold paths and queries, where anything may stand."""


def make_server(app: Chalice, port: int, own: Own) -> LocalDevServer:
    """A threaded server for the app, bound to loopback; OSError when the port is taken."""
    app.__class__ = LocalChalice  # keeps each thread's request apart
    config = Config.create(app_name=app.app_name, chalice_app=app)

    def handler(*args: Any, **kwargs: Any) -> Handler:
        return Handler(*args, own=own, **kwargs)

    return LocalDevServer(app, config, HOST, port, handler_cls=handler, server_cls=Server)
