"""Processes that are killed at one call: forked from a warm server, dead within milliseconds."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, Literal

from chalicelib.config import table_names
from chalicelib.dynamodb.client import HttpDynamo
from tests.faults.scenarios import SCENARIOS, Cast, Stage
from tests.support import Intercepted

Moment = Literal["before", "after"]
KILLED = -signal.SIGKILL
"""The exit code of a process that SIGKILL has ended."""

PATIENCE = 60
"""Seconds after which a process that does not end has failed its test."""


@dataclass(frozen=True)
class Step:
    """One call to the database: what, and on which tables."""

    operation: str
    tables: tuple[str, ...]

    @classmethod
    def of(cls, operation: str, request: Mapping[str, Any]) -> "Step":
        writes = request.get("TransactItems", [{"only": request}])
        named = [part["TableName"] for write in writes for part in write.values()]
        return cls(operation, tuple(dict.fromkeys(named)))

    @property
    def writes(self) -> bool:
        return self.operation in ("put_item", "update_item", "transact_write_items")


Trace = tuple[Step, ...]


@dataclass
class AtCall:
    """A hook that does something at one call of a run, which must be the one expected."""

    number: int
    step: Step
    act: Callable[[], None]
    fired: bool = field(default=False, init=False)
    _calls: int = field(default=0, init=False)

    def __call__(self, operation: str, request: Mapping[str, Any]) -> None:
        self._calls += 1
        if self._calls == self.number:
            assert Step.of(operation, request) == self.step
            self.fired = True
            self.act()


def kill_this_process() -> None:
    """As a power cut does it: nothing is flushed, closed or said."""
    os.kill(os.getpid(), signal.SIGKILL)


def fork_server() -> ForkServerContext:
    """Processes forked from one that has loaded all code, and is single-threaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytest", "app", __name__])
    return context


def exit_code(
    forks: ForkServerContext, output: Path, work: Callable[..., None], *args: object
) -> int | None:
    """Runs the work in a process of its own, whose stdout and stderr are added to the file."""
    process = forks.Process(target=_run, args=(dict(os.environ), str(output), work, args))
    process.start()
    process.join(PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()
        raise AssertionError(f"it does not end:\n{output.read_text()}")
    code = process.exitcode
    process.close()
    return code


def _run(
    environ: Mapping[str, str], output: str, work: Callable[..., None], args: tuple[object, ...]
) -> None:
    os.environ.clear()
    os.environ.update(environ)
    with Path(output).open("ab") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    work(*args)
    sys.stdout.flush()


def request_until(scenario: str, cast: Cast, moment: Moment, number: int, step: Step) -> None:
    """One try of the request by a process that dies at this call of it."""
    dynamo = Intercepted(HttpDynamo.from_environment(os.environ))
    setattr(dynamo, moment, AtCall(number, step, kill_this_process))
    SCENARIOS[scenario].request(Stage(dynamo, table_names(os.environ)), cast)
