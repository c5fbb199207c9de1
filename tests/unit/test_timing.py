"""Clocks, deadlines and pauses."""

from chalicelib.model.timing import Backoff, Clock, Deadline

NEVER = Deadline(at=float("inf"), monotonic=lambda: 0.0)


def test_timestamps_are_utc_with_milliseconds() -> None:
    """RFC 3339 in UTC, always with three digits of a second."""
    assert Clock(now=lambda: 1795386625.0).timestamp() == "2026-11-22T22:30:25.000Z"
    assert Clock(now=lambda: 1795386625.1239).timestamp() == "2026-11-22T22:30:25.123Z"


def test_pauses_are_random_below_a_bound_that_doubles() -> None:
    """Full jitter: between 0 and the bound; none before the first try or after the last."""
    bounds = []
    pauses: list[float] = []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return high / 2

    backoff = Backoff(5, base=0.1, cap=0.5, sleep=pauses.append, uniform=uniform)
    assert list(backoff.attempts(NEVER)) == [0, 1, 2, 3, 4]
    assert bounds == [(0, 0.2), (0, 0.4), (0, 0.5), (0, 0.5)]
    assert pauses == [0.1, 0.2, 0.25, 0.25]


def test_no_try_is_begun_after_the_deadline() -> None:
    """One try is always made; a deadline that passes in a pause ends them."""
    passed = Deadline(at=0.0, monotonic=lambda: 1.0)
    backoff = Backoff(5, base=0.1, cap=0.5, sleep=lambda _seconds: None)
    assert list(backoff.attempts(passed)) == [0]


def test_a_deadline_passes() -> None:
    """A deadline is so many seconds ahead of the clock's own now."""
    moment = [100.0]
    deadline = Clock(monotonic=lambda: moment[0]).deadline(5)
    assert not deadline.passed()
    moment[0] = 105.0
    assert deadline.passed()
