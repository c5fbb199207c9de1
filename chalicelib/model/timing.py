"""Time as an argument: the clock, deadlines, and pauses between tries."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

Found = TypeVar("Found")


class Clock(NamedTuple):
    """Where time comes from. `now` is Unix time; `monotonic` and `sleep` are in seconds."""

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def timestamp(self) -> str:
        """UTC in RFC 3339 with milliseconds: ``2026-11-22T14:10:00.123Z``."""
        from datetime import UTC, datetime  # reads have no need of it

        moment = datetime.fromtimestamp(self.now(), UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def deadline(self, seconds: float) -> "Deadline":
        """Returns the deadline that is so many seconds away."""
        return Deadline(self.monotonic() + seconds, self.monotonic)


def unix_time(timestamp: str) -> float:
    """The seconds of a `Clock.timestamp`; ValueError if it is none."""
    from datetime import datetime

    return datetime.fromisoformat(timestamp).timestamp()


class Deadline(NamedTuple):
    """A moment after which nothing is tried again, and no further step begun.

    `sooner` is another end that counts too, such as a budget that is spent.
    """

    at: float
    monotonic: Callable[[], float]
    sooner: "Deadline | None" = None

    def share(self, parts: int) -> "Deadline":
        """Returns the deadline that gives one of `parts` an equal part of the time that is left."""
        now = self.monotonic()
        return Deadline(now + (self.at - now) / parts, self.monotonic, sooner=self)

    def passed(self) -> bool:
        is_sooner = self.sooner is not None and self.sooner.passed()
        return is_sooner or self.monotonic() >= self.at


def always() -> bool:
    return True


class Backoff(NamedTuple):
    """Tries with a random pause between them, growing by powers of two up to `cap` seconds.

    "Full jitter": each pause is uniform between 0 and the bound, which is what lets many that
    collided at once get out of each other's way (AWS Architecture Blog, "Exponential Backoff And
    Jitter"). `may_retry` is asked before each try but the first.
    """

    tries: int
    base: float
    cap: float
    sleep: Callable[[float], None]
    uniform: Callable[[float, float], float] = random.uniform
    may_retry: Callable[[], bool] = always

    def attempts(self, deadline: Deadline) -> Iterator[int]:
        """Yields 0, 1, 2 … up to `tries`, pausing in between; ends early at the deadline, or where
        there may be no retry."""
        for attempt in range(self.tries):
            if attempt:
                if not self.may_retry():
                    return
                self.sleep(self.uniform(0, min(self.cap, self.base * 2**attempt)))
                if deadline.passed():
                    return
            yield attempt


def within(seconds: float, work: Callable[[], Found]) -> Found:
    """Runs `work`, and returns or raises what it does; TimeoutError if it takes longer.

    For what has no time-out of its own, such as a look for a name. The work has a thread, which
    ends by itself some time.
    """
    from concurrent.futures import Future  # few calls come here

    outcome: Future[Found] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except Exception as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome.result(max(0, seconds))
