"""The operator's documents leave nothing out, and what they name is there."""

import json
import re
from typing import get_args

import pytest

from chalicelib.operations import OPERATIONS
from chalicelib.telemetry.metrics import Name
from deploy.alarms import alarms_of
from deploy.parameters import parameters
from deploy.stages import ROOT
from tests.deploy.conftest import DEV

TESTS = ROOT / "tests"
TEXT = (ROOT / "docs/operations.md").read_text()


@pytest.mark.parametrize(
    "name", [*alarms_of(DEV), "NotAppliedAlarm", *get_args(Name), *parameters(DEV)]
)
def test_it_tells_of(name: str) -> None:
    assert f"`{name}`" in TEXT or f'"{name}"' in TEXT


@pytest.mark.parametrize("operation", OPERATIONS)
def test_it_has_the_sample_event_of(operation: str) -> None:
    event = json.loads((ROOT / f"events/{operation}.json").read_text())
    assert f"| `{operation}` | `{json.dumps(event)}` |" in TEXT


def test_the_cost_of_watching_is_that_of_what_is_there() -> None:
    """An alarm is $0.10 a month, a metric of ours $0.30."""
    ((alarms, cost),) = re.findall(r"The (\d+)\s+alarms cost \$([\d.]+) a month", TEXT)
    (metrics,) = re.findall(r"our metrics up to \$(\d+\.\d+)", TEXT)
    assert (int(alarms), float(cost)) == (len(alarms_of(DEV)), len(alarms_of(DEV)) / 10)
    assert float(metrics) == pytest.approx(len(get_args(Name)) * 0.3)


THREATS = (ROOT / "docs/threat-model.md").read_text()
TABLE = THREATS.split("tested where\n")[1].split("\n## ")[0]
ROWS = [line.strip("| ").split(" | ") for line in TABLE.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_each_threat_names_tests_that_are_there(row: list[str]) -> None:
    _threat, _defence, tested = row
    paths = re.findall(r"`([a-z]+(?:/\S+)?)`", tested)
    assert paths
    assert [path for path in paths if not any((r / path).exists() for r in (ROOT, TESTS))] == []
