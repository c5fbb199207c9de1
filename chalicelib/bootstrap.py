"""Composes the services for given tables: the app, the operations and the tests begin here."""

import random
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.dynamodb.protocol import Dynamo
from chalicelib.model.entries import Mark, UserId
from chalicelib.model.timing import Backoff, Clock, always
from chalicelib.services import Services
from chalicelib.store.table_names import TableNames
from chalicelib.telemetry.metrics import NAMESPACE, Metrics, print_line

if TYPE_CHECKING:
    from chalicelib.sync.dead_letters import DeadLetters

WRITE_TRIES = 8
READ_TRIES = 4

AT_ONCE = 48
"""Users that background work serves side by side. Each has one call under way at a time, so this is
also the number of connections; `chalicelib.dynamodb.connections` keeps more than that."""

MARK_BYTES = 6
"""Random bytes of a mark. As 8 characters, two marks are equal once in 280 million million."""


def new_mark() -> Mark:
    return Mark(secrets.token_urlsafe(MARK_BYTES))


def no_dead_letters() -> "DeadLetters":
    from chalicelib.sync.dead_letters import NoDeadLetters

    return NoDeadLetters()


def build(
    dynamo: Dynamo,
    tables: TableNames,
    clock: Clock | None = None,
    new_request_id: Callable[[], str] = lambda: secrets.token_urlsafe(16),
    new_mark: Callable[[], Mark] = new_mark,
    uniform: Callable[[float, float], float] = random.uniform,
    emit: Callable[[str], None] = print_line,
    namespace: str = NAMESPACE,
    issuer: str = "",
    dead_letters: Callable[[], "DeadLetters"] = no_dead_letters,
    dynamo_for: Callable[[UserId], Dynamo] | None = None,
    at_once: int = AT_ONCE,
    may_retry: Callable[[], bool] = always,
) -> Services:
    """Ties the services to their tables. What is timed or random can be given.

    `emit` takes the lines of metrics, which count in the `namespace`; `issuer` is needed where
    operations name users by subject; `dynamo_for` is what a user's partition is read through, if
    it is another than `dynamo`; `may_retry` says whether writes may be tried again now.
    """
    clock = clock or Clock()
    return Services(
        dynamo=dynamo,
        dynamo_for=dynamo_for or (lambda _user: dynamo),
        tables=tables,
        issuer=issuer,
        clock=clock,
        read_backoff=Backoff(READ_TRIES, 0.01, 0.2, clock.sleep, uniform),
        backoff=Backoff(WRITE_TRIES, 0.02, 1.0, clock.sleep, uniform, may_retry),
        metrics=Metrics(emit, clock.now, namespace),
        new_request_id=new_request_id,
        new_mark=new_mark,
        new_dead_letters=dead_letters,
        at_once=at_once,
    )
