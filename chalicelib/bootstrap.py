"""The one place that knows concrete classes: tables in, services out. Tests call it too."""

import random
import secrets
from collections.abc import Callable
from functools import partial

from chalicelib.config import TableNames
from chalicelib.dead_letters import DeadLetters, NoDeadLetters
from chalicelib.deletion import Deleter
from chalicelib.dynamo import Dynamo
from chalicelib.entries import UserId
from chalicelib.idempotency import Markers
from chalicelib.metering import MeteredDynamo
from chalicelib.metrics import NAMESPACE, Metrics
from chalicelib.partition import Partition
from chalicelib.positions import Positions
from chalicelib.primary import Primary
from chalicelib.services import Metered, Services
from chalicelib.sync import Syncer
from chalicelib.tails import Tails
from chalicelib.timing import Backoff, Clock
from chalicelib.users import Users

WRITE_TRIES = 8
READ_TRIES = 4


def build(
    dynamo: Dynamo,
    tables: TableNames,
    clock: Clock | None = None,
    new_idem: Callable[[], str] = lambda: secrets.token_urlsafe(16),
    uniform: Callable[[float, float], float] = random.uniform,
    emit: Callable[[str], None] = print,
    namespace: str = NAMESPACE,
    issuer: str = "",
    dead_letters: DeadLetters | None = None,
    dynamo_for: Callable[[UserId], Dynamo] | None = None,
) -> Services:
    """Wires the services to their tables. What is timed or random can be given.

    `emit` takes the lines of metrics, which count in the `namespace`; `issuer` is needed where
    operations name users by subject; `dynamo_for` is what a user's partition is read through, if
    it is another than `dynamo`.
    """
    clock = clock or Clock()
    reads = Backoff(READ_TRIES, 0.01, 0.2, clock.sleep, uniform)
    writes = Backoff(WRITE_TRIES, 0.02, 1.0, clock.sleep, uniform)
    metrics = Metrics(emit, clock.now, namespace)
    tails = Tails(clock.monotonic)

    def primary_over(dynamo: Dynamo) -> Primary:
        markers = Markers(tables.idempotency)
        return Primary(dynamo, tables.primary, markers, clock, writes, new_idem, metrics, tails)

    def partition_over(dynamo: Dynamo, user: UserId) -> Partition:
        return Partition(dynamo, tables.partition, user, reads)

    def syncer_over(dynamo: Dynamo) -> Syncer:
        return Syncer(primary_over(dynamo), partial(partition_over, dynamo), writes, metrics)

    def open_partition(user: UserId) -> Partition:
        return partition_over(dynamo if dynamo_for is None else dynamo_for(user), user)

    primary, syncer = primary_over(dynamo), syncer_over(dynamo)
    metered = MeteredDynamo(dynamo)
    return Services(
        issuer=issuer,
        clock=clock,
        backoff=writes,
        metrics=metrics,
        primary=primary,
        open_partition=open_partition,
        syncer=syncer,
        deleter=Deleter(primary, open_partition, syncer, writes),
        users=Users(dynamo, tables.primary),
        metered=Metered(metered, Users(metered, tables.primary), syncer_over(metered)),
        dead_letters=dead_letters or NoDeadLetters(),
        positions=Positions(dynamo, tables.idempotency),
    )
