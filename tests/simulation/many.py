"""Many seeds, in several processes, and what came of them in figures."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.simulation.run import Outcome, run_seed, told
from tests.simulation.shrink import shrunk

CHUNK = 5
"""Seeds that a process does at a time."""


@dataclass(frozen=True, slots=True)
class Brief:
    """An outcome without its trace, to be passed between processes."""

    seed: int
    violation: str | None
    steps: int
    calls: int
    checks: int
    faults: Counter[str]
    seconds: float


@dataclass
class Figures:
    """Sums over all seeds that were run; `failed` are those that broke an invariant."""

    seeds: int = 0
    steps: int = 0
    calls: int = 0
    checks: int = 0
    seconds: float = 0
    faults: Counter[str] = field(default_factory=Counter)
    failed: list[Brief] = field(default_factory=list)

    def add(self, brief: Brief) -> None:
        self.seeds += 1
        self.steps += brief.steps
        self.calls += brief.calls
        self.checks += brief.checks
        self.seconds += brief.seconds
        self.faults += brief.faults
        if brief.violation is not None:
            self.failed.append(brief)

    def __str__(self) -> str:
        faults = ", ".join(f"{name} {many}" for name, many in sorted(self.faults.items()))
        return (
            f"{self.seeds} seeds, {len(self.failed)} failed; {self.steps} steps, "
            f"{self.calls} calls, {self.checks} checks in {self.seconds:.1f} s of CPU; "
            f"faults: {faults or 'none'}"
        )


def brief(seed: int) -> Brief:
    outcome = run_seed(seed)
    return Brief(
        seed=seed,
        violation=outcome.violation,
        steps=outcome.steps,
        calls=outcome.calls,
        checks=outcome.checks,
        faults=Counter(outcome.faults),
        seconds=outcome.seconds,
    )


def run_many(
    seeds: Iterable[int],
    jobs: int,
    heard: Callable[[Brief], None] = lambda _brief: None,
    *,
    stop_at_first: bool = False,
) -> Figures:
    """Runs them in order; `heard` is told of each as it ends."""
    figures = Figures()
    with briefs(seeds, jobs) as found:
        for one in found:
            figures.add(one)
            heard(one)
            if stop_at_first and one.violation is not None:
                break
    return figures


@contextmanager
def briefs(seeds: Iterable[int], jobs: int) -> Iterator[Iterator[Brief]]:
    """The outcomes in order; what has not begun at the end is left."""
    if jobs == 1:
        yield map(brief, seeds)
        return
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"))
    try:
        yield pool.map(brief, seeds, chunksize=CHUNK)
    finally:
        pool.shutdown(cancel_futures=True)


def report(seed: int, lines: int = 80) -> str:
    """A failing seed made as small as it gets: what broke, who took part, how it ended."""
    outcome = shrunk(run_seed(seed))
    return "\n".join(
        (
            f"replay: python -m tests.simulation {seed}",
            f"violated: {outcome.violation}",
            f"smallest: {outcome.plan}",
            *excerpt(outcome, lines),
        )
    )


def excerpt(outcome: Outcome, lines: int) -> list[str]:
    return [told(line) for line in outcome.trace[-lines:]]
