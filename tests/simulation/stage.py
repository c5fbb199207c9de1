"""Everything that a simulation consists of, composed together: engine, network, product and
judge."""

import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.bootstrap import build
from chalicelib.dynamodb.protocol import Dynamo
from chalicelib.model.entries import Mark, Position, UserId
from chalicelib.services import Services
from chalicelib.store.table_names import TableNames
from tests.simulation.engine import Change, MemoryDynamo
from tests.simulation.invariants import Errand, Judge
from tests.simulation.network import Network, Roughness
from tests.simulation.plan import BELLS, Plan
from tests.simulation.scheduler import Scheduler, Task

TABLES = TableNames(primary="primary", partition="partition", idempotency="idempotency")
NAMES = ("alice", "bob", "carol", "dave")

REORDERED = "reordered"
"""A stream's trouble that no plan gives a chance to: one shard is faster than another."""

Record = Mapping[str, Any]

Mutate = Callable[[Dynamo], Dynamo]
"""Breaks the product on purpose, by what it asks of DynamoDB."""


def unchanged(dynamo: Dynamo) -> Dynamo:
    return dynamo


def user_of(number: int) -> UserId:
    return UserId(NAMES[number].ljust(43, "-"))


@dataclass(frozen=True, slots=True)
class Kept:
    """What a client has: images as they were told, and the position up to which they are so."""

    user: UserId
    position: Position
    images: Mapping[int, str]


class Shard:
    """A part of the primary's stream: records in order, and who waits for them."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.waiting: Task | None = None

    def take(self, most: int) -> list[Record]:
        batch, self.records = self.records[:most], self.records[most:]
        return batch


class Stream:
    """The primary's stream of keys, in shards by the hash of an item's key. `troubles` counts what
    befell its records until it was calm."""

    def __init__(self, scheduler: Scheduler, plan: Plan) -> None:
        self._scheduler = scheduler
        self._plan = plan
        self.shards = [Shard() for _ in range(BELLS)]
        self.all: list[Record] = []
        self.calm = False
        self.troubles: Counter[str] = Counter()
        self._newest: dict[str, str] = defaultdict(str)

    def emit(self, change: Change) -> None:
        record = record_of(change, len(self.all) + 1)
        self.all.append(record)
        if record["eventName"] == "INSERT" or self._strikes("unfiltered"):
            for _ in range(self._copies()):
                self.deliver(record)

    def deliver(self, record: Record) -> None:
        shard = self.shards[shard_of(record)]
        shard.records.append(record)
        if shard.waiting is not None:
            self._scheduler.wake(shard.waiting, self._scheduler.current.random.expovariate(20))
            shard.waiting = None

    def take(self, shard: Shard, most: int) -> list[Record]:
        batch = shard.take(most)
        for record in batch:
            self._note_order(record)
        return batch

    def _note_order(self, record: Record) -> None:
        """Whether a later record of the same user came before it, from another shard."""
        user = record["dynamodb"]["Keys"]["user_id"]["S"]
        number = record["dynamodb"]["SequenceNumber"]
        if not self.calm and number < self._newest[user]:
            self.troubles[REORDERED] += 1
        self._newest[user] = max(number, self._newest[user])

    def _copies(self) -> int:
        if self._strikes("dropped"):
            return 0
        return 2 if self._strikes("duplicated") else 1

    def _strikes(self, trouble: str) -> bool:
        chance = self._plan.troubles.get(trouble, 0)
        strikes = not self.calm and self._scheduler.current.random.random() < chance
        self.troubles[trouble] += strikes
        return strikes


class Stage:
    """Is told by the engine of every change, and passes it on to the judge and the stream."""

    def __init__(self, plan: Plan, mutate: Mutate = unchanged) -> None:
        self.plan = plan
        self.scheduler = Scheduler(str(plan.seed))
        self.judge = Judge(TABLES, lambda: self.scheduler.now)
        self.roughness = Roughness(self.scheduler, plan)
        self.engine = MemoryDynamo(TABLES, self.roughness, self)
        self.network = Network(self.engine, self.scheduler, plan)
        self.stream = Stream(self.scheduler, plan)
        self.commits = 0
        self.history: list[Sequence[Change]] = []
        self.kept: list[Kept] = []
        self.clock = self.network.clock()
        self._mutate = mutate
        self.errands: dict[Task, Errand] = {}
        self.request_ids: dict[Task, str] = {}
        self._issued = 0
        self._marks = 0

    @property
    def users(self) -> Sequence[UserId]:
        return [user_of(number) for number in range(self.plan.users)]

    def new_services(self) -> Services:
        """The product in a process of its own: what it remembers, no other process knows."""
        return build(
            self._mutate(self.network),
            TABLES,
            clock=self.clock,
            new_request_id=self._new_request_id,
            new_mark=self._new_mark,
            uniform=self._uniform,
            emit=lambda _line: None,
            at_once=1,  # here tasks take turns, not threads
        )

    def calm(self, *, calm: bool = True) -> None:
        """From now on nothing goes wrong and nothing is stale; or again, as planned."""
        self.network.calm = self.stream.calm = self.roughness.calm = calm

    def committed(self, changes: Sequence[Change]) -> None:
        self.commits += 1
        self.history.append(changes)
        self.judge.committed(changes)

    def shown(self, change: Change) -> None:
        self.judge.shown(change)
        if change.table == TABLES.primary and change.old != change.new:
            self.stream.emit(change)

    def _new_request_id(self) -> str:
        """Says who asked for it, and tells the judge what for."""
        task = self.scheduler.current
        self._issued += 1
        idem = f"{task.name}/{self._issued}"
        self.request_ids[task] = idem
        self.judge.issue(idem, self.errands.get(task))
        return idem

    def _new_mark(self) -> Mark:
        self._marks += 1
        return Mark(f"m{self._marks}")

    def _uniform(self, least: float, most: float) -> float:
        return self.scheduler.current.random.uniform(least, most)


def record_of(change: Change, number: int) -> Record:
    """The stream's record of a change, in Lambda's shape (KEYS_ONLY)."""
    return {
        "eventID": f"event-{number}",
        "eventName": "INSERT" if change.old is None else "MODIFY",
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "Keys": {"user_id": {"S": change.user}, "cursor": {"N": str(change.place)}},
            "SequenceNumber": f"{number:021d}",
            "StreamViewType": "KEYS_ONLY",
        },
    }


def shard_of(record: Record) -> int:
    keys = record["dynamodb"]["Keys"]
    return zlib.crc32(f"{keys['user_id']['S']} {keys['cursor']['N']}".encode()) % BELLS
