"""Tables in, services out: what the app, the operations and the tests begin with."""

import random
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.config import TableNames
from chalicelib.dynamo import Dynamo
from chalicelib.entries import Mark, UserId
from chalicelib.metrics import NAMESPACE, Metrics
from chalicelib.services import Services
from chalicelib.timing import Backoff, Clock

if TYPE_CHECKING:
    from chalicelib.dead_letters import DeadLetters

WRITE_TRIES = 8
READ_TRIES = 4


MARK_BYTES = 6
"""That are random in a mark: two of 8 characters are the same once in 280 million million."""


def new_mark() -> Mark:
    return Mark(secrets.token_urlsafe(MARK_BYTES))


def no_dead_letters() -> "DeadLetters":
    from chalicelib.dead_letters import NoDeadLetters

    return NoDeadLetters()


def build(
    dynamo: Dynamo,
    tables: TableNames,
    clock: Clock | None = None,
    new_idem: Callable[[], str] = lambda: secrets.token_urlsafe(16),
    new_mark: Callable[[], Mark] = new_mark,
    uniform: Callable[[float, float], float] = random.uniform,
    emit: Callable[[str], None] = print,
    namespace: str = NAMESPACE,
    issuer: str = "",
    dead_letters: Callable[[], "DeadLetters"] = no_dead_letters,
    dynamo_for: Callable[[UserId], Dynamo] | None = None,
) -> Services:
    """Ties the services to their tables. What is timed or random can be given.

    `emit` takes the lines of metrics, which count in the `namespace`; `issuer` is needed where
    operations name users by subject; `dynamo_for` is what a user's partition is read through, if
    it is another than `dynamo`.
    """
    clock = clock or Clock()
    return Services(
        dynamo=dynamo,
        dynamo_for=dynamo_for or (lambda _user: dynamo),
        tables=tables,
        issuer=issuer,
        clock=clock,
        patience=Backoff(READ_TRIES, 0.01, 0.2, clock.sleep, uniform),
        backoff=Backoff(WRITE_TRIES, 0.02, 1.0, clock.sleep, uniform),
        metrics=Metrics(emit, clock.now, namespace),
        new_idem=new_idem,
        new_mark=new_mark,
        new_dead_letters=dead_letters,
    )
