"""The event source on a laptop: reads the primary's stream, and calls the stream handler.

It does what Lambda's event source mapping does: batches in order per shard, parents before their
children, inserts only, partial failures by `batchItemFailures`, a bounded number of retries. How
far each shard was read is kept in a file, so that what is written while nothing runs is synced at
the next start.

A stream forgets after 24 hours. What was read last is then no place in it any more: reading begins
anew at the oldest record, and the sweep is asked to run at once for what was forgotten unread.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import botocore.session
from botocore.exceptions import ClientError

from chalicelib.model.timing import Clock
from local.dead_letters import FileDeadLetters
from local.workspace import write_atomically

BATCH = 100
IDLE_SECONDS = 0.1
DESCRIBE_SECONDS = 5.0
TROUBLE_SECONDS = 0.3
MAX_TROUBLE_PAUSE = 10.0
MAX_RETRIES = 5
MAX_RETRY_PAUSE = 5.0
SHARD_END = "SHARD_END"

Record = Mapping[str, Any]
Shard = Mapping[str, Any]
StreamFunction = Callable[[dict[str, Any]], Mapping[str, Any]]
"""A Lambda event in, ``{"batchItemFailures": [...]}`` out."""

log = logging.getLogger(__name__)


class Checkpoints:
    """Per shard, the last sequence number that was dealt with, in one durable file.

    The numbers are a stream's own: another stream (tables made anew) begins with none. So does a
    file that is damaged; then `is_lost` says that places were forgotten.
    """

    def __init__(self, path: Path, stream_arn: str) -> None:
        self._path = path
        self._stream_arn = stream_arn
        content = path.read_bytes() if path.exists() else b'{"stream": "", "shards": {}}'
        stored = checkpoint_in(content)
        self.is_lost = stored is None
        self._shards = stored[1] if stored is not None and stored[0] == stream_arn else {}

    def get(self, shard: str) -> str | None:
        return self._shards.get(shard)

    def put(self, shard: str, sequence_number: str) -> None:
        self._shards[shard] = sequence_number
        self._write()

    def forget(self, shard: str) -> None:
        del self._shards[shard]
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


def checkpoint_in(content: bytes) -> tuple[str, dict[str, str]] | None:
    """The stream, and the number of each shard; None if the content is damaged."""
    try:
        stored = json.loads(content)
        numbers = {str(shard): str(number) for shard, number in stored["shards"].items()}
        return str(stored["stream"]), numbers
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


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


def is_forgotten(error: ClientError, closed: bool) -> bool:
    """Whether the stream says that it no longer has the place, or the closed shard, asked for.

    DynamoDB Local finds a forgotten number invalid once all records of a shard are gone.
    """
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    return (
        code == "TrimmedDataAccessException"
        or (code == "ValidationException" and "SequenceNumber" in message)
        or (code == "ResourceNotFoundException" and closed)
    )


def is_closed(shard: Shard, shards: Iterable[Shard]) -> bool:
    """Whether the shard gets no more records."""
    has_child = any(other.get("ParentShardId") == shard["ShardId"] for other in shards)
    return has_child or "EndingSequenceNumber" in shard.get("SequenceNumberRange", {})


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
class Trouble:
    """Handles errors that come again and again: logs each once, and waits longer each time."""

    what: str
    _said: str | None = None
    _pause: float = TROUBLE_SECONDS

    def begin(self, error: Exception) -> float:
        """Logs the error, unless it was logged already. Returns the seconds to wait."""
        if self._said != _name(error):
            self._said = _name(error)
            log.warning("%s: %s; trying again, less and less often", self.what, self._said)
        pause, self._pause = self._pause, min(MAX_TROUBLE_PAUSE, self._pause * 2)
        return pause

    def end(self) -> None:
        """Logs that it works again, if there was trouble."""
        if self._said is not None:
            log.warning("%s: works again", self.what)
        self._said, self._pause = None, TROUBLE_SECONDS


@dataclass
class Pump:
    """Reads one stream until told to stop. `streams` is a boto client for dynamodbstreams.

    `sweep` asks for a sweep at once: records were forgotten before they were read.
    """

    streams: Any
    stream_arn: str
    function: StreamFunction
    checkpoints: Checkpoints
    dead_letters: FileDeadLetters
    stop: threading.Event
    sweep: Callable[[], None] = lambda: None
    clock: Clock = field(default_factory=Clock)
    _iterators: dict[str, str] = field(default_factory=dict)
    _trouble: Trouble = field(default_factory=lambda: Trouble("stream"))

    @classmethod
    def of(
        cls,
        table: str,
        function: StreamFunction,
        folder: Path,
        stop: threading.Event,
        sweep: Callable[[], None] = lambda: None,
    ) -> Self:
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
            sweep=sweep,
        )

    def run(self) -> None:
        """Reads until `stop` is set. Logs trouble with the stream, and tries again."""
        if self.checkpoints.is_lost:
            log.warning("stream: the file that tells what was read is damaged; sweeping")
            self.sweep()
        while not self.stop.is_set():
            try:
                self._read_shards()
            except Exception as error:  # the stream handler must go on, whatever happens
                self._iterators.clear()  # one lives 15 minutes, and may have ended
                self.stop.wait(self._trouble.begin(error))

    def _read_shards(self) -> None:
        shards = self._describe()
        self.checkpoints.keep_only(shard["ShardId"] for shard in shards)
        described_until = self.clock.monotonic() + DESCRIBE_SECONDS
        while not self.stop.is_set() and self.clock.monotonic() < described_until:
            ready = [shard for shard in shards if self._is_ready(shard, shards)]
            records = sum(self._read(shard["ShardId"], is_closed(shard, shards)) for shard in ready)
            self._trouble.end()
            if not records:
                self.stop.wait(IDLE_SECONDS)

    def _describe(self) -> list[Shard]:
        shards: list[Shard] = []
        start: dict[str, str] = {}
        while True:
            found = self.streams.describe_stream(StreamArn=self.stream_arn, **start)
            shards += found["StreamDescription"]["Shards"]
            last = found["StreamDescription"].get("LastEvaluatedShardId")
            if last is None:
                return shards
            start = {"ExclusiveStartShardId": last}

    def _is_ready(self, shard: Shard, shards: Sequence[Shard]) -> bool:
        """Whether the shard has something left, and its parent nothing (or has been trimmed)."""
        parent = shard.get("ParentShardId")
        parent_is_there = any(other["ShardId"] == parent for other in shards)
        parent_done = not parent_is_there or self.checkpoints.get(str(parent)) == SHARD_END
        return parent_done and self.checkpoints.get(shard["ShardId"]) != SHARD_END

    def _read(self, shard: str, closed: bool) -> int:
        """Reads and delivers one batch. Answers its length."""
        try:
            iterator = self._iterators.get(shard) or self._iterator(shard)
            found = self.streams.get_records(ShardIterator=iterator, Limit=BATCH)
        except ClientError as error:
            if not is_forgotten(error, closed):
                raise
            self._begin_anew(shard, closed)
            return 0
        records = found["Records"]
        if records:
            self._deliver(shard, records)
        if self.stop.is_set():  # perhaps in the middle of the delivery
            return len(records)
        following = found.get("NextShardIterator")
        if following is None or (closed and not records):
            self.checkpoints.put(shard, SHARD_END)
        else:
            self._iterators[shard] = following
        return len(records)

    def _begin_anew(self, shard: str, closed: bool) -> None:
        """The place is forgotten: next comes the shard's oldest record.

        If that is forgotten too, a closed shard is passed over, and an open one is empty for now.
        """
        self._iterators.pop(shard, None)
        had_a_place = self.checkpoints.get(shard) is not None
        if had_a_place:
            log.warning(
                "stream: the place where it was read is forgotten (after 24 hours); sweeping"
            )
            self.checkpoints.forget(shard)
        elif closed:
            self.checkpoints.put(shard, SHARD_END)
        if had_a_place or closed:
            self.sweep()

    def _iterator(self, shard: str) -> str:
        after = self.checkpoints.get(shard)
        start = {"ShardIteratorType": "TRIM_HORIZON"}
        if after is not None:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after}
        found = self.streams.get_shard_iterator(StreamArn=self.stream_arn, ShardId=shard, **start)
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
