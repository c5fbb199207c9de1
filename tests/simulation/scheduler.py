"""One thing at a time, in virtual time: who goes on next follows from the seed alone.

Tasks are greenlets. A task runs until it pauses or parks; then the one that is due first goes on.
Each task has chance of its own, so that leaving one out changes no other's dice.
"""

import heapq
from collections.abc import Callable
from random import Random

from greenlet import GreenletExit, getcurrent, greenlet

EPOCH = 1_800_000_000.0
"""Unix seconds at which every simulation begins."""

MAX_STEPS = 100_000


class Endless(Exception):
    """The tasks go on for ever."""


class Task:
    def __init__(self, seed: str, name: str, work: Callable[[], None], pace: float) -> None:
        self.name = name
        self.random = Random(f"{seed}/{name}")
        self.pace = pace
        self.greenlet = greenlet(work)


class Scheduler:
    """`now` is virtual Unix seconds; `steps` counts how often a task went on."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._random = Random(f"{seed}/scheduler")
        self._due: list[tuple[float, float, int, Task]] = []
        self._queued = 0
        self._begun: list[Task] = []
        self._current: Task | None = None
        self.now = EPOCH
        self.steps = 0

    @property
    def current(self) -> Task:
        assert self._current is not None, "outside of every task"
        return self._current

    def spawn(self, name: str, work: Callable[[], None], after: float = 0, pace: float = 1) -> Task:
        """A new task, whose name seeds its chance."""
        task = Task(self._seed, name, work, pace)
        self._begun.append(task)
        self.wake(task, after)
        return task

    def wake(self, task: Task, after: float) -> None:
        """Lets the task go on after so many seconds; ties are a matter of chance."""
        self._queued += 1
        due = (self.now + after, self._random.random(), self._queued, task)
        heapq.heappush(self._due, due)

    def pause(self, seconds: float) -> None:
        """The current task goes on after so many seconds; others go on meanwhile."""
        self.wake(self.current, seconds)
        self.park()

    def park(self) -> None:
        """The current task goes on when somebody wakes it."""
        parent = getcurrent().parent
        assert parent is not None
        parent.switch()

    def run(self) -> None:
        """Until nothing is due any more. What a task raises comes out here."""
        while self._due:
            self.now, _tie, _queued, task = self._pop()
            self._current = task
            self.steps += 1
            if self.steps > MAX_STEPS:
                raise Endless
            task.greenlet.parent = getcurrent()
            task.greenlet.switch()
        self._current = None

    def close(self) -> None:
        """Ends the tasks that have not come to their end, since nobody else ever would."""
        for task in self._begun:
            task.greenlet.throw(GreenletExit)
        self._begun.clear()
        self._due.clear()

    def _pop(self) -> tuple[float, float, int, Task]:
        due, tie, queued, task = heapq.heappop(self._due)
        return max(due, self.now), tie, queued, task
