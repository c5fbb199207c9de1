"""Writers, readers and the stream at once, while everything goes wrong that may: on a real engine.

A bounded run. The whole one, and longer ones, are `python -m tests.chaos`.
"""

from pathlib import Path

from tests.chaos.board import Plan
from tests.chaos.run import Run
from tests.support import Store

BOUNDED = Plan(users=50, operations=20, feed_reads=5_000, seed=20261122)
SMALL = Plan(users=10, operations=8, feed_reads=200, seed=20261122)


def test_one_sweep_after_chaos_leaves_every_partition_equal_to_its_log(
    store: Store, tmp_path: Path
) -> None:
    """Whatever was lost, doubled or cut off: nobody ever read a hole, and one sweep heals all."""
    outcome = Run(store, BOUNDED, tmp_path, print).run()
    assert not outcome.violations, f"{BOUNDED}: {outcome.violations[:20]}"
    assert outcome.equal == BOUNDED.users
    assert outcome.behind_before_sweep == BOUNDED.users
    assert sum(outcome.report.counts[kind] for kind in KINDS) == BOUNDED.total
    assert outcome.report.counts["feed reads"] >= BOUNDED.feed_reads
    assert outcome.report.counts["feed reads during writes"] > BOUNDED.feed_reads / 2
    assert all(outcome.report.faults[fault] for fault in FAULTS), outcome.report.faults
    assert all(outcome.source[fault] for fault in DELIVERIES), outcome.source


def test_without_the_sweep_lost_deliveries_stay_lost(store: Store, tmp_path: Path) -> None:
    """With the sweeper off, the same run ends with partitions that are behind."""
    outcome = Run(store, SMALL, tmp_path, print).run(sweep=False)
    assert outcome.equal == 0
    behind = [what for what in outcome.violations if "not the projection" in what]
    assert len(behind) == SMALL.users


KINDS = ("save", "batch", "delete", "sync", "read")
FAULTS = (
    "throttled",
    "never arrived",
    "reply lost",
    "conflict",
    "arrived late",
    "torn",
    "half seen",
)
DELIVERIES = ("duplicates", "crashes", "losses", "retries")
