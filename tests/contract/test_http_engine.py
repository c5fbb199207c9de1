"""Calls over HTTP: what is sent again, and what an answer means.

DynamoDB Local answers where it can answer so, and a line that is told what to say where not.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from chalicelib.bootstrap import WRITE_TRIES, build
from chalicelib.dynamodb.client import TRIES, TRY_SECONDS, HttpDynamo
from chalicelib.dynamodb.connections import Reply, TransportFailed
from chalicelib.dynamodb.protocol import CALL_SECONDS, CallFailed, Refused, UnknownOutcome
from chalicelib.dynamodb.retry_quota import CAPACITY, FAILURE, TIME_OUT
from chalicelib.dynamodb.signing import Credentials, Signer
from chalicelib.model.errors import Unavailable
from chalicelib.model.timing import Clock
from chalicelib.services import Services
from chalicelib.store.table_names import TableNames
from tests.support import ALICE, Store, foreign, picture

Answer = Reply | Exception


class Line:
    """Carries calls to nobody: answers as it is told, again and again; `sent` is what came."""

    def __init__(self, answers: Sequence[Answer], seconds: float = 0) -> None:
        self.sent: list[tuple[Mapping[str, str], bytes]] = []
        self.paused: list[float] = []
        self.now = 0.0
        self._seconds = seconds
        self._answers = answers

    def post(self, headers: Mapping[str, str], body: bytes) -> Reply:
        self.now += self._seconds
        answer = self._answers[min(len(self.sent), len(self._answers) - 1)]
        self.sent.append((headers, body))
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def dynamo(self) -> HttpDynamo:
        return self.dynamo_of(lambda: Credentials("AKID", "secret"))

    def dynamo_of(self, credentials: Callable[[], Credentials]) -> HttpDynamo:
        clock = Clock(lambda: 1_800_000_000.0, lambda: self.now, self.paused.append)
        return HttpDynamo(self.post, Signer("dynamodb.example", "eu-central-1"), credentials, clock)


def problem(code: str, status: int = 400, **members: Any) -> Reply:
    named = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "secret", **members}
    return Reply(status, json.dumps(named).encode())


DONE = Reply(200, b"{}")
LOST = TransportFailed("TimeoutError")
SENT_AGAIN = {
    "InternalServerError": problem("InternalServerError", 500),
    "ServiceUnavailable": problem("ServiceUnavailable", 503),
    "ThrottlingException": problem("ThrottlingException"),
    "ProvisionedThroughputExceeded": problem("ProvisionedThroughputExceededException"),
    "RequestLimitExceeded": problem("RequestLimitExceeded"),
    "TransactionInProgress": problem("TransactionInProgressException"),
    "408": Reply(408, b""),
    "429": Reply(429, b"slow down"),
    "502": Reply(502, b"<html>"),
    "a lost reply": LOST,
    "an answer that is not JSON": Reply(200, b"<html>"),
}
IN_CONFLICT = [problem("TransactionConflictException"), problem("ReplicatedWriteConflictException")]
DEFECTS = ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"]


@pytest.mark.parametrize("answer", SENT_AGAIN.values(), ids=SENT_AGAIN)
@pytest.mark.parametrize("read", ["query", "scan", "get_item"])
def test_a_read_that_may_pass_is_sent_again_and_then_an_unknown_outcome(
    answer: Answer, read: str
) -> None:
    """So often and no more, with a pause in between."""
    line = Line([answer])
    with pytest.raises(UnknownOutcome):
        getattr(line.dynamo, read)(TableName="t")
    assert len(line.sent) == TRIES
    assert len(line.paused) == TRIES - 1


@pytest.mark.parametrize("answer", SENT_AGAIN.values(), ids=SENT_AGAIN)
@pytest.mark.parametrize("write", ["put_item", "update_item", "transact_write_items"])
def test_a_write_is_sent_once_whatever_breaks_on_the_way(answer: Answer, write: str) -> None:
    """It may have been done. Who made it tries again, and knows where to look."""
    line = Line([answer])
    with pytest.raises(UnknownOutcome):
        getattr(line.dynamo, write)(TableName="t")
    assert len(line.sent) == 1


@pytest.mark.parametrize("answer", SENT_AGAIN.values(), ids=SENT_AGAIN)
def test_a_try_that_is_answered_is_the_answer(answer: Answer) -> None:
    assert Line([answer, Reply(200, b'{"a": 1}')]).dynamo.query() == {"a": 1}


@pytest.mark.parametrize("answer", IN_CONFLICT)
def test_a_conflict_is_the_callers_to_wait_out(answer: Answer) -> None:
    """Who called knows at which cursor to try, and for how long."""
    line = Line([answer])
    with pytest.raises(UnknownOutcome):
        line.dynamo.put_item()
    assert len(line.sent) == 1


@pytest.mark.parametrize("code", DEFECTS)
def test_a_defect_is_told_by_its_code_alone(code: str) -> None:
    """What no repetition mends is not hidden; DynamoDB's message may quote the item."""
    line = Line([problem(code)])
    with pytest.raises(CallFailed, match=f"^{code}$"):
        line.dynamo.put_item()
    assert len(line.sent) == 1


def test_an_odd_cancellation_is_a_defect() -> None:
    """A transaction that can never be done is not taken for one that was not done this time."""
    reasons = [{"Code": "None"}, {"Code": "ValidationError", "Message": "secret"}]
    line = Line([problem("TransactionCanceledException", CancellationReasons=reasons)])
    with pytest.raises(CallFailed, match="TransactionCanceledException"):
        line.dynamo.transact_write_items()


def test_no_try_begins_that_those_who_wait_would_not_see_the_end_of() -> None:
    """A call is given up in time, however slowly each try fails."""
    line = Line([LOST], seconds=CALL_SECONDS - TRY_SECONDS)
    with pytest.raises(UnknownOutcome):
        line.dynamo.query()
    assert len(line.sent) == 1
    assert TRIES * TRY_SECONDS <= CALL_SECONDS


def test_credentials_are_asked_for_at_each_try() -> None:
    """So that those which end are used no longer."""
    line, keys = Line([LOST, DONE]), iter(["FIRST", "SECOND"])
    line.dynamo_of(lambda: Credentials(next(keys), "secret")).query()
    signed = [headers["authorization"] for headers, _body in line.sent]
    assert ["FIRST" in signed[0], "SECOND" in signed[1]] == [True, True]


class Outage:
    """A table that has nothing, and throttles the operations named."""

    def __init__(self, *throttled: str) -> None:
        self.sent: Counter[str] = Counter()
        self._throttled = throttled
        line = Line([])
        line.post = self._post  # type: ignore[method-assign]
        self._line = line

    def _post(self, headers: Mapping[str, str], body: bytes) -> Reply:  # noqa: ARG002
        operation = headers["x-amz-target"].partition(".")[2]
        self.sent[operation] += 1
        if operation in self._throttled:
            return problem("ThrottlingException")
        return Reply(200, b'{"Items": []}')

    def services(self) -> Services:
        """As app.py composes them."""
        clock = Clock(lambda: 1_800_000_000.0, lambda: 0.0, lambda _seconds: None)
        dynamo = self._line.dynamo
        names = TableNames("primary", "partition", "idempotency")
        return build(dynamo, names, clock, may_retry=dynamo.quota.may_retry)


def save(services: Services) -> None:
    services.primary.append(ALICE, [picture()], services.clock.deadline(16))


def test_a_throttled_save_is_so_many_puts_and_no_more() -> None:
    """The tries of the save alone: the engine does not multiply them. It sent 24 puts once."""
    outage = Outage("PutItem")
    with pytest.raises(Unavailable):
        save(outage.services())
    assert outage.sent == {"Query": 1, "PutItem": WRITE_TRIES}


def test_a_save_whose_tail_read_is_throttled_is_so_many_reads_and_no_more() -> None:
    outage = Outage("Query", "PutItem")
    with pytest.raises(Unavailable):
        save(outage.services())
    assert outage.sent == {"Query": TRIES}


@pytest.mark.parametrize("throttled", [["PutItem"], ["Query", "PutItem"]])
def test_an_outage_does_not_multiply(throttled: list[str]) -> None:
    """Of a hundred saves of one process, few are tried again: then its retries are used up."""
    outage = Outage(*throttled)
    services = outage.services()
    for _ in range(100):
        with pytest.raises(Unavailable):
            save(services)
    assert outage.sent[throttled[0]] <= 200


def test_those_who_read_in_a_role_of_their_own_share_the_retries() -> None:
    """They are the same process."""
    dynamo = Line([LOST]).dynamo
    assert dynamo.as_other(Credentials("AKID", "secret")).quota is dynamo.quota


def test_a_refusal_takes_no_retries() -> None:
    """Saves that meet at one cursor are no outage."""
    line = Line([problem("ConditionalCheckFailedException")])
    dynamo = line.dynamo
    for _ in range(200):
        with pytest.raises(Refused):
            dynamo.put_item()
    assert dynamo.quota.may_retry()


def late() -> TransportFailed:
    """As `Connections` tells of an answer that did not come in time."""
    failed = TransportFailed("TimeoutError")
    failed.__cause__ = TimeoutError()
    return failed


@pytest.mark.parametrize(("answer", "cost"), [(LOST, FAILURE), (late(), TIME_OUT)])
def test_a_failure_that_took_its_whole_time_takes_more(answer: Answer, cost: int) -> None:
    line = Line([answer])
    dynamo = line.dynamo
    for _ in range(CAPACITY // cost):
        assert dynamo.quota.may_retry()
        with pytest.raises(UnknownOutcome):
            dynamo.put_item()
    assert not dynamo.quota.may_retry()


@pytest.fixture
def losing(store: Store) -> Iterator[Callable[[int], list[bytes]]]:
    """Has the store lose so many replies to puts, after the first was acted on; tells the tries."""
    dynamo = store.dynamo
    assert isinstance(dynamo, HttpDynamo)
    post = dynamo.post

    def lose(many: int) -> list[bytes]:
        tries: list[bytes] = []

        def lossy(headers: Mapping[str, str], body: bytes) -> Reply:
            if not headers["x-amz-target"].endswith("PutItem"):
                return post(headers, body)
            tries.append(body)
            if len(tries) == 1:
                post(headers, body)
            if len(tries) <= many:
                raise LOST
            return post(headers, body)

        dynamo.post = lossy
        return tries

    yield lose
    dynamo.post = post


@pytest.mark.parametrize("lost", [1, TRIES, TRIES + 1])
def test_a_lost_reply_is_one_save(
    store: Store, losing: Callable[[int], list[bytes]], lost: int
) -> None:
    """The first try commits, its reply is lost, further ones fail: still one image."""
    tries = losing(lost)
    assert store.save(ALICE) == [1]
    assert len(store.primary_entries(ALICE)) == 1
    assert len(tries) == lost + 1


def test_it_goes_where_the_environment_points_to(store: Store) -> None:
    """Region, address and keys come from AWS's own variables."""
    store.put_entry(ALICE, foreign(1))
    other = {**os.environ, "AWS_ACCESS_KEY_ID": "another"}  # who has another database there
    with pytest.raises(CallFailed, match="ResourceNotFoundException"):
        HttpDynamo.from_environment(other).query(TableName=store.tables.primary)
