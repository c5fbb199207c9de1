"""The event source of a laptop: it reads the primary's real stream and calls the stream function.

It does what Lambda's event source mapping does: batches in order per shard, parents before their
children, inserts only, partial failures by `batchItemFailures`, a bounded number of retries. How
far each shard was read is kept in a file, so that what is written while nothing runs is synced at
the next start.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import botocore.session

from chalicelib.timing import Clock
from local.letters import FileDeadLetters
from local.workspace import write_atomically

BATCH = 100
IDLE_SECONDS = 0.1
DESCRIBE_SECONDS = 5.0
TROUBLE_SECONDS = 0.3
MAX_RETRIES = 5
MAX_RETRY_PAUSE = 5.0
SHARD_END = "SHARD_END"

Record = Mapping[str, Any]
StreamFunction = Callable[[dict[str, Any]], Mapping[str, Any]]
"""A Lambda event in, ``{"batchItemFailures": [...]}`` out."""

log = logging.getLogger(__name__)


class Checkpoints:
    """Per shard, the last sequence number that was dealt with, in one durable file.

    The numbers are a stream's own: another stream (tables made anew) begins with none.
    """

    def __init__(self, path: Path, stream_arn: str) -> None:
        self._path = path
        self._stream_arn = stream_arn
        stored = json.loads(path.read_text()) if path.exists() else {}
        self._shards: dict[str, str] = (
            stored["shards"] if stored.get("stream") == stream_arn else {}
        )

    def get(self, shard: str) -> str | None:
        return self._shards.get(shard)

    def put(self, shard: str, sequence_number: str) -> None:
        self._shards[shard] = sequence_number
        self._write()

    def keep_only(self, shards: Iterable[str]) -> None:
        """Forgets shards that the stream no longer has."""
        kept = {shard: self._shards[shard] for shard in shards if shard in self._shards}
        if kept != self._shards:
            self._shards = kept
            self._write()

    def _write(self) -> None:
        content = {"stream": self._stream_arn, "shards": self._shards}
        write_atomically(self._path, json.dumps(content).encode())


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is left of a batch after the function has answered: the records to deliver again."""

    done: Sequence[Record]
    left: Sequence[Record]


def delivered(records: Sequence[Record], answer: Mapping[str, Any]) -> Delivery:
    """Splits the batch at the lowest failed sequence number, as Lambda does.

    An answer that names an unknown record fails the whole batch ("Reporting batch item failures",
    Lambda developer guide).
    """
    failed = {failure["itemIdentifier"] for failure in answer.get("batchItemFailures", [])}
    numbers = [sequence_number(record) for record in records]
    if not failed <= set(numbers):
        return Delivery([], records)
    first = min((numbers.index(number) for number in failed), default=len(records))
    return Delivery(records[:first], records[first:])


def sequence_number(record: Record) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def lambda_event(records: Iterable[Record], stream_arn: str) -> dict[str, Any]:
    """GetRecords' answer in the shape in which Lambda hands records to a function."""
    return {
        "Records": [
            {
                **record,
                "eventSourceARN": stream_arn,
                "dynamodb": {
                    **record["dynamodb"],
                    "ApproximateCreationDateTime": record["dynamodb"][
                        "ApproximateCreationDateTime"
                    ].timestamp(),
                },
            }
            for record in records
        ]
    }


@dataclass
class Pump:
    """Reads one stream until told to stop. `streams` is a boto client for dynamodbstreams."""

    streams: Any
    stream_arn: str
    function: StreamFunction
    checkpoints: Checkpoints
    dead_letters: FileDeadLetters
    stop: threading.Event
    clock: Clock = field(default_factory=Clock)
    _iterators: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, table: str, function: StreamFunction, folder: Path, stop: threading.Event) -> Self:
        """A pump for the table's stream, by AWS's environment; its files are in `folder`."""
        tables: Any = botocore.session.get_session().create_client("dynamodb")
        streams = streams_client()
        stream_arn = tables.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        return cls(
            streams=streams,
            stream_arn=stream_arn,
            function=function,
            checkpoints=Checkpoints(folder / "stream-checkpoint.json", stream_arn),
            dead_letters=FileDeadLetters(folder / "dead-letters.jsonl", streams),
            stop=stop,
        )

    def run(self) -> None:
        """Until `stop` is set; trouble with the stream is logged and tried again."""
        while not self.stop.is_set():
            try:
                self._read_shards()
            except Exception as error:  # the doorbell must go on, whatever happens
                # An iterator lives 15 minutes and records 24 hours; either may have ended.
                log.warning("stream: %s; looking at it again", _name(error))
                self._iterators.clear()
                self.stop.wait(TROUBLE_SECONDS)

    def _read_shards(self) -> None:
        shards = self._describe()
        self.checkpoints.keep_only(shard["ShardId"] for shard in shards)
        described_until = self.clock.monotonic() + DESCRIBE_SECONDS
        while not self.stop.is_set() and self.clock.monotonic() < described_until:
            ready = [shard["ShardId"] for shard in shards if self._is_ready(shard, shards)]
            records = sum(self._read_shard(shard) for shard in ready)
            if not records:
                self.stop.wait(IDLE_SECONDS)

    def _describe(self) -> list[Mapping[str, Any]]:
        shards: list[Mapping[str, Any]] = []
        start: dict[str, str] = {}
        while True:
            found = self.streams.describe_stream(StreamArn=self.stream_arn, **start)
            shards += found["StreamDescription"]["Shards"]
            last = found["StreamDescription"].get("LastEvaluatedShardId")
            if last is None:
                return shards
            start = {"ExclusiveStartShardId": last}

    def _is_ready(self, shard: Mapping[str, Any], shards: Sequence[Mapping[str, Any]]) -> bool:
        """Whether the shard has something left, and its parent nothing (or has been trimmed)."""
        parent = shard.get("ParentShardId")
        parent_is_there = any(other["ShardId"] == parent for other in shards)
        parent_done = not parent_is_there or self.checkpoints.get(str(parent)) == SHARD_END
        return parent_done and self.checkpoints.get(shard["ShardId"]) != SHARD_END

    def _read_shard(self, shard: str) -> int:
        iterator = self._iterators.get(shard) or self._iterator(shard)
        found = self.streams.get_records(ShardIterator=iterator, Limit=BATCH)
        records = found["Records"]
        if records:
            self._deliver(shard, records)
        if self.stop.is_set():  # perhaps in the middle of the delivery
            return len(records)
        following = found.get("NextShardIterator")
        if following is None:
            self.checkpoints.put(shard, SHARD_END)
        else:
            self._iterators[shard] = following
        return len(records)

    def _iterator(self, shard: str) -> str:
        after = self.checkpoints.get(shard)
        start = {"ShardIteratorType": "TRIM_HORIZON"}
        if after is not None:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after}
        try:
            found = self.streams.get_shard_iterator(
                StreamArn=self.stream_arn, ShardId=shard, **start
            )
        except self.streams.exceptions.TrimmedDataAccessException:
            found = self.streams.get_shard_iterator(
                StreamArn=self.stream_arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )
        return str(found["ShardIterator"])

    def _deliver(self, shard: str, records: Sequence[Record]) -> None:
        """Delivers the batch until all of it is done or given up; the checkpoint follows."""
        left = records
        retries = 0
        while left and not self.stop.is_set():
            outcome = self._call(left)
            if outcome.done:
                self.checkpoints.put(shard, sequence_number(outcome.done[-1]))
                retries = 0
            left = outcome.left
            if left and retries == MAX_RETRIES:
                self._give_up(shard, left[0])
                self.checkpoints.put(shard, sequence_number(left[0]))
                left, retries = left[1:], 0
            elif left:
                self.stop.wait(min(MAX_RETRY_PAUSE, 0.2 * 2**retries))
                retries += 1

    def _call(self, records: Sequence[Record]) -> Delivery:
        inserts = [record for record in records if record["eventName"] == "INSERT"]
        if not inserts:
            return Delivery(records, [])
        try:
            answer = self.function(lambda_event(inserts, self.stream_arn))
        except Exception as error:  # a raising function fails its batch
            log.warning("stream function: %s; delivering again", _name(error))
            return Delivery([], records)
        return delivered(records, answer)

    def _give_up(self, shard: str, record: Record) -> None:
        number = sequence_number(record)
        log.error("stream record %s given up after %d retries", number, MAX_RETRIES)
        self.dead_letters.put(shard, [{**record, "eventSourceARN": self.stream_arn}])


def streams_client() -> Any:
    """By AWS's environment."""
    return botocore.session.get_session().create_client("dynamodbstreams")


def _name(error: Exception) -> str:
    return type(error).__name__
