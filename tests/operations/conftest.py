"""Most of these tests make very many calls, and run on the simulation's own engine.

What is concurrent, or lives on the engine's own figures, runs on DynamoDB Local (`real_engine`).
"""

import os

import pytest

from chalicelib.bootstrap import build
from chalicelib.dynamodb.client import HttpDynamo
from chalicelib.store.table_names import TableNames
from tests.simulation.engine import MemoryDynamo
from tests.simulation.stage import TABLES
from tests.support import Store


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Store:
    """The services on fresh tables."""
    if request.node.get_closest_marker("real_engine") is None:
        dynamo = MemoryDynamo(TABLES)
        return Store(build(dynamo, TABLES), dynamo, TABLES)
    tables: TableNames = request.getfixturevalue("tables")
    local = HttpDynamo.from_environment(os.environ)
    return Store(build(local, tables), local, tables)
