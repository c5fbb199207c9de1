"""What botocore's errors mean: an unknown outcome, a refusal with its reasons, or a defect."""

from typing import Any

import pytest
from botocore import exceptions

from chalicelib.botocore_engine import BotocoreDynamo
from chalicelib.dynamo import Reason, Refused, UnknownOutcome
from chalicelib.entries import Cursor
from chalicelib.tables import entry_to_item
from tests.support import ALICE, Store, foreign

UNSURE = [
    exceptions.ConnectTimeoutError(endpoint_url="http://x"),
    exceptions.ReadTimeoutError(endpoint_url="http://x"),
    exceptions.EndpointConnectionError(endpoint_url="http://x", error="refused"),
    exceptions.ConnectionClosedError(endpoint_url="http://x"),
    exceptions.SSLError(endpoint_url="http://x", error=OSError("reset")),
    exceptions.ProxyConnectionError(proxy_url="http://x", error="refused"),
    exceptions.HTTPClientError(error="broken"),
]


@pytest.fixture
def client(store: Store) -> Any:
    return store.dynamo.client  # type: ignore[attr-defined]


def put(store: Store, cursor: int = 1) -> None:
    store.dynamo.put_item(
        TableName=store.tables.primary, Item=entry_to_item(ALICE, foreign(cursor))
    )


@pytest.mark.parametrize("error", UNSURE, ids=lambda error: type(error).__name__)
def test_every_failure_of_the_transport_is_an_unknown_outcome(error: Exception) -> None:
    """Whatever breaks on the way, the write may have been done by an earlier try of the SDK."""

    class Broken:
        def put_item(self, **_request: Any) -> Any:
            raise error

    with pytest.raises(UnknownOutcome):
        BotocoreDynamo(Broken()).put_item()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("InternalServerError", 500),
        ("ServiceUnavailable", 503),
        ("ThrottlingException", 400),
        ("ProvisionedThroughputExceededException", 400),
        ("RequestLimitExceeded", 400),
        ("TransactionConflictException", 400),
        ("TransactionInProgressException", 400),
        ("ReplicatedWriteConflictException", 400),
        ("408", 408),
        ("429", 429),
        ("502", 502),
    ],
)
def test_errors_that_may_pass_are_unknown_outcomes(code: str, status: int) -> None:
    """An error after which the same call may be made again is told apart from a defect."""
    with pytest.raises(UnknownOutcome):
        BotocoreDynamo(Answering(code, status)).put_item()


@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException"])
def test_a_defect_stays_botocores_own_error(code: str) -> None:
    """What no repetition mends is not hidden."""
    with pytest.raises(exceptions.ClientError):
        BotocoreDynamo(Answering(code, 400)).put_item()


class Answering:
    """A client whose every put is answered with this error."""

    def __init__(self, code: str, status: int) -> None:
        self.answer: Any = {
            "Error": {"Code": code, "Message": ""},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }

    def put_item(self, **_request: Any) -> Any:
        raise exceptions.ClientError(self.answer, "PutItem")


def test_a_refused_put_tells_what_stands_there(store: Store) -> None:
    """The reason holds the item that was found, as the real engine answers it."""
    store.put_entry(ALICE, foreign(1))
    with pytest.raises(Refused) as refused:
        store.put_entry(ALICE, foreign(1))
    item = entry_to_item(ALICE, foreign(1))
    assert refused.value.reasons == (Reason("ConditionalCheckFailed", item),)


def test_a_refused_transaction_has_a_reason_per_write(store: Store) -> None:
    """In order: what was found where a condition failed, and "None" for the others."""
    store.put_entry(ALICE, foreign(2))
    items = [entry_to_item(ALICE, foreign(cursor)) for cursor in (1, 2, 3)]
    with pytest.raises(Refused) as refused:
        store.primary_log.put_new(items)
    found = Reason("ConditionalCheckFailed", items[1])
    assert refused.value.reasons == (Reason("None"), found, Reason("None"))
    assert store.primary_log.get(ALICE, Cursor(1)) is None


def test_the_sdk_gives_up_soon_enough_for_those_who_wait(store: Store, client: Any) -> None:
    """Three tries, 1 s to connect and 2 s to read, are set on the client itself."""
    sent = []

    def break_it(request: Any, **_more: Any) -> None:
        sent.append(request)
        raise exceptions.ConnectionClosedError(endpoint_url="http://x")

    client.meta.events.register("before-send.dynamodb", break_it)
    with pytest.raises(UnknownOutcome):
        put(store)
    assert len(sent) == 3
    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (1, 2)


def test_a_lost_reply_and_a_resend_that_cannot_connect_is_one_save(
    store: Store, client: Any
) -> None:
    """The first try commits, its reply is lost, the SDK's others fail: still one image."""
    http = client._endpoint.http_session
    send, count = http.send, [0]

    def lossy(request: Any) -> Any:
        if not request.headers["X-Amz-Target"].endswith(b"PutItem"):
            return send(request)
        count[0] += 1
        if count[0] == 1:
            send(request)
            raise exceptions.ConnectionClosedError(endpoint_url="http://x")
        if count[0] <= 3:
            raise exceptions.EndpointConnectionError(endpoint_url="http://x", error="refused")
        return send(request)

    http.send = lossy
    assert store.save(ALICE) == [1]
    assert len(store.primary_entries(ALICE)) == 1
    assert count[0] == 4
