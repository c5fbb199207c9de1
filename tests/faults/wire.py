"""Faults between the SDK and the database: below our own seam, so that the SDK's resends are real.

botocore itself sends a failed request again, up to three times in all. A resend of a write whose
first try had committed is refused, though it was our own that stands there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

URL = "http://database.example"
TRIES = 3
"""How often the SDK sends a request at most (`CLIENT_CONFIG`)."""

Send = Callable[[Any], Any]


class ServerError:
    """The body of DynamoDB's own 500."""

    def stream(self) -> list[bytes]:
        return [b'{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}']


def server_error() -> AWSResponse:
    return AWSResponse(URL, 500, HTTPHeaders(), ServerError())


def refused_by_server(_send: Send, _request: Any) -> Any:
    return server_error()


def never_connected(_send: Send, _request: Any) -> Any:
    raise ConnectTimeoutError(endpoint_url=URL)


def done_but_timed_out(send: Send, request: Any) -> Any:
    send(request)
    raise ReadTimeoutError(endpoint_url=URL)


def done_but_server_error(send: Send, request: Any) -> Any:
    send(request)
    return server_error()


@dataclass(frozen=True)
class WireFault:
    """What happens to a request, and to how many of the SDK's tries of it."""

    name: str
    strike: Callable[[Send, Any], Any]
    tries: int


WIRE_FAULTS = [
    WireFault("500 instead", refused_by_server, 1),
    WireFault("no connection", never_connected, 1),
    WireFault("done, 500", done_but_server_error, 1),
    WireFault("done, every try timed out", done_but_timed_out, TRIES),
]


class Wire:
    """A client's connection, which can be made to fail at one request."""

    def __init__(self, client: Any) -> None:
        http = client._endpoint.http_session
        self._send: Send = http.send
        http.send = self.send
        self.reset(None, 0)

    def reset(self, fault: WireFault | None, number: int) -> None:
        """From now on the fault strikes at the request of this number (from 1)."""
        self._fault, self._number = fault, number
        self.operations: list[str] = []
        self.struck = 0
        self._tries = 0

    def send(self, request: Any) -> Any:
        if is_first_try(request):
            self.operations.append(request.headers["X-Amz-Target"].decode().split(".")[1])
            self._tries = 0
        self._tries += 1
        fault = self._fault
        if fault and len(self.operations) == self._number and self._tries <= fault.tries:
            self.struck += 1
            return fault.strike(self._send, request)
        return self._send(request)


def is_first_try(request: Any) -> bool:
    """The SDK says it itself: ``amz-sdk-request: attempt=1; max=3``."""
    header = request.headers["amz-sdk-request"]
    text = header.decode() if isinstance(header, bytes) else str(header)
    return text.startswith("attempt=1")
