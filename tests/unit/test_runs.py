"""Which cursors are a run: the pure rules behind every read, without a table."""

import pytest

from chalicelib.model.entries import Cursor, Row, UserId, is_consecutive, leading_run
from chalicelib.store.items import row_to_item
from chalicelib.store.log import Slice
from chalicelib.store.partition import is_ascending_run, is_descending_run


def rows(*cursors: int, cut: bool = False) -> Slice:
    return Slice(tuple(row_to_item(UserId("u"), Row(Cursor(c), 0)) for c in cursors), cut)


def cursors(*numbers: int) -> list[Cursor]:
    return [Cursor(number) for number in numbers]


@pytest.mark.parametrize(
    ("read", "before", "fits"),
    [
        (rows(), None, True),
        (rows(), 1, True),
        (rows(), 2, False),
        (rows(3, 2, 1), None, True),
        (rows(3, 2, 1), 4, True),
        (rows(3, 2, 1), 5, False),
        (rows(3, 2), None, False),
        (rows(3, 2, cut=True), None, True),
        (rows(3, 1), None, False),
        (rows(3, 1, cut=True), None, False),
        (rows(3, 3, 1), None, False),
        (rows(1, 2), None, False),
    ],
)
def test_descending(read: Slice, before: int | None, *, fits: bool) -> None:
    """A page begins directly below `before`, has no gap, and ends at 1 unless it was cut short."""
    assert is_descending_run(read, None if before is None else Cursor(before)) is fits


@pytest.mark.parametrize(
    ("read", "after", "fits"),
    [
        (rows(), 0, False),
        (rows(1, 2, 3), 0, True),
        (rows(2, 3), 1, True),
        (rows(2, 3), 0, False),
        (rows(1, 3), 0, False),
        (rows(1, 3, cut=True), 0, False),
        (rows(1, 1), 0, False),
        (rows(2, 1), 1, False),
    ],
)
def test_ascending(read: Slice, after: int, *, fits: bool) -> None:
    """Changes begin directly above `after` and have no gap."""
    assert is_ascending_run(read, Cursor(after)) is fits


@pytest.mark.parametrize(
    ("found", "after", "length"),
    [((), 0, 0), ((1, 2, 3), 0, 3), ((1, 2, 4), 0, 2), ((2, 3), 0, 0), ((6, 7), 5, 2)],
)
def test_leading_run(found: tuple[int, ...], after: int, length: int) -> None:
    """Only what follows the cursor without a gap is counted."""
    assert leading_run(cursors(*found), Cursor(after)) == length


def test_consecutive() -> None:
    """Consecutive means a step of exactly one, in the direction asked for."""
    assert is_consecutive(cursors(1, 2, 3), 1)
    assert is_consecutive(cursors(3, 2, 1), -1)
    assert is_consecutive(cursors(5), 1)
    assert not is_consecutive(cursors(1, 2, 3), -1)
