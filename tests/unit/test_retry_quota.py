"""How much a process may try again."""

from chalicelib.dynamodb.retry_quota import ANSWER, CAPACITY, FAILURE, RetryQuota
from chalicelib.model.timing import Backoff, Deadline

NEVER = Deadline(at=float("inf"), monotonic=lambda: 0.0)


def used_up() -> RetryQuota:
    quota = RetryQuota()
    for _ in range(CAPACITY // FAILURE):
        quota.failed(timed_out=False)
    return quota


def test_retries_are_used_up_by_failures_and_come_back_with_answers() -> None:
    """One retry for every five answers: a fifth more of traffic at the most."""
    quota = used_up()
    for _ in range(FAILURE // ANSWER):
        assert not quota.may_retry()
        quota.answered()
    assert quota.may_retry()


def test_answers_give_back_no_more_than_there_was() -> None:
    quota = RetryQuota()
    for _ in range(1000):
        quota.answered()
    for _ in range(CAPACITY // FAILURE):
        assert quota.may_retry()
        quota.failed(timed_out=False)
    assert not quota.may_retry()


def test_failures_beyond_are_not_held_against_later_answers() -> None:
    """An outage of hours is over as soon as one of a minute."""
    quota = used_up()
    for _ in range(1000):
        quota.failed(timed_out=True)
    for _ in range(FAILURE // ANSWER):
        quota.answered()
    assert quota.may_retry()


def test_a_first_try_is_always_made() -> None:
    backoff = Backoff(8, 0.1, 1.0, lambda _seconds: None, may_retry=used_up().may_retry)
    assert list(backoff.attempts(NEVER)) == [0]
