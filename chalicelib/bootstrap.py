"""The one place that knows concrete classes: settings in, services out. Tests call it too."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.auth import Authenticator, JwksKeys, fetch_jwks
from chalicelib.botocore_engine import BotocoreDynamo, make_client
from chalicelib.config import Settings
from chalicelib.deletion import Deleter
from chalicelib.dynamo import Dynamo
from chalicelib.entries import UserId
from chalicelib.idempotency import Markers
from chalicelib.partition import Partition
from chalicelib.primary import Primary
from chalicelib.sync import Syncer
from chalicelib.timing import Backoff, Clock

APPEND_TRIES = 8
SYNC_TRIES = 8
READ_TRIES = 4


@dataclass(frozen=True, slots=True)
class Services:
    clock: Clock
    dynamo: Dynamo
    primary: Primary
    open_partition: Callable[[UserId], Partition]
    syncer: Syncer
    deleter: Deleter


def build(
    settings: Settings,
    dynamo: Dynamo | None = None,
    clock: Clock | None = None,
    new_idem: Callable[[], str] = lambda: secrets.token_urlsafe(16),
) -> Services:
    """Wires the services to the tables; by default over botocore, by AWS's own environment."""
    dynamo = dynamo or BotocoreDynamo(make_client())
    clock = clock or Clock()

    def open_partition(user: UserId) -> Partition:
        reads = Backoff(READ_TRIES, base=0.01, cap=0.2, sleep=clock.sleep)
        return Partition(dynamo, settings.tables.partition, user, reads)

    primary = Primary(
        dynamo,
        settings.tables.primary,
        Markers(settings.tables.idempotency),
        clock,
        Backoff(APPEND_TRIES, base=0.02, cap=1.0, sleep=clock.sleep),
        new_idem,
    )
    backoff = Backoff(SYNC_TRIES, base=0.02, cap=1.0, sleep=clock.sleep)
    syncer = Syncer(primary, open_partition, backoff)
    deleter = Deleter(primary, open_partition, syncer, backoff)
    return Services(clock, dynamo, primary, open_partition, syncer, deleter)


def build_authenticator(settings: Settings) -> Authenticator:
    """Wires the authorizer to the issuer's published keys."""
    # Not the monotonic clock: it may stand still while a function's instance is suspended.
    keys = JwksKeys(settings.oidc.jwks_url, fetch_jwks, time.time)
    return Authenticator(settings.oidc, keys, time.time)
