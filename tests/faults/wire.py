"""Faults between the engine and the database: below our own seam, so that resends are real.

The engine itself sends a failed read again, up to three times in all. A failed write is sent again
by who made it; if its first try had committed it is refused then, though our own stands there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chalicelib.dynamodb.client import TRIES, HttpDynamo
from chalicelib.dynamodb.connections import Reply, TransportFailed

WRITES = ("PutItem", "UpdateItem", "TransactWriteItems")
Headers = Mapping[str, str]
Send = Callable[[], Reply]


def server_error() -> Reply:
    """DynamoDB's own 500."""
    code = b"com.amazonaws.dynamodb.v20120810#InternalServerError"
    return Reply(500, b'{"__type":"%s"}' % code)


def refused_by_server(_send: Send) -> Reply:
    return server_error()


def never_connected(_send: Send) -> Reply:
    raise TransportFailed("ConnectionRefusedError")


def done_but_timed_out(send: Send) -> Reply:
    send()
    raise TransportFailed("TimeoutError")


def done_but_server_error(send: Send) -> Reply:
    send()
    return server_error()


@dataclass(frozen=True)
class WireFault:
    """What happens to a request, and to how many tries of it in a row."""

    name: str
    strike: Callable[[Send], Reply]
    tries: int


WIRE_FAULTS = [
    WireFault("500 instead", refused_by_server, 1),
    WireFault("no connection", never_connected, 1),
    WireFault("done, 500", done_but_server_error, 1),
    WireFault("done, every try timed out", done_but_timed_out, TRIES),
]


class Wire:
    """What an engine's calls travel on, which can be made to fail at one call."""

    def __init__(self, dynamo: HttpDynamo) -> None:
        self._post = dynamo.post
        dynamo.post = self.post
        self.reset(None, 0)

    def reset(self, fault: WireFault | None, number: int) -> None:
        """From now on the fault strikes at the call of this number (from 1)."""
        self._fault, self._number = fault, number
        self.operations: list[str] = []
        self.struck = 0
        self._tries = 0
        self._last = b""

    def post(self, headers: Headers, body: bytes) -> Reply:
        operation = headers["x-amz-target"].partition(".")[2]
        is_resend = body is self._last or (operation in WRITES and body == self._last)
        if not is_resend:
            self._last = body
            self.operations.append(operation)
            self._tries = 0
        self._tries += 1
        fault = self._fault
        if fault and len(self.operations) == self._number and self._tries <= fault.tries:
            self.struck += 1
            return fault.strike(lambda: self._post(headers, body))
        return self._post(headers, body)
