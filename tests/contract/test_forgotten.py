"""The pump over DynamoDB Local's own stream after a day without a write."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.dynamodb_local import Connection, Engine
from local.workspace import Credentials
from tests.pumping import pumping
from tests.support import ALICE, Store, wait_until

THIRTY_HOURS = 30 * 60 * 60 * 1000
"""In milliseconds. A stream forgets after 24 hours."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "dynamodb"


@pytest.fixture
def engine(folder: Path, engine_files: Path) -> Iterator[Connection]:
    """One of this test's own, whose files it can get at."""
    with Engine.start(folder, Credentials.random(), engine_files) as started:
        yield started.connection


def grow_old(folder: Path) -> None:
    """Sets back the times of all stream records (`us`) in DynamoDB Local's SQLite files."""
    for file in folder.glob("*.db"):
        with sqlite3.connect(file, timeout=30) as database:
            database.execute(
                "UPDATE us SET CreationDateTime = CreationDateTime - ?", [THIRTY_HOURS]
            )
        database.close()


def test_what_is_saved_after_a_day_without_a_write_is_synced_by_the_stream(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    with pumping(store, tmp_path) as records:
        store.save(ALICE, 2)
        wait_until(lambda: len(records) == 2)
        grow_old(folder)
        store.save(ALICE)
        wait_until(lambda: len(records) == 3)
