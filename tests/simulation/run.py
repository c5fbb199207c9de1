"""Runs what a seed stands for, from the first save to the last check."""

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.simulation.actors import WORK, Actor, bell, operate
from tests.simulation.engine import MemoryDynamo
from tests.simulation.expressions import Invalid
from tests.simulation.invariants import Errand, Violation
from tests.simulation.ledger import FIRST_FORM, kind_of, row_of
from tests.simulation.network import Call, Line, described
from tests.simulation.plan import Part, Plan, plan_of
from tests.simulation.scheduler import EPOCH
from tests.simulation.stage import TABLES, Mutate, Stage, unchanged

OPERATOR = Part("operator", "operator", 0)
OLD_BATCH = 25
MANY = 95


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run; `violation` is None if every invariant held."""

    plan: Plan
    violation: str | None
    steps: int
    calls: int
    checks: int
    faults: Mapping[str, int]
    seconds: float
    trace: tuple[Line, ...] = field(repr=False)

    @property
    def invariant(self) -> str | None:
        return None if self.violation is None else self.violation.split()[0]

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(map(told, self.trace)).encode()).hexdigest()


def run_seed(seed: int, mutate: Mutate = unchanged) -> Outcome:
    return run(plan_of(seed), mutate)


def run(plan: Plan, mutate: Mutate = unchanged) -> Outcome:
    began = time.process_time()
    stage = Stage(plan, mutate)
    violation = None
    logging.disable(logging.CRITICAL)
    try:
        play(stage)
    except (Violation, Invalid) as error:
        violation = str(error) if isinstance(error, Violation) else f"Invalid {error}"
    except Exception as error:  # whatever the product raises that it should not
        violation = f"{type(error).__name__} {error}"
    finally:
        stage.scheduler.close()
        logging.disable(logging.NOTSET)
    return Outcome(
        plan=plan,
        violation=violation,
        steps=stage.scheduler.steps,
        calls=stage.network.calls,
        checks=stage.judge.checks,
        faults=stage.network.faults + stage.stream.troubles,
        seconds=time.process_time() - began,
        trace=tuple(stage.network.trace),
    )


def play(stage: Stage) -> None:
    """The past in peace; then everybody at once; then peace again, and everything must settle."""
    stage.calm()
    play_alone(stage, "past", partial(live_through, stage))
    stage.calm(calm=False)
    for part in stage.plan.parts:
        enter(stage, part)
    stage.scheduler.run()
    stage.calm()
    play_alone(stage, "last sweep", partial(operate, Actor(stage, OPERATOR), "sweep", {}))
    stage.judge.settled(stage.engine.truth, listed(stage.engine))
    deliver_again(stage)


def play_alone(stage: Stage, name: str, work: Any) -> None:
    stage.scheduler.spawn(name, work)
    stage.scheduler.run()


def enter(stage: Stage, part: Part) -> None:
    actor = Actor(stage, part)
    if part.kind == "bell":
        shard = stage.stream.shards[int(part.name.rpartition("-")[2])]
        work = partial(bell, actor, shard)
    else:
        work = partial(WORK[part.kind], actor)
    stage.scheduler.spawn(part.name, work, pace=part.pace)


def live_through(stage: Stage) -> None:
    """The first user's log has entries already. A few: some are deleted, and most are synced. Many:
    none is synced, so that a sync takes several chunks."""
    actor = Actor(stage, OPERATOR)
    task, left = stage.scheduler.current, stage.plan.old
    while left:
        many = min(left, OLD_BATCH)
        errand = Errand(actor.user, tuple(actor.payload() for _ in range(many)))
        stage.errands[task] = errand
        actor.services.primary.append(errand.user, errand.payloads, stage.clock.deadline(60))
        del stage.errands[task]
        left -= many
        if stage.plan.old < MANY and actor.chance(0.5):
            deadline = stage.clock.deadline(60)
            actor.services.syncer.sync(actor.user, deadline)
            actor.services.deleter.delete(actor.user, [actor.some_image()], deadline)
    if stage.plan.legacy:
        grow_old(stage, actor)


def grow_old(stage: Stage, actor: Actor) -> None:
    """The partition's rows are put in the form that an earlier version of the code gave them."""
    stage.judge.arranging = True
    for item in stage.engine.truth(TABLES.partition, actor.user):
        entry = stage.judge.ledger(actor.user).primary.truth[int(item["cursor"]["N"])]
        if kind_of(item) == kind_of(entry):
            stage.engine.put_item(TableName=TABLES.partition, Item=row_of(entry, FIRST_FORM))
    stage.judge.arranging = False


def listed(engine: MemoryDynamo) -> set[str]:
    found = engine.scan(TableName=TABLES.primary, IndexName="users")
    return {item["user_id"]["S"] for item in found["Items"]}


def deliver_again(stage: Stage) -> None:
    """I9: all records of the stream once more, and nothing changes."""
    commits = stage.commits

    def deliver() -> None:
        for record in stage.stream.all:
            stage.stream.deliver(record)

    play_alone(stage, "stream again", deliver)
    stage.judge.require(stage.commits == commits, "I9", "a record changed something")


def told(line: Line) -> str:
    """A line of a trace for people."""
    call = "" if line.call is None else f"{asked(line.call)} | "
    return f"{line.time - EPOCH:10.3f}  {line.who:<16} {call}{line.what}"


def asked(call: Call) -> str:
    """A call in few words: ``put primary alice 4:image``."""
    if call.operation == "transact_write_items":
        return "all or none: " + "; ".join(map(_member, call.request["TransactItems"]))
    return _request(call.operation.removesuffix("_item"), call.request)


def _member(write: Mapping[str, Any]) -> str:
    ((kind, request),) = write.items()
    return _request(kind.lower(), request)


def _request(kind: str, request: Mapping[str, Any]) -> str:
    item = request.get("Item") or request.get("Key") or {}
    values = {n: next(iter(v.values())) for n, v in _values(request).items()}
    user = str(item.get("user_id", {}).get("S", values.pop(":user", ""))).rstrip("-")
    idem = item.get("idem", {}).get("S", "")
    words = (kind, request["TableName"], user, described(item), idem and f"idem={idem}")
    limits = (request.get("KeyConditionExpression", ""), values or "", request.get("Limit", ""))
    return " ".join(str(word) for word in (*words, *limits) if word)


def _values(request: Mapping[str, Any]) -> Mapping[str, Mapping[str, str]]:
    values: Mapping[str, Mapping[str, str]] = request.get("ExpressionAttributeValues", {})
    return values
