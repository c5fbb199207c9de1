"""``python -m tests.simulation SEED`` replays one seed; ``--seeds A..B`` runs many (not B).

Exits with 1 when an invariant was violated, with 0 when none was.
"""

import argparse
import sys

from tests.simulation.many import Brief, report, run_many
from tests.simulation.run import run_seed, told


def main() -> int:
    options = arguments()
    if options.seed is not None:
        return replay(options.seed)
    figures = run_many(options.seeds, options.jobs, progress, stop_at_first=options.stop_at_first)
    print(figures)
    for found in figures.failed[: options.reports]:
        print(f"\nseed {found.seed}: {found.violation}\n{report(found.seed)}")
    return 1 if figures.failed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", help="replay this one, and print its trace")
    parser.add_argument("--seeds", type=seeds_of, default=range(100), metavar="A..B")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--stop-at-first", action="store_true")
    parser.add_argument("--reports", type=int, default=1, help="failing seeds to make small")
    return parser.parse_args()


def seeds_of(text: str) -> range:
    first, _, end = text.partition("..")
    return range(int(first), int(end))


def replay(seed: int) -> int:
    outcome = run_seed(seed)
    for line in outcome.trace:
        print(told(line))
    print(outcome.plan)
    print(outcome.violation or "every invariant held", f"({outcome.checks} checks)")
    return 1 if outcome.violation else 0


def progress(found: Brief) -> None:
    if found.violation is not None:
        print(f"seed {found.seed}: {found.violation}", flush=True)
    elif found.seed % 500 == 499:
        print(f"… {found.seed + 1}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
