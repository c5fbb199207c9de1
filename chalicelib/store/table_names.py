"""The names of a stage's three tables."""

from typing import NamedTuple


class TableNames(NamedTuple):
    primary: str
    partition: str
    idempotency: str
