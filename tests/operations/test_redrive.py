"""Redrive: the users of given-up batches are synced, and only then their letters go."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber

from chalicelib.dynamodb.protocol import UnknownOutcome
from chalicelib.model.entries import UserId
from chalicelib.model.errors import Unavailable
from chalicelib.sync.dead_letters import Batch, Letter, Record, Trimmed, batch_of
from chalicelib.sync.sqs_dead_letters import (
    AT_ONCE,
    LONG_POLL,
    SqsDeadLetters,
    letter_of,
    stream_records,
)
from local.dead_letters import on_failure_record
from tests.operations.support import Rig, assert_as_projected
from tests.support import ALICE, BOB, Store
from tests.unit.test_stream_handler import record

pytestmark = pytest.mark.real_engine

QUEUE = "https://sqs.us-east-1.amazonaws.com/000000000000/letters"
BATCH = Batch("arn:stream", "shard", "1", "3")
COUNTS = {"redriven": 0, "failed": 0, "trimmed": 0, "unreadable": 0, "users": 0}


@dataclass
class Letters:
    """A queue in memory, whose letters may be received again and again."""

    letters: list[Letter] = field(default_factory=list)
    users: dict[str, Sequence[UserId]] = field(default_factory=dict)

    def add(self, name: str, *users: UserId, batch: Batch | None = BATCH) -> None:
        self.letters.append(Letter(name, name, batch and replace(batch, shard=name)))
        self.users[name] = users

    def receive(self) -> Sequence[Letter]:
        return list(self.letters)

    def records(self, batch: Batch) -> Sequence[Record]:
        users = self.users[batch.shard]
        if not users:
            raise Trimmed(batch.shard)
        return [record(user, number) for number, user in enumerate(users, start=1)]

    def delete(self, letter: Letter) -> None:
        self.letters.remove(letter)

    @property
    def left(self) -> list[str]:
        return [letter.id for letter in self.letters]


def done(**counts: int) -> dict[str, Any]:
    return {"done": True} | COUNTS | counts


def test_redrive_syncs_the_users_and_deletes_the_letters(store: Store) -> None:
    """Each user of a letter is synced once; then the letter goes."""
    store.save(ALICE, 2)
    store.save(BOB)
    letters = Letters()
    letters.add("one", ALICE, BOB, ALICE)
    letters.add("two", BOB)
    rig = Rig.on(store, letters)
    assert rig.finish("redrive_dead_letters", {}) == done(redriven=2, users=3)
    assert letters.left == []
    assert_as_projected(store, ALICE)
    assert_as_projected(store, BOB)
    assert rig.finish("redrive_dead_letters", {}) == done()


def test_redrive_without_a_queue(store: Store) -> None:
    """Where no event source runs there is nothing to do."""
    assert Rig.on(store).finish("redrive_dead_letters", {}) == done()


def test_redrive_keeps_the_letter_of_a_user_who_fails(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """The other users are synced meanwhile; the failure is told as a metric, without content."""
    store.save(ALICE)
    store.save(BOB)
    letters = Letters()
    letters.add("both", ALICE, BOB)
    letters.add("bob", BOB)
    rig = Rig.on(store, letters)

    def fault(_operation: str, request: Any) -> None:
        if ALICE in str(request):
            raise UnknownOutcome("a prompt")

    rig.before(fault)
    assert rig.finish("redrive_dead_letters", {}) == done(redriven=1, failed=1, users=2)
    assert letters.left == ["both"]
    assert_as_projected(store, BOB)
    assert rig.metrics("SyncFailed") == 1
    assert "UnknownOutcome" in caplog.text
    assert "prompt" not in caplog.text + "".join(rig.lines)


def test_redrive_gives_up_trimmed_letters_and_leaves_strange_ones(store: Store) -> None:
    """What the stream forgot is for the sweep; what is no letter is not ours to delete."""
    letters = Letters()
    letters.add("trimmed")
    letters.add("strange", batch=None)
    letters.add("alice", ALICE)
    rig = Rig.on(store, letters)
    expected = done(redriven=1, trimmed=1, unreadable=1, users=1)
    assert rig.finish("redrive_dead_letters", {}) == expected
    assert letters.left == ["strange"]
    outcomes = [line.fields["outcome"] for line in rig.told("DeadLetters")]
    assert outcomes == ["trimmed", "unreadable", "redriven"]


def test_redrive_goes_on_past_a_letter_whose_records_cannot_be_read(store: Store) -> None:
    """One that points into a stream that is not ours stays, and holds up no other."""
    store.save(ALICE)
    letters = Letters()
    letters.add("alice", ALICE)
    letters.letters.insert(0, Letter("elsewhere", "elsewhere", BATCH))
    rig = Rig.on(store, letters)
    assert rig.finish("redrive_dead_letters", {}) == done(redriven=1, failed=1, users=1)
    assert letters.left == ["elsewhere"]
    assert_as_projected(store)


def test_redrive_without_time(store: Store) -> None:
    """Letters that are not come to stay, and the counts go on."""
    store.save(ALICE)
    letters = Letters()
    letters.add("one", ALICE)
    letters.add("two", ALICE)
    rig = Rig.on(store, letters)
    first = rig.call("redrive_dead_letters", {}, rig.after_calls(3))
    assert (first["done"], first["redriven"], letters.left) == (False, 1, ["two"])
    assert rig.finish("redrive_dead_letters", first["resume"]) == done(redriven=2, users=2)


def test_redrive_from_sqs(store: Store) -> None:
    """The queue is asked until it has no more; what is done is deleted by its receipt."""
    store.save(ALICE)
    session = botocore.session.get_session()
    sqs = session.create_client("sqs", endpoint_url="http://127.0.0.1:9")
    body = on_failure_record(shard_of(store), [first_record(store)])
    ask = {"QueueUrl": QUEUE, "MaxNumberOfMessages": AT_ONCE, "WaitTimeSeconds": LONG_POLL}
    with Stubber(sqs) as stub:
        stub.add_response(
            "receive_message",
            {"Messages": [message("1", json.dumps(body)), message("2", "hi")]},
            ask,
        )
        gone = {"QueueUrl": QUEUE, "ReceiptHandle": "receipt 1"}
        stub.add_response("delete_message", {}, gone)
        stub.add_response("receive_message", {"Messages": [message("2", "hi")]}, ask)
        rig = Rig.on(store, SqsDeadLetters(sqs, streams(), QUEUE))
        expected = done(redriven=1, unreadable=1, users=1)
        assert rig.finish("redrive_dead_letters", {}) == expected
        stub.assert_no_pending_responses()
    assert_as_projected(store)


def message(number: str, body: str) -> dict[str, str]:
    return {"MessageId": number, "ReceiptHandle": f"receipt {number}", "Body": body}


def streams() -> Any:
    return botocore.session.get_session().create_client("dynamodbstreams")


def stream_of(store: Store) -> str:
    (found,) = streams().list_streams(TableName=store.tables.primary)["Streams"]
    arn: str = found["StreamArn"]
    return arn


def shard_of(store: Store) -> str:
    shards = streams().describe_stream(StreamArn=stream_of(store))["StreamDescription"]["Shards"]
    name: str = shards[0]["ShardId"]
    return name


def all_records(store: Store) -> list[Record]:
    iterator = streams().get_shard_iterator(
        StreamArn=stream_of(store), ShardId=shard_of(store), ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    found: list[Record] = streams().get_records(ShardIterator=iterator)["Records"]
    return found


def first_record(store: Store) -> Record:
    return {**all_records(store)[0], "eventSourceARN": stream_of(store)}


def numbers(records: Sequence[Record]) -> list[str]:
    return [record["dynamodb"]["SequenceNumber"] for record in records]


def test_redrive_reads_the_batch_from_the_real_stream(store: Store) -> None:
    """Exactly the records from the first number to the last, both included."""
    store.save(ALICE, 6)
    every = numbers(all_records(store))
    batch = Batch(stream_of(store), shard_of(store), every[1], every[4])
    assert numbers(stream_records(streams(), batch)) == every[1:5]
    one = Batch(stream_of(store), shard_of(store), every[2], every[2])
    assert numbers(stream_records(streams(), one)) == every[2:3]


def test_redrive_from_a_stream_that_is_gone(store: Store) -> None:
    """A shard that is no longer there has been trimmed."""
    gone = Batch(stream_of(store), "shardId-00000000000000000000-00000000", "1" * 21, "2" * 21)
    with pytest.raises(Trimmed):
        stream_records(streams(), gone)


class Pages:
    """A stream of these pages; `end` tells whether its shard is closed."""

    def __init__(self, *pages: list[Record], end: bool = False) -> None:
        self._pages = pages
        self._end = end

    def get_shard_iterator(self, **_request: Any) -> dict[str, Any]:
        return {"ShardIterator": 0}

    def get_records(self, ShardIterator: int) -> dict[str, Any]:  # noqa: N803
        page = self._pages[ShardIterator] if ShardIterator < len(self._pages) else []
        following = ShardIterator + 1
        is_over = self._end and following >= len(self._pages)
        return {"Records": page} | ({} if is_over else {"NextShardIterator": following})


def test_redrive_reads_on_past_empty_pages() -> None:
    """A shard may answer nothing before it answers the rest."""
    one, two, three, four = (record("alice", number) for number in (1, 2, 3, 4))
    pages = Pages([], [one], [], [], [two, three, four])
    assert stream_records(pages, BATCH) == [one, two, three]
    assert stream_records(Pages([one], [two], end=True), BATCH) == [one, two]


def test_redrive_does_not_wait_for_ever() -> None:
    """A batch whose end never comes is an error, so that its letter stays."""
    with pytest.raises(Unavailable):
        stream_records(Pages([record("alice", 1)]), BATCH)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "null",
        "[]",
        "3",
        '{"DDBStreamBatchInfo": null}',
        '{"DDBStreamBatchInfo": {"streamArn": "a", "shardId": "s"}}',
        '{"DDBStreamBatchInfo": {"streamArn": "a", "shardId": "s",'
        ' "startSequenceNumber": "x", "endSequenceNumber": "y"}}',
        '{"DDBStreamBatchInfo": {"streamArn": "a", "shardId": "s",'
        ' "startSequenceNumber": "2", "endSequenceNumber": "1"}}',
    ],
)
def test_redrive_of_what_is_no_letter(body: str) -> None:
    """Whatever else lies in the queue is told apart, and breaks nothing."""
    assert letter_of(message("1", body)).batch is None


def test_redrive_reads_what_lambda_sends() -> None:
    """An on-failure record, as Lambda's developer guide shows it."""
    text = {
        "requestContext": {"condition": "RetryAttemptsExhausted"},
        "DDBStreamBatchInfo": {
            "shardId": "shardId-00000001573689847184-864758bb",
            "startSequenceNumber": "800000000003126276362",
            "endSequenceNumber": "800000000003126276362",
            "batchSize": 1,
            "streamArn": "arn:aws:dynamodb:us-east-2:123456789012:table/t/stream/2019",
        },
    }
    assert batch_of(text) == Batch(
        "arn:aws:dynamodb:us-east-2:123456789012:table/t/stream/2019",
        "shardId-00000001573689847184-864758bb",
        "800000000003126276362",
        "800000000003126276362",
    )
