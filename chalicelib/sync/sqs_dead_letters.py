"""`DeadLetters` in AWS: an SQS queue, and the stream that its letters point into."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from botocore import exceptions

from chalicelib.botocore_client import client
from chalicelib.model.errors import Unavailable
from chalicelib.sync.dead_letters import Batch, Letter, Record, Trimmed, batch_of

AT_ONCE = 10
"""Messages that SQS gives at most (its API reference, ReceiveMessage)."""

LONG_POLL = 1
"""Seconds, fewer than a client of ours waits for. A poll that may not wait asks a few of the
queue's servers alone, and may find nothing where there is some (SQS developer guide, "Short
polling")."""

MAX_EMPTY_PAGES = 100
"""A shard may answer empty pages before the next record (DynamoDB API reference, GetRecords)."""

_GONE = ("TrimmedDataAccessException", "ResourceNotFoundException")


class SqsDeadLetters:
    """`sqs` and `streams` are botocore clients of those names."""

    @classmethod
    def from_environment(cls, queue_url: str) -> "SqsDeadLetters":
        return cls(client("sqs"), client("dynamodbstreams"), queue_url)

    def __init__(self, sqs: Any, streams: Any, queue_url: str) -> None:
        self._sqs = sqs
        self._streams = streams
        self._queue_url = queue_url

    def receive(self) -> Sequence[Letter]:
        found = self._sqs.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=AT_ONCE, WaitTimeSeconds=LONG_POLL
        )
        return [letter_of(message) for message in found.get("Messages", [])]

    def records(self, batch: Batch) -> Sequence[Record]:
        return stream_records(self._streams, batch)

    def delete(self, letter: Letter) -> None:
        self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=letter.receipt)


def letter_of(message: Any) -> Letter:
    try:
        body = json.loads(message["Body"])
    except ValueError:
        body = None
    return Letter(message["MessageId"], message["ReceiptHandle"], batch_of(body))


def stream_records(streams: Any, batch: Batch) -> list[Record]:
    """The records of the batch; `Trimmed` if the stream no longer has its beginning."""
    try:
        return [record for record in _from_its_first(streams, batch) if batch.holds(record)]
    except exceptions.ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise Trimmed(batch.shard) from error
        raise


def _from_its_first(streams: Any, batch: Batch) -> Iterator[Record]:
    found = streams.get_shard_iterator(
        StreamArn=batch.stream_arn,
        ShardId=batch.shard,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber=batch.first,
    )
    iterator, empty = found["ShardIterator"], 0
    while iterator is not None:
        found = streams.get_records(ShardIterator=iterator)
        yield from found["Records"]
        if found["Records"] and batch.ends_before(found["Records"][-1]):
            return
        empty = 0 if found["Records"] else empty + 1
        if empty > MAX_EMPTY_PAGES:
            raise Unavailable("stream")
        iterator = found.get("NextShardIterator")
