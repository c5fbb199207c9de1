"""What the tests of faults share: processes that can be killed, and a table of what was tried."""

from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext

import pytest

from tests.faults.crashing import fork_server


@dataclass
class Tried:
    """The points at which faults were injected, for the summary of the run."""

    lines: list[tuple[str, str, int, int]] = field(default_factory=list)

    def add(self, scenario: str, faults: str, calls: int, points: int) -> None:
        self.lines.append((scenario, faults, calls, points))


TRIED = pytest.StashKey[Tried]()


@pytest.fixture(scope="session")
def forks() -> ForkServerContext:
    return fork_server()


@pytest.fixture(scope="session")
def tried(pytestconfig: pytest.Config) -> Tried:
    return pytestconfig.stash.setdefault(TRIED, Tried())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    tried = config.stash.get(TRIED, None)
    if tried is None or not tried.lines:
        return
    terminalreporter.section("faults at every call")
    form = "{:<26}{:<10}{:>6}{:>8}  {}"
    terminalreporter.write_line(form.format("scenario", "faults", "calls", "points", "passed"))
    for scenario, faults, calls, points in tried.lines:
        terminalreporter.write_line(form.format(scenario, faults, calls, points, "all"))
    total = sum(points for *_names, points in tried.lines)
    terminalreporter.write_line(form.format("together", "", "", total, "all"))
