"""`Dynamo` over botocore, AWS's own client."""

from collections.abc import Callable, Mapping
from typing import Any

import botocore.session
from botocore import exceptions
from botocore.config import Config

from chalicelib.dynamo import Reason, Refused, UnknownOutcome

CLIENT_CONFIG = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=50,
)
"""Seconds and tries, within `CALL_SECONDS`: three tries of 1 s + 2 s, and the SDK's pauses of up to
1 s and 2 s between them. botocore's own 60 s would outlive the function that waits for it."""

_TRANSPORT_FAILED = (exceptions.ConnectionError, exceptions.HTTPClientError)
"""Neither is a kind of the other; botocore's own retries go by the same two."""

_WORTH_REPEATING = {
    "InternalServerError",
    "InternalFailure",
    "ServiceUnavailable",
    "RequestTimeout",
    "RequestTimeoutException",
    "TransactionInProgressException",
    "ThrottlingException",
    "Throttling",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "TransactionConflictException",
    "ReplicatedWriteConflictException",
}
"""Errors after which the same call may be made again: nothing was done, or nobody knows.

Source: "Error handling with DynamoDB" in the DynamoDB developer guide ("OK to retry? Yes").
"""

_PASSING_REASONS = {
    "None",
    "ConditionalCheckFailed",
    "TransactionConflict",
    "ThrottlingError",
    "ProvisionedThroughputExceeded",
}


class BotocoreDynamo:
    """The six calls over a botocore client."""

    @classmethod
    def from_environment(cls) -> "BotocoreDynamo":
        """Where AWS's standard environment variables point to; threads may share it."""
        session = botocore.session.get_session()
        return cls(session.create_client("dynamodb", config=CLIENT_CONFIG))

    def __init__(self, client: Any) -> None:
        self.client = client

    def query(self, **request: Any) -> Mapping[str, Any]:
        return _call(self.client.query, request)

    def scan(self, **request: Any) -> Mapping[str, Any]:
        return _call(self.client.scan, request)

    def get_item(self, **request: Any) -> Mapping[str, Any]:
        return _call(self.client.get_item, request)

    def put_item(self, **request: Any) -> Mapping[str, Any]:
        return _call(self.client.put_item, request)

    def update_item(self, **request: Any) -> Mapping[str, Any]:
        return _call(self.client.update_item, request)

    def transact_write_items(self, **request: Any) -> Mapping[str, Any]:
        return _call(self.client.transact_write_items, request)


def _call(
    operation: Callable[..., Mapping[str, Any]], request: Mapping[str, Any]
) -> Mapping[str, Any]:
    try:
        return operation(**request)
    except _TRANSPORT_FAILED as error:
        raise UnknownOutcome(type(error).__name__) from error
    except exceptions.ClientError as error:
        raise _translated(error) from error


def _translated(error: exceptions.ClientError) -> BaseException:
    """Ours, where there is something to be done about it; botocore's own where it is a defect."""
    response: Mapping[str, Any] = error.response
    code = response["Error"]["Code"]
    if code == "ConditionalCheckFailedException":
        return Refused([Reason("ConditionalCheckFailed", response.get("Item"))])
    if code == "TransactionCanceledException":
        reasons = [Reason(r["Code"], r.get("Item")) for r in response["CancellationReasons"]]
        return Refused(reasons) if _all_passing(reasons) else error
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _WORTH_REPEATING or status in (408, 429) or status >= 500:
        return UnknownOutcome(code)
    return error


def _all_passing(reasons: list[Reason]) -> bool:
    return all(reason.code in _PASSING_REASONS for reason in reasons)
