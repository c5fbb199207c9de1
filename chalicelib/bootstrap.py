"""The one place that knows concrete classes: tables in, services out. Tests call it too."""

import random
import secrets
from collections.abc import Callable

from chalicelib.config import TableNames
from chalicelib.deletion import Deleter
from chalicelib.dynamo import Dynamo
from chalicelib.entries import UserId
from chalicelib.idempotency import Markers
from chalicelib.partition import Partition
from chalicelib.primary import Primary
from chalicelib.services import Services
from chalicelib.sync import Syncer
from chalicelib.timing import Backoff, Clock

WRITE_TRIES = 8
READ_TRIES = 4


def build(
    dynamo: Dynamo,
    tables: TableNames,
    clock: Clock | None = None,
    new_idem: Callable[[], str] = lambda: secrets.token_urlsafe(16),
    uniform: Callable[[float, float], float] = random.uniform,
) -> Services:
    """Wires the services to their tables. What is timed or random can be given."""
    clock = clock or Clock()
    reads = Backoff(READ_TRIES, 0.01, 0.2, clock.sleep, uniform)
    writes = Backoff(WRITE_TRIES, 0.02, 1.0, clock.sleep, uniform)

    def open_partition(user: UserId) -> Partition:
        return Partition(dynamo, tables.partition, user, reads)

    markers = Markers(tables.idempotency)
    primary = Primary(dynamo, tables.primary, markers, clock, writes, new_idem)
    syncer = Syncer(primary, open_partition, writes)
    deleter = Deleter(primary, open_partition, syncer, writes)
    return Services(clock, primary, open_partition, syncer, deleter)
