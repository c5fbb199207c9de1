"""`Dynamo` over HTTP: DynamoDB's own protocol, JSON in signed POSTs.

botocore would do the same, and more for each call than all the rest of a request costs
(docs/performance.md). It is asked for credentials where they do not stand in the environment.
"""

import random
import secrets
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import orjson

from chalicelib.connections import (
    CONNECT_SECONDS,
    REPLY_SECONDS,
    Connections,
    Reply,
    TransportFailed,
)
from chalicelib.credentials import credentials_of, endpoint_of, region_of
from chalicelib.dynamo import CALL_SECONDS, CallFailed, Reason, Refused, UnknownOutcome
from chalicelib.signing import Credentials, Signer
from chalicelib.timing import Backoff, Clock
from chalicelib.trust import trust_of

API = "DynamoDB_20120810"

TRIES = 3
PAUSE = 0.05
LONGEST_PAUSE = 1.0
"""Tries of one call, and the seconds that `Backoff` takes for the pauses between them."""

TRY_SECONDS = 2 * CONNECT_SECONDS + REPLY_SECONDS
"""What a try may take: no other is begun when so much of `CALL_SECONDS` is not left."""

_SENT_AGAIN = {
    "ThrottlingException",
    "Throttling",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "InternalServerError",
    "InternalFailure",
    "ServiceUnavailable",
    "RequestTimeout",
    "RequestTimeoutException",
    "TransactionInProgressException",
}
_IN_CONFLICT = {"TransactionConflictException", "ReplicatedWriteConflictException"}
"""Errors after which the same call may be made again: nothing was done, or nobody knows. The first
are sent again here; a conflict is the caller's to wait out.

Source: "Error handling with DynamoDB" in the DynamoDB developer guide ("OK to retry? Yes").
"""

_PASSING_REASONS = {
    "None",
    "ConditionalCheckFailed",
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
}


class Post(Protocol):
    """`Connections.post`."""

    def __call__(self, headers: Mapping[str, str], body: bytes) -> Reply: ...


class HttpDynamo:
    """The six calls. `post` carries them, `credentials` gives what they are signed with now."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "HttpDynamo":
        """Where AWS's standard environment variables point to; threads may share it."""
        region = region_of(environ)
        url = endpoint_of(environ, region)
        connections = Connections(url, trust_of(environ, url))
        signer = Signer(connections.host, region)
        return cls(connections.post, signer, credentials_of(environ))

    def __init__(
        self,
        post: Post,
        signer: Signer,
        credentials: Callable[[], Credentials],
        clock: Clock | None = None,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.post = post
        self._signer = signer
        self._credentials = credentials
        self._clock = clock or Clock()
        self._backoff = Backoff(TRIES, PAUSE, LONGEST_PAUSE, self._clock.sleep, uniform)

    def as_other(self, credentials: Credentials) -> "HttpDynamo":
        """The same, over the same connections, for somebody else."""
        return HttpDynamo(self.post, self._signer, lambda: credentials, self._clock)

    def query(self, **request: Any) -> Mapping[str, Any]:
        return self._call("Query", request)

    def scan(self, **request: Any) -> Mapping[str, Any]:
        return self._call("Scan", request)

    def get_item(self, **request: Any) -> Mapping[str, Any]:
        return self._call("GetItem", request)

    def put_item(self, **request: Any) -> Mapping[str, Any]:
        return self._call("PutItem", request)

    def update_item(self, **request: Any) -> Mapping[str, Any]:
        return self._call("UpdateItem", request)

    def transact_write_items(self, **request: Any) -> Mapping[str, Any]:
        """Sent again it is still one transaction, by its token."""
        token = {"ClientRequestToken": secrets.token_hex(16)}
        return self._call("TransactWriteItems", {**token, **request})

    def _call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        body = orjson.dumps(request)
        deadline = self._clock.deadline(CALL_SECONDS - TRY_SECONDS)
        unsure = UnknownOutcome(operation)
        for _ in self._backoff.attempts(deadline):
            try:
                reply = self._send(f"{API}.{operation}", body)
                if reply.status == 200:
                    return orjson.loads(reply.body)  # type: ignore[no-any-return]
                problem = Problem.of(reply)
            except (TransportFailed, ValueError) as error:  # nothing whole, or nothing legible
                unsure = UnknownOutcome(str(error))
                continue
            if not problem.is_sent_again:
                raise problem.error()
            unsure = UnknownOutcome(problem.code)
        raise unsure

    def _send(self, target: str, body: bytes) -> Reply:
        moment = self._clock.now()
        return self.post(self._signer.headers(self._credentials(), target, body, moment), body)


class Problem(NamedTuple):
    """An answer that is not 200: its status, DynamoDB's code for it, and its members."""

    status: int
    code: str
    members: Mapping[str, Any]

    @classmethod
    def of(cls, reply: Reply) -> "Problem":
        try:
            members = orjson.loads(reply.body)
            return cls(reply.status, members["__type"].rpartition("#")[2], members)
        except (ValueError, KeyError, TypeError):
            return cls(reply.status, f"{reply.status}", {})

    @property
    def is_sent_again(self) -> bool:
        return self.code in _SENT_AGAIN or self.status in (408, 429) or self.status >= 500

    def error(self) -> Exception:
        """Ours, where there is something to be done about it, or a defect."""
        if self.code == "ConditionalCheckFailedException":
            return Refused([Reason("ConditionalCheckFailed", self.members.get("Item"))])
        if self.code == "TransactionCanceledException":
            reasons = [
                Reason(r["Code"], r.get("Item")) for r in self.members["CancellationReasons"]
            ]
            if all(reason.code in _PASSING_REASONS for reason in reasons):
                return Refused(reasons)
        return UnknownOutcome(self.code) if self.code in _IN_CONFLICT else CallFailed(self.code)
