"""`Dynamo` over HTTP: DynamoDB's own protocol, JSON in signed POSTs.

botocore would do the same, and more for each call than all the rest of a request costs
(docs/performance.md). It is asked for credentials where they do not stand in the environment.
"""

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

import orjson

from chalicelib.dynamodb.connections import (
    CONNECT_SECONDS,
    REPLY_SECONDS,
    Connections,
    Reply,
    TransportFailed,
)
from chalicelib.dynamodb.credentials import credentials_of
from chalicelib.dynamodb.endpoints import endpoint_of, region_of
from chalicelib.dynamodb.protocol import CALL_SECONDS, CallFailed, Reason, Refused, UnknownOutcome
from chalicelib.dynamodb.retry_quota import RetryQuota
from chalicelib.dynamodb.signing import Credentials, Signer
from chalicelib.dynamodb.tls import trust_of
from chalicelib.model.timing import Backoff, Clock

API = "DynamoDB_20120810"

TRIES = 3
PAUSE = 0.05
LONGEST_PAUSE = 1.0
"""Tries of one read, and the seconds that `Backoff` takes for the pauses between them.

A write is tried once. Whoever makes it tries again, at the same cursor, since it knows how to find
out what became of the earlier try; tries of the engine's own would multiply with those.
"""

_READS = {"Query", "Scan", "GetItem"}

TRY_SECONDS = CONNECT_SECONDS + REPLY_SECONDS
"""Seconds that one try may take. No further try begins unless so much of `CALL_SECONDS` is left."""

_PASSING = {
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
count against the process's retries; a conflict does not, since DynamoDB is well.

Source: "Error handling with DynamoDB" in the DynamoDB developer guide ("OK to retry? Yes").
"""

_PASSING_REASONS = {
    "None",
    "ConditionalCheckFailed",
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
}


class _MayPass(Exception):
    """The call failed, and another try may succeed."""

    def __init__(self, code: str, *, timed_out: bool = False) -> None:
        super().__init__(code)
        self.timed_out = timed_out


class Post(Protocol):
    """`Connections.post`."""

    def __call__(self, headers: Mapping[str, str], body: bytes) -> Reply: ...


class HttpDynamo:
    """The six calls. `post` sends a request; `credentials` returns the current credentials."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "HttpDynamo":
        """Connects as AWS's standard environment variables say. Threads may share the result."""
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
        quota: RetryQuota | None = None,
    ) -> None:
        self.post = post
        self._signer = signer
        self._credentials = credentials
        self._clock = clock or Clock()
        self.quota = quota or RetryQuota()
        self._backoff = Backoff(
            TRIES, PAUSE, LONGEST_PAUSE, self._clock.sleep, uniform, self.quota.may_retry
        )

    def as_other(self, credentials: Credentials) -> "HttpDynamo":
        """Returns a client with other credentials that uses the same connections."""
        return HttpDynamo(
            self.post, self._signer, lambda: credentials, self._clock, quota=self.quota
        )

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
        return self._call("TransactWriteItems", request)

    def _call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        target, body = f"{API}.{operation}", orjson.dumps(request)
        deadline = self._clock.deadline(CALL_SECONDS - TRY_SECONDS)
        unsure = UnknownOutcome(operation)
        for _ in self._backoff.attempts(deadline) if operation in _READS else (0,):
            try:
                return self._try(target, body)
            except _MayPass as error:
                self.quota.failed(timed_out=error.timed_out)
                unsure = UnknownOutcome(str(error))
        raise unsure

    def _try(self, target: str, body: bytes) -> Mapping[str, Any]:
        """Returns DynamoDB's answer; raises `_MayPass` if the outcome is not certain."""
        try:
            reply = self._send(target, body)
        except TransportFailed as error:
            is_late = isinstance(error.__cause__, TimeoutError)
            raise _MayPass(str(error), timed_out=is_late) from error
        if reply.status == 200 and (answer := members_of(reply)) is not None:
            self.quota.answered()
            return answer
        problem = Problem.of(reply)
        if problem.may_pass:
            raise _MayPass(problem.code)
        self.quota.answered()
        raise problem.error()

    def _send(self, target: str, body: bytes) -> Reply:
        moment = self._clock.now()
        return self.post(self._signer.headers(self._credentials(), target, body, moment), body)


def members_of(reply: Reply) -> Mapping[str, Any] | None:
    """Returns the members of the answer; None if it is no JSON object, and so not from DynamoDB."""
    with suppress(ValueError):
        said = orjson.loads(reply.body)
        return said if isinstance(said, dict) else None
    return None


class Problem(NamedTuple):
    """An answer that is an error: its status, DynamoDB's code, and its members."""

    status: int
    code: str
    members: Mapping[str, Any]

    @classmethod
    def of(cls, reply: Reply) -> "Problem":
        """Reads the code from `__type` (``namespace#Code``); without one, the status is the
        code."""
        members = members_of(reply) or {}
        code = str(members.get("__type", reply.status)).rpartition("#")[2]
        return cls(reply.status, code, members)

    @property
    def may_pass(self) -> bool:
        return self.code in _PASSING or self.status in (200, 408, 429) or self.status >= 500

    def error(self) -> Exception:
        """Returns the product's error for it; `CallFailed`, a defect, if there is none."""
        if self.code == "ConditionalCheckFailedException":
            return Refused([Reason("ConditionalCheckFailed", self.members.get("Item"))])
        if self.code == "TransactionCanceledException":
            told = self.members.get("CancellationReasons", ())
            reasons = [Reason(reason["Code"], reason.get("Item")) for reason in told]
            if reasons and all(reason.code in _PASSING_REASONS for reason in reasons):
                return Refused(reasons)
        return UnknownOutcome(self.code) if self.code in _IN_CONFLICT else CallFailed(self.code)
