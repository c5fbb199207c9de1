"""docs/operations.md leaves no alarm, metric, operation or parameter out."""

import json
from typing import get_args

import pytest

from chalicelib.metrics import Name
from chalicelib.operations import OPERATIONS
from deploy.alarms import alarms_of
from deploy.parameters import parameters
from deploy.stages import ROOT
from tests.deploy.conftest import DEV

TEXT = (ROOT / "docs/operations.md").read_text()


@pytest.mark.parametrize("name", [*alarms_of(DEV), *get_args(Name), *parameters(DEV)])
def test_it_tells_of(name: str) -> None:
    assert f"`{name}`" in TEXT or f'"{name}"' in TEXT


@pytest.mark.parametrize("operation", OPERATIONS)
def test_it_has_the_sample_event_of(operation: str) -> None:
    event = json.loads((ROOT / f"events/{operation}.json").read_text())
    assert f"| `{operation}` | `{json.dumps(event)}` |" in TEXT
