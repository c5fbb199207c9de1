"""Whoever comes back after a restore is told, or is right: two logs are never folded into one."""

from tests.simulation.restoring import Tally, restore_and_return

SEEDS = range(10)


def test_a_position_with_its_mark_is_told_or_right() -> None:
    """From any moment of the first life, back to any other, and outgrown or not."""
    tally = Tally()
    for seed in SEEDS:
        restore_and_return(seed, tally)
    assert not tally.mixed, tally.mixed[0]
    assert min(tally.counts["told"], tally.counts["right"]) > 20


def test_without_marks_libraries_are_mixed() -> None:
    """So that is what the marks are for, and what the test above would see."""
    tally = Tally()
    for seed in SEEDS:
        restore_and_return(seed, tally, marks=False)
        if tally.mixed:
            break
    assert tally.mixed
