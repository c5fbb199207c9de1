"""Chaos for as long as you like: `python -m tests.chaos --minutes 30`.

Starts a database of its own, in memory. Ends with the figures, and with 1 if anything was wrong.
"""

import argparse
import logging
import os
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from chalicelib.bootstrap import build
from chalicelib.dynamodb.client import HttpDynamo
from chalicelib.store.table_names import TableNames
from chalicelib.store.tables import create_tables
from local.dynamodb_local import Engine, cache_dir, ensure_installed
from local.workspace import Credentials
from tests.chaos.board import Plan
from tests.chaos.run import Outcome, Run
from tests.support import Store


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--operations", type=int, default=200, help="of each user")
    parser.add_argument("--feed-reads", type=int, default=100_000, help="at least, in each round")
    parser.add_argument("--minutes", type=float, default=0, help="begin rounds for so long")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; the next has + 1")
    return parser.parse_args()


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def main() -> int:
    given = arguments()
    logging.disable(logging.ERROR)  # the product's own, about what is made to go wrong here
    ends = time.monotonic() + given.minutes * 60
    seed, wrong = given.seed, 0
    with engine() as folder:
        while True:
            plan = Plan(given.users, given.operations, given.feed_reads, seed)
            wrong += round_of(plan, folder / f"round-{seed}")
            seed += 1
            if time.monotonic() >= ends:
                break
    say(f"{seed - given.seed} rounds, {wrong} violations")
    return 1 if wrong else 0


def round_of(plan: Plan, folder: Path) -> int:
    """One run on fresh tables; how much was wrong."""
    say(f"{plan}")
    folder.mkdir()
    outcome = Run(fresh_store(), plan, folder, say).run()
    for line in figures(plan, outcome):
        say(line)
    return len(outcome.violations)


@contextmanager
def engine() -> Iterator[Path]:
    """A database to which the environment points from here on; yields a folder for scratch."""
    installed = ensure_installed(cache_dir(os.environ), say)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Engine.start(folder / "engine", Credentials.random(), installed, in_memory=True) as it:
            os.environ.update(it.environ(os.environ))
            yield folder


def fresh_store() -> Store:
    prefix = f"chaos-{uuid.uuid4().hex}-"
    tables = TableNames(f"{prefix}images", f"{prefix}partition", f"{prefix}idempotency")
    os.environ.update(
        PRIMARY_TABLE=tables.primary,
        PARTITION_TABLE=tables.partition,
        IDEMPOTENCY_TABLE=tables.idempotency,
    )
    create_tables(tables)
    dynamo = HttpDynamo.from_environment(os.environ)
    return Store(build(dynamo, tables, emit=lambda _line: None), dynamo, tables)


def figures(plan: Plan, outcome: Outcome) -> Iterator[str]:
    yield f"seed {plan.seed}, {outcome.seconds:.0f} s"
    yield f"clients and followers: {listed(outcome.report.counts)}"
    yield f"faults: {listed(outcome.report.faults)}"
    yield f"event source: {listed(outcome.source)}; {outcome.undelivered} records never delivered"
    acknowledged = sum(save.cursors is not None for save in outcome.report.saves)
    yield f"saves acknowledged: {acknowledged} of {len(outcome.report.saves)}"
    yield f"deletions acknowledged: {len(outcome.report.deletes)}"
    yield f"partitions behind after the stream: {outcome.behind_after_stream}"
    yield f"partitions behind before the sweep: {outcome.behind_before_sweep}"
    yield f"partitions equal after it: {outcome.equal} of {plan.users}"
    yield f"calls that the sweep took: {outcome.sweep_calls}"
    yield f"holes: {outcome.report.counts['holes']}"
    yield f"steps back: {outcome.report.counts['steps back']}"
    yield from (f"VIOLATION {what}" for what in outcome.violations[:50])
    yield f"violations: {len(outcome.violations)}"


def listed(counts: Counter[str] | Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
