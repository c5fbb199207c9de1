"""Services on DynamoDB Local, with tables of each test's own."""

import os

import pytest

from chalicelib.bootstrap import build
from chalicelib.config import TableNames
from chalicelib.tables import create_tables
from local.engine import Connection
from tests.support import Store, settings_of


@pytest.fixture
def names(table_prefix: str) -> TableNames:
    return TableNames(*(table_prefix + kind for kind in ("images", "partition", "idempotency")))


@pytest.fixture
def store(engine: Connection, names: TableNames, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name, value in engine.environ(os.environ).items():
        monkeypatch.setenv(name, value)
    create_tables(names)
    settings = settings_of(names)
    return Store(build(settings), settings)
