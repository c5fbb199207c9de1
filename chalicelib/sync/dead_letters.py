"""Dead letters: batches that the stream's event source gave up on. They say where in the stream,
never what.

A letter is the record that Lambda sends to an event source's on-failure destination (Lambda
developer guide, "Retain records of failed invocations"): which shard, and from which sequence
number to which. The stream itself, read there again, says whose logs they were.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Record = Mapping[str, Any]
"""A stream record in AWS's shape, of which only the keys are used."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A stretch of one shard, both ends included."""

    stream_arn: str
    shard: str
    first: str
    last: str

    def holds(self, record: Record) -> bool:
        return int(self.first) <= sequence_number(record) <= int(self.last)

    def ends_before(self, record: Record) -> bool:
        return sequence_number(record) >= int(self.last)


@dataclass(frozen=True, slots=True)
class Letter:
    """`id` stays the same each time it is received; `receipt` is what deletes it this time.

    `batch` is None if it is some other message.
    """

    id: str
    receipt: str
    batch: Batch | None


def sequence_number(record: Record) -> int:
    return int(record["dynamodb"]["SequenceNumber"])


class Trimmed(Exception):
    """The stream no longer has these records: it keeps them for 24 hours."""


class DeadLetters(Protocol):
    """The queue of letters, and the stream that they point into."""

    def receive(self) -> Sequence[Letter]:
        """Some letters, hidden from others for a while; nothing when the queue is empty."""

    def records(self, batch: Batch) -> Sequence[Record]:
        """The records of the batch; `Trimmed` if they are gone."""

    def delete(self, letter: Letter) -> None: ...


class NoDeadLetters:
    """Where no event source runs."""

    def receive(self) -> Sequence[Letter]:
        return ()

    def records(self, batch: Batch) -> Sequence[Record]:
        raise Trimmed(batch.shard)

    def delete(self, letter: Letter) -> None:
        """There is none."""


def batch_of(message: Any) -> Batch | None:
    """The batch that an on-failure record names; None if it is no such record."""
    try:
        info = message["DDBStreamBatchInfo"]
        batch = Batch(
            stream_arn=str(info["streamArn"]),
            shard=str(info["shardId"]),
            first=str(info["startSequenceNumber"]),
            last=str(info["endSequenceNumber"]),
        )
        return batch if int(batch.first) <= int(batch.last) else None
    except (KeyError, TypeError, ValueError):
        return None
