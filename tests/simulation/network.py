"""The way from the product to the engine and back: it takes time, and all that can go wrong does.

A server goes on with a call whatever becomes of its client; so a call that outlives its client's
patience is a task of its own.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from chalicelib.dynamodb.protocol import Reason, Refused, UnknownOutcome
from chalicelib.model.timing import Clock
from tests.simulation.engine import MemoryDynamo
from tests.simulation.plan import Plan
from tests.simulation.scheduler import Scheduler

PATIENCE = (2.0, 12.0)
"""Seconds after which a client gives a call up: one try's time-out … `CALL_SECONDS`."""

Answer = Mapping[str, Any]


class Crash(BaseException):
    """The process that made the call is no more. Code under test must not catch this."""


@dataclass(frozen=True, slots=True)
class Call:
    operation: str
    request: Mapping[str, Any]
    is_write: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a trace: what happened when to whose call."""

    time: float
    who: str
    call: Call | None
    what: str


class Roughness:
    """The engine's conduct in a simulation; once `calm`, nothing is stale any more."""

    def __init__(self, scheduler: Scheduler, plan: Plan) -> None:
        self._scheduler = scheduler
        self._plan = plan
        self.calm = False

    def between(self) -> None:
        self._scheduler.pause(self._chance().expovariate(1 / self._plan.spread))

    def within_query(self) -> None:
        if self._plan.torn and self._chance().random() < self._plan.torn:
            self._scheduler.pause(self._chance().expovariate(1 / self._plan.spread))

    def order(self, many: int) -> list[int]:
        return self._chance().sample(range(many), many)

    def lag(self) -> int:
        return 0 if self.calm else self._chance().randint(0, self._plan.lag)

    def _chance(self) -> Random:
        return self._scheduler.current.random


class Network:
    """The `Dynamo` of the code under test. Once `calm`, nothing goes wrong any more."""

    def __init__(self, engine: MemoryDynamo, scheduler: Scheduler, plan: Plan) -> None:
        self._engine = engine
        self._scheduler = scheduler
        self._plan = plan
        self._handlers: Mapping[str, Callable[[Call], Answer]] = {
            "never-arrived": self._never_arrived,
            "reply-lost": self._reply_lost,
            "resent": self._resent,
            "doubled": self._doubled,
            "late": self._late,
            "slow": self._slow,
            "throttled": self._throttled,
            "conflict": self._conflict,
            "crash-before": self._crash_before,
            "crash-sent": self._crash_sent,
            "crash-after": self._crash_after,
        }
        self.calm = False
        self.calls = 0
        self.faults: Counter[str] = Counter()
        self.trace: list[Line] = []

    def query(self, **request: Any) -> Answer:
        return self._call(Call("query", request, is_write=False))

    def scan(self, **request: Any) -> Answer:
        return self._call(Call("scan", request, is_write=False))

    def get_item(self, **request: Any) -> Answer:
        return self._call(Call("get_item", request, is_write=False))

    def put_item(self, **request: Any) -> Answer:
        return self._call(Call("put_item", request, is_write=True))

    def update_item(self, **request: Any) -> Answer:
        return self._call(Call("update_item", request, is_write=True))

    def transact_write_items(self, **request: Any) -> Answer:
        request["ClientRequestToken"] = f"call {self.calls}"
        return self._call(Call("transact_write_items", request, is_write=True))

    def clock(self) -> Clock:
        scheduler = self._scheduler
        return Clock(lambda: scheduler.now, lambda: scheduler.now, scheduler.pause)

    def say(self, what: str, call: Call | None = None) -> None:
        who = self._scheduler.current.name
        self.trace.append(Line(self._scheduler.now, who, call, what))

    def _call(self, call: Call) -> Answer:
        self.calls += 1
        fault = self._fault(call)
        self._travel()
        if fault is None:
            answer = self._arrive(call)
        else:
            self.faults[fault] += 1
            self.say(f"FAULT {fault}", call)
            answer = self._handlers[fault](call)
        self._travel()
        return answer

    def _fault(self, call: Call) -> str | None:
        """One of the plan's faults, or none. A read is never done twice, late, or in conflict."""
        if self.calm:
            return None
        dice = self._chance().random()
        for name, chance in self._plan.faults.items():
            dice -= chance
            if dice < 0:
                is_for_all = call.is_write or name in _OF_READS
                return name if is_for_all else None
        return None

    def _travel(self) -> None:
        task = self._scheduler.current
        self._scheduler.pause(task.random.expovariate(1 / (self._plan.travel * task.pace)))

    def _chance(self) -> Random:
        return self._scheduler.current.random

    def _arrive(self, call: Call) -> Answer:
        """The call at the server."""
        try:
            answer: Answer = getattr(self._engine, call.operation)(**call.request)
        except (Refused, UnknownOutcome) as error:
            self.say(f"{type(error).__name__}: {error}", call)
            raise
        self.say("ok" if call.is_write else _seen(answer), call)
        return answer

    def _arrive_later(self, call: Call, least: float, most: float) -> None:
        """It arrives on its own, and nobody hears what came of it."""

        def arrive() -> None:
            with suppress(Refused, UnknownOutcome):
                self._arrive(call)

        after = self._chance().uniform(least, most)
        self._scheduler.spawn(f"{self._scheduler.current.name}~{self.calls}", arrive, after)

    # Faults

    def _never_arrived(self, _call: Call) -> Answer:
        raise UnknownOutcome("never arrived")

    def _reply_lost(self, call: Call) -> Answer:
        with suppress(Refused, UnknownOutcome):
            self._arrive(call)
        self._travel()
        raise UnknownOutcome("reply lost")

    def _resent(self, call: Call) -> Answer:
        """The engine had no reply to its first, and sends the same again."""
        with suppress(Refused, UnknownOutcome):
            self._arrive(call)
        self._travel()
        return self._arrive(call)

    def _doubled(self, call: Call) -> Answer:
        """The same, but the first is overtaken by the second, and arrives some time."""
        self._arrive_later(call, 0, self._chance().choice((0.1, 10, 120)))
        self._travel()
        return self._arrive(call)

    def _late(self, call: Call) -> Answer:
        """It arrives some time, perhaps long after its client gave it up."""
        self._arrive_later(call, 0, self._chance().choice((0.1, 10, 120)))
        self._scheduler.pause(self._chance().choice((0.01, *PATIENCE)))
        raise UnknownOutcome("timed out")

    def _slow(self, call: Call) -> Answer:
        self._scheduler.pause(self._chance().uniform(0.05, PATIENCE[1]))
        return self._arrive(call)

    def _throttled(self, call: Call) -> Answer:
        raise self._refusal(call, "ThrottlingError", "ThrottlingException")

    def _conflict(self, call: Call) -> Answer:
        """With another transaction that comes to nothing."""
        raise self._refusal(call, "TransactionConflict", "TransactionConflictException")

    def _refusal(self, call: Call, reason: str, error: str) -> Exception:
        """As a transaction's reasons, of which at least one is it; else as an error of its own."""
        if call.operation != "transact_write_items":
            return UnknownOutcome(error)
        many = len(call.request["TransactItems"])
        hit = self._chance().randrange(many)
        others = [self._chance().random() < 0.3 for _ in range(many)]
        codes = [reason if at == hit or others[at] else "None" for at in range(many)]
        return Refused([Reason(code) for code in codes])

    def _crash_before(self, _call: Call) -> Answer:
        raise Crash

    def _crash_sent(self, call: Call) -> Answer:
        self._arrive_later(call, 0, self._chance().choice((0.01, 1, 20)))
        raise Crash

    def _crash_after(self, call: Call) -> Answer:
        with suppress(Refused, UnknownOutcome):
            self._arrive(call)
        raise Crash


_OF_READS = {"never-arrived", "reply-lost", "slow", "throttled", "crash-before", "crash-after"}


def _seen(answer: Answer) -> str:
    """What a read saw, in few words."""
    items = answer.get("Items", [answer["Item"]] if "Item" in answer else [])
    found = " ".join(described(item) for item in items[:6])
    more = f" … {len(items)} in all" if len(items) > 6 else ""
    return (found or "nothing") + more + (" (cut)" if "LastEvaluatedKey" in answer else "")


def described(item: Mapping[str, Any]) -> str:
    """An item in few words: ``4:image``, ``5:deletion-of-4``."""
    place = (item.get("cursor") or item.get("key") or {}).values()
    words = [*place, *item.get("kind", {}).values(), *item.get("deletes", {}).values()]
    return ":".join(words)
