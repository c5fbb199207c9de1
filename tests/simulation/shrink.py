"""The smallest plan that still breaks the same invariant."""

from collections.abc import Iterator

from tests.simulation.plan import Plan
from tests.simulation.run import Outcome, run
from tests.simulation.stage import Mutate, unchanged


def shrunk(outcome: Outcome, mutate: Mutate = unchanged) -> Outcome:
    """Leaves out one who takes part, or one fault, as long as the same invariant still fails."""
    tries = (run(plan, mutate) for plan in _smaller(outcome.plan))
    smaller = next((found for found in tries if found.invariant == outcome.invariant), None)
    return outcome if smaller is None else shrunk(smaller, mutate)


def _smaller(plan: Plan) -> Iterator[Plan]:
    for part in plan.parts:
        yield plan.without(part)
    for fault in (*plan.faults, *plan.troubles):
        yield plan.spared(fault)
