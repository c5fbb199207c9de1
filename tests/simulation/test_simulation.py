"""The production code against an in-memory DynamoDB at its worst; each seed is another story."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chalicelib.dynamodb.protocol import Dynamo
from tests.simulation.many import report, run_many
from tests.simulation.plan import FAULTS, KINDS, TROUBLES, plan_of
from tests.simulation.run import run_seed
from tests.simulation.shrink import shrunk
from tests.simulation.stage import REORDERED
from tests.support import Intercepted

ROOT = Path(__file__).parents[2]
SEEDS = range(400)
"""About half a minute on two cores; `python -m tests.simulation --seeds A..B` runs others."""

PRINT_DIGEST = "from tests.simulation.run import run_seed; print(run_seed(11).digest)"


def test_every_invariant_holds_in_every_seed() -> None:
    """Whoever races, crashes or is lost, I1 to I9 hold at every step and at the end; and there is
    no fault of a call, and no trouble of the stream, that did not come."""
    figures = run_many(SEEDS, jobs=2, stop_at_first=True)
    print(figures)
    assert not figures.failed, report(figures.failed[0].seed)
    assert set(figures.faults) == {*FAULTS, *TROUBLES, REORDERED}


def test_the_seeds_have_everybody_take_part() -> None:
    """Every kind of client, operator and schedule is in some seed."""
    parts = [part.kind for seed in SEEDS for part in plan_of(seed).parts]
    assert set(parts) == {*KINDS, "bell"}


def test_a_seed_always_tells_the_same_story() -> None:
    """Two runs of a seed are the same to the last call; another seed is another run."""
    digests = [run_seed(seed).digest for seed in (11, 11, 12)]
    assert digests[0] == digests[1] != digests[2]


def test_the_story_does_not_depend_on_the_process() -> None:
    """Python's random hashes make no difference, so a seed fails wherever it is replayed."""
    digests = {
        subprocess.check_output(
            [sys.executable, "-c", PRINT_DIGEST],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hashes},
        )
        for hashes in ("1", "2")
    }
    assert len(digests) == 1


def without_conditions(dynamo: Dynamo) -> Dynamo:
    """Single puts overwrite whatever stands there."""

    class Careless(Intercepted):
        def put_item(self, **request: Any) -> Mapping[str, Any]:
            request.pop("ConditionExpression", None)
            return self.inner.put_item(**request)

    return Careless(dynamo)


def lagging(dynamo: Dynamo) -> Dynamo:
    """Reads may be behind."""

    class Lagging(Intercepted):
        def query(self, **request: Any) -> Mapping[str, Any]:
            return self.inner.query(**{**request, "ConsistentRead": False})

    return Lagging(dynamo)


@pytest.mark.parametrize("mutate", [without_conditions, lagging])
def test_a_broken_product_is_found_out(mutate: Any) -> None:
    """Without a condition, or with reads that lag, some seed fails, and its smallest form too."""
    broken = next(o for seed in SEEDS if (o := run_seed(seed, mutate)).violation is not None)
    smallest = shrunk(broken, mutate)
    assert smallest.invariant == broken.invariant
    assert len(smallest.plan.parts) < len(broken.plan.parts)
