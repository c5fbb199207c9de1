"""Dead letters on a laptop: a file with one line for each message that Lambda would send to a
queue."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

from chalicelib.sync.dead_letters import Batch, Letter, Record, batch_of
from chalicelib.sync.sqs_dead_letters import stream_records


@dataclass(frozen=True)
class FileDeadLetters:
    """`DeadLetters` over a file that a pump writes; `streams` is a client for dynamodbstreams."""

    path: Path
    streams: Any

    def receive(self) -> Sequence[Letter]:
        return [letter_of(line) for line in self._lines()]

    def records(self, batch: Batch) -> Sequence[Record]:
        return stream_records(self.streams, batch)

    def delete(self, letter: Letter) -> None:
        with locked(self.path):
            left = [line for line in self._lines() if line != letter.receipt]
            self.path.write_text("".join(line + "\n" for line in left), encoding="utf-8")

    def put(self, shard: str, records: Sequence[Record]) -> None:
        """Adds a letter for records that were given up (the pump's part)."""
        letter = json.dumps(on_failure_record(shard, records))
        with locked(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(letter + "\n")

    def _lines(self) -> list[str]:
        return self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []


def letter_of(line: str) -> Letter:
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    return Letter(line, line, batch_of(message))


def on_failure_record(shard: str, records: Sequence[Record]) -> Mapping[str, Any]:
    """Returns the message that Lambda sends about a batch that it gave up: where in the stream it
    stood, without any content (Lambda developer guide, "On-failure destinations")."""
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    return {
        "requestContext": {"condition": "RetryAttemptsExhausted"},
        "version": "1.0",
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": numbers[0],
            "endSequenceNumber": numbers[-1],
            "batchSize": len(records),
            "streamArn": records[0]["eventSourceARN"],
        },
    }


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the file's lock: the pump and an operation are two processes."""
    with path.with_suffix(".lock").open("ab") as lock:
        flock(lock, LOCK_EX)
        yield
