"""A fault at every call that a request makes to the database, and then exactly one effect.

The calls are recorded in an undisturbed run. At each of them, in turn, the call fails before it
arrives, its reply is lost after the commit, or the whole process is killed before or after it. Then
the client tries again as clients do, and the tables must hold what an undisturbed run leaves.
"""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from chalicelib.dynamodb.client import HttpDynamo
from chalicelib.dynamodb.protocol import UnknownOutcome
from chalicelib.model.entries import Payload
from tests.faults.bench import Bench
from tests.faults.conftest import Tried
from tests.faults.crashing import KILLED, AtCall, Moment, Step, exit_code, request_until
from tests.faults.scenarios import ALL, LONG_ERASURE, SCENARIOS, Scenario, Stage
from tests.faults.wire import WIRE_FAULTS, WRITES, Wire, WireFault
from tests.support import Intercepted, Store

MOMENTS: tuple[Moment, Moment] = ("before", "after")
WRITERS = [one.name for one in ALL if one.name not in ("sync", "stream handler", "erase-user")]
RIVALS = ("before", "instead", "after")
"""A rival saves before the call; before it, and the call fails; after it, and its reply is lost."""
RIVAL = (Payload("a rival's prompt", "https://images.example/rival.png"),)
FAULTS = tuple(itertools.product(("call", "process"), MOMENTS))
WIRED = [scenario for scenario in ALL if scenario.name != "sync"]
"""The stream handler's syncs stand for the long one, whose chunks make the same calls."""
every_scenario = pytest.mark.parametrize("scenario", ALL, ids=lambda scenario: scenario.name)


@dataclass(frozen=True)
class Point:
    """Where a fault strikes: which of the two dies, and before or after which call (from 1)."""

    victim: str
    moment: Moment
    number: int
    step: Step


def points(bench: Bench) -> Iterator[Point]:
    for number, step in enumerate(bench.trace, start=1):
        for victim, moment in FAULTS:
            yield Point(victim, moment, number, step)


@contextmanager
def named(point: object) -> Iterator[None]:
    """Names the point in whatever failure it leads to."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"at {point}")
        raise


@every_scenario
def test_a_fault_at_any_call_has_one_effect(
    scenario: Scenario, store: Store, forks: ForkServerContext, tmp_path: Path, tried: Tried
) -> None:
    """Whatever fails at whichever call, the retried request is done exactly once."""
    bench = Bench(store, scenario)
    passed = set()
    for point in points(bench):
        with named(point):
            strike(bench, point, forks, tmp_path / "output")
        passed.add(point)
    assert len(passed) == len(FAULTS) * len(bench.trace)
    assert bench.trace
    tried.add(scenario.name, "calls", len(bench.trace), len(passed))


def test_a_long_erasure_is_resumed_wherever_it_is_killed(
    store: Store, forks: ForkServerContext, tmp_path: Path, tried: Tried
) -> None:
    """One that takes several transactions, killed after each of its writes, and begun anew."""
    bench = Bench(store, LONG_ERASURE)
    writes = [n for n, step in enumerate(bench.trace, start=1) if step.writes]
    assert [bench.trace[n - 1].tables for n in writes[:2]] == [(store.tables.primary,)] * 2
    for number in writes:
        point = Point("process", "after", number, bench.trace[number - 1])
        with named(point):
            strike(bench, point, forks, tmp_path / "output")
    tried.add(LONG_ERASURE.name, "writes", len(writes), len(writes))


def strike(bench: Bench, point: Point, forks: ForkServerContext, output: Path) -> None:
    if point.victim == "call":
        fail_call(bench, point)
    else:
        kill_process(bench, point, forks, output)


def fail_call(bench: Bench, point: Point) -> None:
    """The product itself settles what became of the call."""
    cast = bench.scene()
    dynamo, fault = Intercepted(bench.store.dynamo), fault_at(point)
    setattr(dynamo, point.moment, fault)
    answer = bench.insist(Stage(dynamo, bench.store.tables), cast)
    assert fault.fired
    bench.check(cast, answer)


def fault_at(point: Point) -> AtCall:
    def fail() -> None:
        raise UnknownOutcome("fault")

    return AtCall(point.number, point.step, fail)


def kill_process(bench: Bench, point: Point, forks: ForkServerContext, output: Path) -> None:
    """The client has no answer and tries again: what it repeats without a key is a new request."""
    cast, name = bench.scene(), bench.scenario.name
    where = (point.moment, point.number, point.step)
    assert exit_code(forks, output, request_until, name, cast, *where) == KILLED, read(output)
    answer = bench.insist(bench.stage, cast)
    unasked = not bench.scenario.repeatable and had_committed(bench, point)
    bench.check(cast, answer, effects=2 if unasked else 1)


def had_committed(bench: Bench, point: Point) -> bool:
    """Whether a write was done before the process died."""
    made = point.number if point.moment == "after" else point.number - 1
    return any(step.writes for step in bench.trace[:made])


def read(output: Path) -> str:
    return output.read_text() if output.exists() else ""


@pytest.mark.parametrize("scenario", WIRED, ids=lambda scenario: scenario.name)
def test_a_fault_on_the_wire_has_one_effect(scenario: Scenario, store: Store, tried: Tried) -> None:
    """What failed below the engine is sent again, and the request is done exactly once."""
    bench = Bench(store, scenario)
    dynamo = HttpDynamo.from_environment(os.environ)
    wire = Wire(dynamo)
    stage = Stage(dynamo, store.tables)
    wire.reset(None, 0)
    scenario.request(stage, bench.scene())
    sent = tuple(wire.operations)
    passed = set()
    for number, fault in itertools.product(range(1, len(sent) + 1), WIRE_FAULTS):
        with named((number, sent[number - 1], fault.name)):
            strike_wire(bench, stage, wire, fault, number)
            assert tuple(wire.operations[:number]) == sent[:number]
        passed.add((number, fault))
    assert len(sent) == len(bench.trace)
    assert len(passed) == len(WIRE_FAULTS) * len(sent)
    tried.add(scenario.name, "wire", len(sent), len(passed))


def strike_wire(bench: Bench, stage: Stage, wire: Wire, fault: WireFault, number: int) -> None:
    cast = bench.scene()
    wire.reset(fault, number)
    answer = bench.insist(stage, cast)
    # Some who repeat a write look at the log in between: then it is struck once.
    is_write = wire.operations[number - 1] in WRITES
    assert wire.struck == fault.tries or (is_write and wire.struck == 1)
    bench.check(cast, answer)


@pytest.mark.parametrize("name", WRITERS)
def test_a_rival_at_any_call_loses_nothing(name: str, store: Store, tried: Tried) -> None:
    """Another save at any call, with or without a fault there: both are there, each once."""
    bench = Bench(store, SCENARIOS[name])
    passed = set()
    for number, step in enumerate(bench.trace, start=1):
        for moment in RIVALS:
            with named((moment, number, step)):
                meet_rival(bench, moment, number, step)
            passed.add((moment, number))
    assert len(passed) == len(RIVALS) * len(bench.trace)
    tried.add(name, "rival", len(bench.trace), len(passed))


def meet_rival(bench: Bench, moment: str, number: int, step: Step) -> None:
    cast = bench.scene()

    def rival() -> None:
        bench.stage.append(cast.alice, RIVAL)
        if moment != "before":
            raise UnknownOutcome("fault")

    dynamo, hook = Intercepted(bench.store.dynamo), AtCall(number, step, rival)
    setattr(dynamo, "after" if moment == "after" else "before", hook)
    bench.insist(Stage(dynamo, bench.store.tables), cast)
    assert hook.fired
    bench.check_beside(cast, RIVAL[0].prompt)
