"""DynamoDB Local for tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.dynamodb_local import Connection, Engine
from local.workspace import Credentials


@contextmanager
def database(folder: Path, engine_files: Path) -> Iterator[Connection]:
    """A database in memory: what TEST_DYNAMODB_ENDPOINT and the AWS keys name, else a new one.

    A test that starts a process which needs the same one gives it `engine.environ(os.environ)`, and
    TEST_DYNAMODB_ENDPOINT too if that is itself a test run.
    """
    if endpoint := os.environ.get("TEST_DYNAMODB_ENDPOINT"):
        keys = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
        yield Connection(endpoint, keys)
        return
    with Engine.start(folder, Credentials.random(), engine_files, in_memory=True) as started:
        yield started.connection
