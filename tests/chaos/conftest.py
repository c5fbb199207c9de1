"""Chaos leaves much behind, and a database slows down as it fills: here is one of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.dynamodb_local import Connection
from tests.databases import database


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory, engine_files: Path) -> Iterator[Connection]:
    with database(tmp_path_factory.mktemp("engine"), engine_files) as connection:
        yield connection
