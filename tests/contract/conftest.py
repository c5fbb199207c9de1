"""The domain's contract is the same on every engine: DynamoDB Local, and the simulation's own."""

import os

import pytest

from chalicelib.bootstrap import build
from chalicelib.dynamodb.client import HttpDynamo
from chalicelib.store.table_names import TableNames
from tests.simulation.engine import MemoryDynamo
from tests.simulation.stage import TABLES
from tests.support import Store

LOCAL, MEMORY = "dynamodb-local", "in-memory"

ON_BOTH = {
    "test_primary",
    "test_sync",
    "test_deletion",
    "test_partition",
    "test_marks",
    "test_refusals",
}
"""The modules that need no more of an engine than the calls of the protocol `Dynamo`."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    module = metafunc.module.__name__.rpartition(".")[2]
    if "store" in metafunc.fixturenames and module in ON_BOTH:
        metafunc.parametrize("store", [LOCAL, MEMORY], indirect=True)


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Store:
    """The services on fresh tables of the engine that the parameter names."""
    if getattr(request, "param", LOCAL) == MEMORY:
        dynamo = MemoryDynamo(TABLES)
        return Store(build(dynamo, TABLES), dynamo, TABLES)
    tables: TableNames = request.getfixturevalue("tables")
    local = HttpDynamo.from_environment(os.environ)
    return Store(build(local, tables), local, tables)
