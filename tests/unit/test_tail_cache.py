"""Remembered tails: bounded, and each user's own."""

from chalicelib.model.entries import Cursor, UserId
from chalicelib.store.tail_cache import MAX_USERS, SECONDS, Tail, TailCache

USERS = [UserId(f"user {number}") for number in range(MAX_USERS + 1)]


def tails_at(now: list[float]) -> TailCache:
    return TailCache(lambda: now[0])


def test_nobody_is_known_at_first() -> None:
    assert tails_at([0.0]).get(USERS[0]) is None


def test_a_tail_is_remembered_for_so_long() -> None:
    now = [100.0]
    tails = tails_at(now)
    tails.remember(USERS[0], Tail(Cursor(7), 5))
    now[0] += SECONDS - 0.1
    assert tails.get(USERS[0]) == Tail(Cursor(7), 5)
    now[0] += 0.1
    assert tails.get(USERS[0]) is None


def test_only_so_many_are_remembered_and_the_one_seen_first_goes() -> None:
    tails = tails_at([0.0])
    for user in [*USERS[:-1], USERS[0], USERS[-1]]:
        tails.remember(user, Tail(Cursor(1), 1))
    known = [user for user in USERS if tails.get(user)]
    assert known == [USERS[0], *USERS[2:]]
