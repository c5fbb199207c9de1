"""What all tests share: one DynamoDB Local, in which each test names tables of its own."""

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.bootstrap import build
from chalicelib.config import table_names
from chalicelib.dynamodb.client import HttpDynamo
from chalicelib.store.table_names import TableNames
from chalicelib.store.tables import create_tables
from local.dynamodb_local import Connection, cache_dir, ensure_installed
from local.terminal import Lines
from tests.databases import database
from tests.support import Store

# `make test-deployed`: what is deployed serves the tests of more than one folder.
pytest_plugins = ["tests.deployed.fixtures"] if "EMULATOR" in os.environ else []


def pytest_configure() -> None:
    """End on SIGTERM as on Ctrl-C, so that what the fixtures started is ended too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """pytest's own, whose text has the records' fields too: all that Lambda would write."""
    usual = caplog.handler.formatter
    caplog.handler.setFormatter(Lines("%(levelname)s %(name)s %(message)s"))
    yield caplog
    caplog.handler.setFormatter(usual)


@pytest.fixture(scope="session")
def engine_files() -> Path:
    """The folder of DynamoDB Local's jar: what `Engine.start` calls `installed`."""
    return ensure_installed(cache_dir(os.environ), print)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory, engine_files: Path) -> Iterator[Connection]:
    """The database that most tests share."""
    with database(tmp_path_factory.mktemp("engine"), engine_files) as connection:
        yield connection


@pytest.fixture
def table_prefix() -> str:
    """A beginning for table names that no other test has."""
    return f"test-{uuid.uuid4().hex}-"


@pytest.fixture
def tables(engine: Connection, table_prefix: str, monkeypatch: pytest.MonkeyPatch) -> TableNames:
    """Three fresh tables. The environment names them too, for the app and for processes."""
    variables = engine.environ(os.environ) | {
        "PRIMARY_TABLE": table_prefix + "images",
        "PARTITION_TABLE": table_prefix + "partition",
        "IDEMPOTENCY_TABLE": table_prefix + "idempotency",
        "OIDC_ISSUER": "https://issuer.example",
        "OIDC_AUDIENCE": "tests",
        "OIDC_JWKS_URL": "https://issuer.example/keys",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    names = table_names(variables)
    create_tables(names)
    return names


@pytest.fixture
def store(tables: TableNames) -> Store:
    """The services on the fresh tables."""
    dynamo = HttpDynamo.from_environment(os.environ)
    return Store(build(dynamo, tables), dynamo, tables)
