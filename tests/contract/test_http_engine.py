"""Calls over HTTP: what is sent again, and what an answer means.

DynamoDB Local answers where it can answer so, and a line that is told what to say where not.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from chalicelib.connections import Reply, TransportFailed
from chalicelib.dynamo import CALL_SECONDS, CallFailed, UnknownOutcome
from chalicelib.http_engine import TRIES, TRY_SECONDS, HttpDynamo
from chalicelib.signing import Credentials, Signer
from chalicelib.timing import Clock
from tests.support import ALICE, Store, foreign

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
def test_what_may_pass_is_sent_again_and_then_an_unknown_outcome(answer: Answer) -> None:
    """Whatever breaks on the way, the write may have been done by an earlier try."""
    line = Line([answer])
    with pytest.raises(UnknownOutcome):
        line.dynamo.put_item(TableName="t")
    assert len(line.sent) == TRIES
    assert len(line.paused) == TRIES - 1


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


def test_a_transaction_that_is_sent_again_is_the_same_one() -> None:
    """By its token; another call has another."""
    line = Line([LOST, DONE])
    dynamo = line.dynamo
    dynamo.transact_write_items(TransactItems=[])
    dynamo.transact_write_items(TransactItems=[])
    tokens = [json.loads(body)["ClientRequestToken"] for _headers, body in line.sent]
    assert tokens[0] == tokens[1] != tokens[2]


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
