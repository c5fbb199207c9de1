"""Does the same work for many users at once: they share nothing, and most of it is waiting."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def side_by_side(work: Callable[[T], R], items: Sequence[T], at_once: int) -> list[R]:
    """Returns the results for the items, in the items' order.

    Begins in that order too, with so many at once, each in a thread. What one raises is raised
    here, after all that had begun have ended. A single item, or one at once, needs no thread.
    """
    threads = min(at_once, len(items))
    if threads <= 1:
        return [work(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor  # most batches are of one user

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))
