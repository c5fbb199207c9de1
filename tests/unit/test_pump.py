"""The pump: what Lambda's event source would do, over a stream made by hand."""

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.model.timing import Clock
from local.dead_letters import FileDeadLetters
from local.pump import MAX_RETRIES, Checkpoints, Pump, Trouble, delivered, lambda_event

ARN = "arn:aws:dynamodb:ddblocal:000000000000:table/images/stream/1"


class NoWait(threading.Event):
    """An event whose waits take no time."""

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        return self.is_set()


def error(code: str, message: str, operation: str) -> ClientError:
    """As DynamoDB Local was seen to answer."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


TRIMMED = error(
    "TrimmedDataAccessException",
    "The operation attempted to read past the oldest stream record in a shard.",
    "GetRecords",
)
INVALID = error("ValidationException", "Invalid SequenceNumber for the shard", "GetShardIterator")
NO_SHARD = error("ResourceNotFoundException", "Invalid ShardId in ShardIterator", "GetRecords")


@dataclass
class Streams:
    """A dynamodbstreams client over lists. An iterator is ``shard:position``."""

    shards: dict[str, list[Mapping[str, Any]]]
    parents: dict[str, str] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    errors: list[Exception] = field(default_factory=list)
    refused: dict[str, ClientError] = field(default_factory=dict)
    """What is answered to who asks for a place: by ``shard:ITERATOR_TYPE``."""

    def describe_stream(self, StreamArn: str, **_start: str) -> Any:  # noqa: N803
        assert StreamArn == ARN
        shards = [
            {"ShardId": name}
            | ({"ParentShardId": parent} if parent else {})
            | {"SequenceNumberRange": {"EndingSequenceNumber": "9"} if name in self.closed else {}}
            for name in self.shards
            for parent in [self.parents.get(name)]
        ]
        return {"StreamDescription": {"Shards": shards}}

    def get_shard_iterator(self, ShardId: str, ShardIteratorType: str, **more: str) -> Any:  # noqa: N803
        refusal = self.refused.get(f"{ShardId}:{ShardIteratorType}")
        if refusal is not None and refusal.operation_name == "GetShardIterator":
            raise refusal
        if refusal is not None:
            return {"ShardIterator": f"{ShardId}:{ShardIteratorType}"}
        numbers = [record["dynamodb"]["SequenceNumber"] for record in self.shards[ShardId]]
        position = 0
        if ShardIteratorType == "AFTER_SEQUENCE_NUMBER":
            position = numbers.index(more["SequenceNumber"]) + 1
        return {"ShardIterator": f"{ShardId}:{position}"}

    def get_records(self, ShardIterator: str, Limit: int) -> Any:  # noqa: N803
        if self.errors:
            raise self.errors.pop()
        if ShardIterator in self.refused:
            raise self.refused[ShardIterator]
        shard, start = ShardIterator.split(":")
        records = self.shards[shard][int(start) : int(start) + Limit]
        end = int(start) + len(records)
        if shard in self.closed and end == len(self.shards[shard]):
            return {"Records": records}
        return {"Records": records, "NextShardIterator": f"{shard}:{end}"}


def record(number: int, name: str = "INSERT", user: str = "u") -> dict[str, Any]:
    return {
        "eventName": name,
        "dynamodb": {
            "ApproximateCreationDateTime": datetime(2026, 1, 1, tzinfo=UTC),
            "Keys": {"user_id": {"S": user}, "cursor": {"N": str(number)}},
            "SequenceNumber": str(number),
        },
    }


def numbers_of(event: Mapping[str, Any]) -> list[int]:
    return [int(record["dynamodb"]["SequenceNumber"]) for record in event["Records"]]


@dataclass
class Bench:
    """A pump over `streams`, run until the stream is idle or `enough` says so."""

    streams: Streams
    folder: Path
    answers: Callable[[dict[str, Any]], Mapping[str, Any]] = lambda _event: {}
    events: list[list[int]] = field(default_factory=list)
    stop: NoWait = field(default_factory=NoWait)
    sweeps: list[None] = field(default_factory=list)

    @property
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self.folder / "checkpoint.json", ARN)

    def run(self, idle: int = 3) -> None:
        stop = self.stop = NoWait()
        rounds = iter(range(1000))
        seen = [0]

        def tick() -> float:
            """Each look at the clock is a step; stops after some without an event."""
            step = next(rounds)
            if step - seen[0] > idle * 2:
                stop.set()
            return 0.0

        def function(event: dict[str, Any]) -> Mapping[str, Any]:
            json.dumps(event)  # Lambda's events are JSON
            self.events.append(numbers_of(event))
            return self.answers(event)

        pump = Pump(
            self.streams,
            ARN,
            function,
            self.checkpoints,
            FileDeadLetters(self.folder / "dead-letters.jsonl", self.streams),
            stop,
            lambda: self.sweeps.append(None),
            Clock()._replace(monotonic=tick),
        )
        pump.run()


def failures(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": str(number)} for number in numbers]}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(Streams({"s": [record(1), record(2), record(3)]}), tmp_path)


def test_delivers_in_order_and_goes_on_after_a_restart(bench: Bench) -> None:
    """What was delivered is not delivered again by the next run; what came since is."""
    bench.run()
    bench.streams.shards["s"].append(record(4))
    bench.run()
    assert bench.events == [[1, 2, 3], [4]]


def test_only_inserts_are_delivered(bench: Bench) -> None:
    """The event source's filter: what is no insert never reaches the function."""
    bench.streams.shards["s"] = [record(1, "MODIFY"), record(2), record(3, "REMOVE")]
    bench.run()
    assert bench.events == [[2]]


def test_a_batch_of_other_records_alone_is_passed_over(bench: Bench) -> None:
    """Filtered records move the checkpoint too."""
    bench.streams.shards["s"] = [record(1, "MODIFY")]
    bench.run()
    assert bench.events == []
    assert bench.checkpoints.get("s") == "1"


def test_delivers_again_from_the_lowest_failure(bench: Bench) -> None:
    """A reported record and all behind it come again; those before it do not."""
    answers = iter([failures(3, 2), {}])
    bench.answers = lambda _event: next(answers)
    bench.run()
    assert bench.events == [[1, 2, 3], [2, 3]]


@pytest.mark.parametrize("answer", [failures(99), {"batchItemFailures": [{"itemIdentifier": ""}]}])
def test_an_unknown_failure_fails_the_whole_batch(bench: Bench, answer: Mapping[str, Any]) -> None:
    """As Lambda has it, an identifier that is not of the batch fails all of it."""
    answers = iter([answer, {}])
    bench.answers = lambda _event: next(answers)
    bench.run()
    assert bench.events == [[1, 2, 3], [1, 2, 3]]


def test_a_raising_function_fails_its_batch(bench: Bench) -> None:
    """An error of the function loses nothing."""
    answers = iter([True, False])

    def answer(_event: dict[str, Any]) -> Mapping[str, Any]:
        if next(answers):
            raise RuntimeError
        return {}

    bench.answers = answer
    bench.run()
    assert bench.events == [[1, 2, 3], [1, 2, 3]]


def test_a_record_that_always_fails_is_given_up_and_kept(bench: Bench) -> None:
    """After its retries a poisoned record goes to the dead letters, and the stream goes on."""
    bench.answers = lambda event: failures(2) if 2 in numbers_of(event) else {}
    bench.run()
    assert bench.events == [[1, 2, 3]] + [[2, 3]] * MAX_RETRIES + [[3]]
    (letter,) = (bench.folder / "dead-letters.jsonl").read_text().splitlines()
    batch = json.loads(letter)["DDBStreamBatchInfo"]
    assert (batch["startSequenceNumber"], batch["endSequenceNumber"]) == ("2", "2")
    assert (batch["shardId"], batch["streamArn"]) == ("s", ARN)
    assert bench.checkpoints.get("s") == "3"


def test_children_wait_for_their_parents(bench: Bench) -> None:
    """A shard that split is read to its end before its children."""
    bench.streams = Streams(
        {"child": [record(3)], "parent": [record(1), record(2)]},
        parents={"child": "parent", "parent": "trimmed long ago"},
        closed={"parent"},
    )
    bench.run()
    assert bench.events == [[1, 2], [3]]


@pytest.mark.parametrize("refusal", [TRIMMED, INVALID], ids=["trimmed", "numbered anew"])
def test_a_forgotten_place_is_dropped_and_the_sweep_runs(
    bench: Bench, refusal: ClientError, caplog: pytest.LogCaptureFixture
) -> None:
    """After a day without a write reading begins anew; the sweep does what was forgotten unread."""
    bench.checkpoints.put("s", "0")
    bench.streams.refused["s:AFTER_SEQUENCE_NUMBER"] = refusal
    bench.run()
    assert bench.events == [[1, 2, 3]]
    assert bench.checkpoints.get("s") == "3"
    assert len(bench.sweeps) == 1
    assert caplog.text.count("WARNING") == 1


@pytest.mark.parametrize("refusal", [TRIMMED, NO_SHARD], ids=["its records", "itself"])
@pytest.mark.parametrize("place", [None, "0"], ids=["never read", "read in part"])
def test_a_closed_shard_that_is_forgotten_is_passed_over(
    bench: Bench, refusal: ClientError, place: str | None
) -> None:
    """Its child is read, though it never told its own end; the sweep does what it had."""
    bench.streams = Streams(
        {"parent": [], "child": [record(3)]}, parents={"child": "parent"}, closed={"parent"}
    )
    for kind in ("AFTER_SEQUENCE_NUMBER", "TRIM_HORIZON"):
        bench.streams.refused[f"parent:{kind}"] = refusal
    if place is not None:
        bench.checkpoints.put("parent", place)
    bench.run()
    assert bench.events == [[3]]
    assert bench.sweeps


def test_a_closed_shard_that_never_ends_is_passed_over(bench: Bench) -> None:
    """Numbered anew, it answers no records and always a next iterator."""
    bench.streams = Streams(
        {"parent": [record(1)], "child": [record(3)]}, parents={"child": "parent"}
    )
    bench.run()
    assert bench.events == [[1], [3]]


def test_an_open_shard_whose_records_are_all_forgotten_is_waited_for(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """Until the next write DynamoDB Local refuses any place in it. That is no trouble."""
    bench.streams.refused["s:TRIM_HORIZON"] = TRIMMED
    bench.run()
    assert (bench.events, bench.sweeps, caplog.text) == ([], [], "")
    del bench.streams.refused["s:TRIM_HORIZON"]
    bench.run()
    assert bench.events == [[1, 2, 3]]


def test_an_error_is_said_once_and_waited_for_longer_each_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trouble = Trouble("stream")
    pauses = [trouble.begin(OSError()) for _ in range(8)]
    assert pauses == [0.3, 0.6, 1.2, 2.4, 4.8, 9.6, 10.0, 10.0]
    assert caplog.text.count("stream: OSError") == 1
    trouble.begin(ValueError())
    assert caplog.text.count("stream: ValueError") == 1


def test_when_the_trouble_is_over_it_is_said_and_forgotten(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trouble = Trouble("stream")
    trouble.end()
    assert caplog.text == ""
    trouble.begin(OSError())
    trouble.end()
    assert "stream: works again" in caplog.text
    assert trouble.begin(OSError()) == 0.3
    assert caplog.text.count("stream: OSError") == 2


def test_a_stop_in_the_middle_of_a_closed_shard_loses_nothing(bench: Bench) -> None:
    """What was not delivered when the pump was stopped is delivered by the next run."""
    bench.streams.closed = {"s"}
    stopping = [True]

    def answer(_event: dict[str, Any]) -> Mapping[str, Any]:
        if stopping:
            stopping.pop()
            bench.stop.set()
            return failures(2)
        return {}

    bench.answers = answer
    bench.run()
    bench.run()
    assert bench.events == [[1, 2, 3], [2, 3]]


def test_any_trouble_is_survived(bench: Bench) -> None:
    """A full disk, say, is logged and tried again; the pump never ends by itself."""
    bench.streams.errors = [OSError("no space left on device")]
    bench.run()
    assert bench.events == [[1, 2, 3]]


def test_an_expired_iterator_is_made_anew(bench: Bench) -> None:
    """An error of the stream is no end: the pump looks at the stream again and goes on."""
    expired: Any = {"Error": {"Code": "ExpiredIteratorException", "Message": ""}}
    bench.streams.errors = [ClientError(expired, "GetRecords")]
    bench.run()
    assert bench.events == [[1, 2, 3]]


def test_another_streams_checkpoint_is_not_used(bench: Bench) -> None:
    """The numbers of a stream mean nothing for the stream of tables made anew."""
    Checkpoints(bench.folder / "checkpoint.json", ARN + "-old").put("s", "2")
    bench.run()
    assert bench.events == [[1, 2, 3]]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[]", b"3", b"{}", b'{"stream": "s", "shards": []}', b"[" * 10**5],
)
def test_a_damaged_checkpoint_is_dropped_and_the_sweep_runs(
    bench: Bench, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Reading starts at the oldest record. The sweep covers the records that are gone by then."""
    (bench.folder / "checkpoint.json").write_bytes(content)
    bench.run()
    assert (bench.events, len(bench.sweeps)) == ([[1, 2, 3]], 1)
    assert caplog.text.count("damaged") == 1
    bench.run()
    assert (bench.events, len(bench.sweeps)) == ([[1, 2, 3]], 1)


def test_the_event_has_lambdas_shape() -> None:
    """Records carry their source and a number for a time, as Lambda's JSON does."""
    (found,) = lambda_event([record(1)], ARN)["Records"]
    assert found["eventSourceARN"] == ARN
    assert found["dynamodb"]["ApproximateCreationDateTime"] == 1767225600.0


def test_nothing_failed_is_all_done() -> None:
    """An answer without failures, or an empty one, settles the batch."""
    records = [record(1), record(2)]
    answers: list[dict[str, Any]] = [{}, {"batchItemFailures": []}]
    for answer in answers:
        assert delivered(records, answer).left == []
