"""AWS Lambda's event source mapping for DynamoDB Streams, simulated: several shards, and faults.

DynamoDB Local's stream has one shard; here its records are spread over four by item key, each with
a worker of its own. So the records of one user are delivered concurrently and out of order, as
DynamoDB may do once a table is large. What comes of a delivery is as the Lambda developer guide
says in its chapter on DynamoDB Streams (partial batch responses, discarded batches).
"""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from random import Random
from typing import Any

from chalicelib.dynamodb.protocol import Dynamo
from chalicelib.model.entries import UserId
from chalicelib.sync.dead_letters import Batch, Letter, Record, Trimmed, batch_of
from local.pump import Pump
from tests.support import Intercepted

STREAM_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/images/stream/simulated"
SHARDS = 4
BATCH = 100

Answer = Mapping[str, Any] | None
StreamFunction = Callable[[dict[str, Any]], Answer]
"""A Lambda event in, ``{"batchItemFailures": [...]}`` out."""

Place = tuple[UserId, int]
"""A user and a cursor: what a record of the primary's stream names."""


class Crash(BaseException):
    """The function's process is gone. No `except Exception` sees this, as none would."""


class Fuse:
    """So many steps are left, of all threads together; from then on each is a crash."""

    def __init__(self, steps: int) -> None:
        self._left = steps
        self._lock = threading.Lock()

    def step(self, *_call: Any) -> None:
        with self._lock:
            self._left -= 1
            if self._left <= 0:
                raise Crash


class Crashes:
    """Ends a function in the midst of its calls to DynamoDB, in the thread that asked for it."""

    def __init__(self) -> None:
        self._armed = threading.local()

    def over(self, dynamo: Dynamo) -> Intercepted:
        """A `Dynamo` each of whose calls has two steps: before it, and before its reply."""
        return Intercepted(dynamo, before=self._step, after=self._step)

    def over_threads(self, dynamo: Dynamo) -> Intercepted:
        """The same for the work that is inside `after` now, whichever threads it makes calls in."""
        fuse: Fuse | None = getattr(self._armed, "fuse", None)
        return Intercepted(dynamo) if fuse is None else Intercepted(dynamo, fuse.step, fuse.step)

    @contextmanager
    def after(self, steps: int | None) -> Iterator[None]:
        """The work inside dies at that step, at the latest when it is about to answer."""
        self._armed.fuse = None if steps is None else Fuse(steps)
        try:
            yield
            if steps is not None:
                raise Crash
        finally:
            self._armed.fuse = None

    def _step(self, _operation: str, _request: Mapping[str, Any]) -> None:
        fuse: Fuse | None = getattr(self._armed, "fuse", None)
        if fuse is not None:
            fuse.step()


@dataclass(frozen=True, slots=True)
class Faults:
    """How likely it is that a delivery comes twice, that its function dies, that it never comes."""

    duplicate: float = 0.0
    crash: float = 0.0
    loss: float = 0.0


NO_FAULTS = Faults()
FAULTY = Faults(duplicate=0.20, crash=0.10, loss=0.05)
ALL_LOST = Faults(loss=1.0)

MAX_CRASH_STEP = 16
"""Steps within which a crash comes: a sync of one user has about six, so some die at the end."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The event source mapping's settings: MaximumRetryAttempts, BisectBatchOnFunctionError."""

    retries: int = 5
    bisect: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call of the function. `done` leading records need no further one; None: it failed."""

    shard: str
    records: tuple[Record, ...]
    done: int | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is to be delivered, and how often it was delivered again already."""

    records: tuple[Record, ...]
    retries: int = 0

    @property
    def again(self) -> "Attempt":
        return Attempt(self.records, self.retries + 1)

    def halves(self) -> list["Attempt"]:
        """Two batches out of one: this does not count as a retry."""
        middle = len(self.records) // 2
        parts = self.records[:middle], self.records[middle:]
        return [Attempt(part, self.retries) for part in parts]


@dataclass
class Shard:
    """The records waiting in one shard, all that it ever held, and its own source of chance."""

    name: str
    random: Random
    waiting: "Queue[Record | None]" = field(default_factory=Queue)
    archive: list[Record] = field(default_factory=list)

    def put(self, record: Record) -> None:
        self.archive.append(record)
        self.waiting.put(record)

    def take(self) -> tuple[Record, ...]:
        """Waits for a record, and takes what else is there, in order; nothing: it is the end."""
        taken = [self.waiting.get()]
        with suppress(Empty):
            while len(taken) < BATCH and taken[-1] is not None:
                taken.append(self.waiting.get_nowait())
        return tuple(record for record in taken if record is not None)

    def is_idle(self) -> bool:
        return not self.waiting.unfinished_tasks


class EventSource:
    """Delivers what it is fed to the function; a context manager that runs the shards' workers.

    `function` makes its calls through `crashes.over(…)`. `counts` says what was done to deliveries.
    """

    def __init__(
        self,
        function: StreamFunction,
        seed: int,
        faults: Faults = NO_FAULTS,
        rules: Rules = Rules(),
        crashes: Crashes | None = None,
    ) -> None:
        self._function = function
        self._rules = rules
        self._crashes = crashes or Crashes()
        self.faults = faults
        self.shards = [Shard(f"shardId-{n}", Random(f"{seed} {n}")) for n in range(SHARDS)]
        self.counts: Counter[str] = Counter()
        self.deliveries: list[Delivery] = []
        self.dead_letters: list[dict[str, Any]] = []
        self.undelivered: set[Place] = set()
        self.trouble: list[BaseException] = []
        self._counting = threading.Lock()

    # What comes in

    def feed(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Spreads the records over the shards. Has a stream function's form, so a pump may call."""
        for record in event["Records"]:
            self._count("records")
            self.shards[shard_of(record)].put(record)
        return {"batchItemFailures": []}

    def is_idle(self) -> bool:
        """Whether everything that was fed has been dealt with. A worker's own trouble is raised."""
        if self.trouble:
            raise self.trouble[0]
        return all(shard.is_idle() for shard in self.shards)

    # Running

    def __enter__(self) -> "EventSource":
        self._workers = [
            threading.Thread(target=self._work, args=[shard], daemon=True) for shard in self.shards
        ]
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        for shard in self.shards:
            shard.waiting.put(None)
        for worker in self._workers:
            worker.join(60)
        assert not any(worker.is_alive() for worker in self._workers)

    def _work(self, shard: Shard) -> None:
        try:
            while records := shard.take():
                self._deal(shard, records)
                for _ in records:
                    shard.waiting.task_done()
        except BaseException as error:
            self.trouble.append(error)
            raise

    def _deal(self, shard: Shard, records: tuple[Record, ...]) -> None:
        if shard.random.random() < self.faults.loss:
            self._count("losses")
            self._leave(records)
            return
        self._until_done(shard, records)
        if shard.random.random() < self.faults.duplicate:
            self._count("duplicates")
            self._deliver(shard, records)

    def _until_done(self, shard: Shard, records: tuple[Record, ...]) -> None:
        attempts = [Attempt(records)]
        while attempts:
            attempt = attempts.pop(0)
            done = self._deliver(shard, attempt.records)
            if done == len(attempt.records):
                continue
            left = Attempt(attempt.records[done or 0 :], attempt.retries)
            if done is None and self._rules.bisect and len(left.records) > 1:
                attempts = left.halves() + attempts
            elif left.retries == self._rules.retries:
                self._give_up(shard, left)
            else:
                self._count("retries")
                attempts.insert(0, left.again)

    def _deliver(self, shard: Shard, records: tuple[Record, ...]) -> int | None:
        crash = shard.random.random() < self.faults.crash
        step = shard.random.randint(1, MAX_CRASH_STEP) if crash else None
        done = self._call(records, step)
        self._count("deliveries")
        self.deliveries.append(Delivery(shard.name, records, done))
        return done

    def _call(self, records: Sequence[Record], step: int | None) -> int | None:
        try:
            with self._crashes.after(step):
                answer = self._function({"Records": list(records)})
        except Crash:
            self._count("crashes")
            return None
        except Exception:
            self._count("errors")
            return None
        return done_of(records, answer)

    def _give_up(self, shard: Shard, attempt: Attempt) -> None:
        self._count("dead letters")
        self._leave(attempt.records)
        self.dead_letters.append(letter_of(shard.name, attempt))

    def _leave(self, records: Sequence[Record]) -> None:
        with self._counting:
            self.undelivered |= {place_of(record) for record in records}

    def _count(self, what: str) -> None:
        with self._counting:
            self.counts[what] += 1


@contextmanager
def streaming(table: str, source: EventSource, folder: Path) -> Iterator[None]:
    """The table's real stream, read until the end of the block, and fed to a running source."""
    pump = Pump.of(table, source.feed, folder, threading.Event())
    reader = threading.Thread(target=pump.run, daemon=True)
    with source:
        reader.start()
        try:
            yield
        finally:
            pump.stop.set()
            reader.join(30)


class DeadLetterQueue:
    """The source's on-failure destination, as `chalicelib.sync.dead_letters.DeadLetters` has it.

    `of` is set once the source is there: the source calls services which are built with the queue.
    """

    def __init__(self) -> None:
        self.of: EventSource | None = None
        self._deleted: set[str] = set()

    def receive(self) -> Sequence[Letter]:
        letters = enumerate(self.of.dead_letters if self.of else [])
        named = [Letter(f"id-{n}", f"receipt-{n}", batch_of(letter)) for n, letter in letters]
        return [letter for letter in named if letter.receipt not in self._deleted]

    def records(self, batch: Batch) -> Sequence[Record]:
        for shard in self.of.shards if self.of else []:
            if shard.name == batch.shard:
                return [record for record in shard.archive if batch.holds(record)]
        raise Trimmed(batch.shard)

    def delete(self, letter: Letter) -> None:
        self._deleted.add(letter.receipt)


def shard_of(record: Record) -> int:
    """By item key: the records of one user come from all shards."""
    key = json.dumps(record["dynamodb"]["Keys"], sort_keys=True)
    return hashlib.sha256(key.encode()).digest()[0] % SHARDS


def place_of(record: Record) -> Place:
    keys = record["dynamodb"]["Keys"]
    return UserId(keys["user_id"]["S"]), int(keys["cursor"]["N"])


def done_of(records: Sequence[Record], answer: Answer) -> int | None:
    """How many leading records the answer calls done; None: the whole batch has failed.

    The lowest number that is reported is the checkpoint: everything from it on comes again. One
    that is no record's, or no number, fails the batch.
    """
    failures = (answer or {}).get("batchItemFailures") or []
    reported = {str(failure.get("itemIdentifier")) for failure in failures}
    places = {record["dynamodb"]["SequenceNumber"]: at for at, record in enumerate(records)}
    if not reported <= set(places):
        return None
    return min((places[number] for number in reported), default=len(records))


def letter_of(shard: str, attempt: Attempt) -> dict[str, Any]:
    """What Lambda sends to an on-failure destination: where the records were, and no record."""
    first, last = attempt.records[0]["dynamodb"], attempt.records[-1]["dynamodb"]
    return {
        "requestContext": {
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": attempt.retries + 1,
        },
        "responseContext": {"statusCode": 200},
        "version": "1.0",
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": first["SequenceNumber"],
            "endSequenceNumber": last["SequenceNumber"],
            "batchSize": len(attempt.records),
            "streamArn": STREAM_ARN,
        },
    }
