"""What the handlers and operations of a running app may use."""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.dead_letters import DeadLetters
from chalicelib.deletion import Deleter
from chalicelib.entries import UserId
from chalicelib.metering import MeteredDynamo
from chalicelib.metrics import Metrics
from chalicelib.partition import Partition
from chalicelib.positions import Positions
from chalicelib.primary import Primary
from chalicelib.sync import Syncer
from chalicelib.timing import Backoff, Clock
from chalicelib.users import Users


@dataclass(frozen=True, slots=True)
class Metered:
    """For work in the background: what reads through it is counted."""

    dynamo: MeteredDynamo
    users: Users
    syncer: Syncer


@dataclass(frozen=True, slots=True)
class Services:
    """`issuer` is whose subjects operations may name; `backoff` is for tries at writes."""

    issuer: str
    clock: Clock
    backoff: Backoff
    metrics: Metrics
    primary: Primary
    open_partition: Callable[[UserId], Partition]
    syncer: Syncer
    deleter: Deleter
    users: Users
    metered: Metered
    dead_letters: DeadLetters
    positions: Positions
