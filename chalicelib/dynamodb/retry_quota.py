"""Bounds the retries of a process, so that its calls do not multiply in an outage of DynamoDB."""

import threading

CAPACITY = 500
FAILURE = 5
TIME_OUT = 10
ANSWER = 1
"""Tokens: how many a process begins with, how many a failed call takes (more if it timed out), and
how many an answered one gives back.

Source: botocore's `retries/standard.py` and `retries/quota.py` ("standard" retry mode). There a
retry takes them, here the failure before it: who tries again is often the caller, not the engine.
"""


class RetryQuota:
    """Threads may share it."""

    def __init__(self) -> None:
        self._left = CAPACITY
        self._changing = threading.Lock()

    def may_retry(self) -> bool:
        """Whether a call that failed may be made again. A first try always may be made."""
        return self._left >= FAILURE

    def failed(self, *, timed_out: bool) -> None:
        """Takes tokens after a failure that may pass: no answer, throttling, a server error."""
        with self._changing:
            self._left = max(0, self._left - (TIME_OUT if timed_out else FAILURE))

    def answered(self) -> None:
        """Gives tokens back after an answer. A refusal is an answer too: DynamoDB works."""
        if self._left < CAPACITY:
            with self._changing:
                self._left = min(CAPACITY, self._left + ANSWER)
