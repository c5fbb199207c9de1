"""What the handlers and operations of a running app may use, composed as it is first asked for.

This is the one place that knows concrete classes. A function loads no more of them than it uses:
reads have no need of what decides saves, and a cold start pays for each module.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.config import TableNames
from chalicelib.dynamo import Dynamo
from chalicelib.entries import Mark, UserId
from chalicelib.metrics import Metrics
from chalicelib.partition import Partition
from chalicelib.timing import Backoff, Clock

if TYPE_CHECKING:
    from chalicelib.dead_letters import DeadLetters
    from chalicelib.deletion import Deleter
    from chalicelib.metering import MeteredDynamo
    from chalicelib.positions import Positions
    from chalicelib.primary import Primary
    from chalicelib.sync import Syncer
    from chalicelib.tails import Tails
    from chalicelib.users import Users


@dataclass(frozen=True)
class Services:
    """`issuer` is whose subjects operations may name; `backoff` is for tries at writes, `patience`
    for those at reads. `dynamo_for` is what a user's partition is read through."""

    dynamo: Dynamo
    dynamo_for: Callable[[UserId], Dynamo]
    tables: TableNames
    issuer: str
    clock: Clock
    patience: Backoff
    backoff: Backoff
    metrics: Metrics
    new_idem: Callable[[], str]
    new_mark: Callable[[], Mark]
    new_dead_letters: Callable[[], "DeadLetters"]

    def open_partition(self, user: UserId) -> Partition:
        return Partition(self.dynamo_for(user), self.tables.partition, user, self.patience)

    @cached_property
    def primary(self) -> "Primary":
        return self._primary_over(self.dynamo)

    @cached_property
    def syncer(self) -> "Syncer":
        return self._syncer_over(self.dynamo)

    @cached_property
    def deleter(self) -> "Deleter":
        from chalicelib.deletion import Deleter

        return Deleter(self.primary, self.open_partition, self.syncer, self.backoff)

    @cached_property
    def users(self) -> "Users":
        from chalicelib.users import Users

        return Users(self.dynamo, self.tables.primary)

    @cached_property
    def metered(self) -> "Metered":
        from chalicelib.metering import MeteredDynamo
        from chalicelib.users import Users

        dynamo = MeteredDynamo(self.dynamo)
        return Metered(dynamo, Users(dynamo, self.tables.primary), self._syncer_over(dynamo))

    @cached_property
    def dead_letters(self) -> "DeadLetters":
        return self.new_dead_letters()

    @cached_property
    def positions(self) -> "Positions":
        from chalicelib.positions import Positions

        return Positions(self.dynamo, self.tables.idempotency)

    @cached_property
    def _tails(self) -> "Tails":
        from chalicelib.tails import Tails

        return Tails(self.clock.monotonic)

    def _primary_over(self, dynamo: Dynamo) -> "Primary":
        from chalicelib.idempotency import Markers
        from chalicelib.primary import Primary

        return Primary(
            dynamo,
            self.tables.primary,
            Markers(self.tables.idempotency),
            self.clock,
            self.backoff,
            self.new_idem,
            self.new_mark,
            self.metrics,
            self._tails,
        )

    def _syncer_over(self, dynamo: Dynamo) -> "Syncer":
        from chalicelib.sync import Syncer

        def partition(user: UserId) -> Partition:
            return Partition(dynamo, self.tables.partition, user, self.patience)

        return Syncer(self._primary_over(dynamo), partition, self.backoff, self.metrics)


@dataclass(frozen=True, slots=True)
class Metered:
    """For work in the background: what reads through it is counted."""

    dynamo: "MeteredDynamo"
    users: "Users"
    syncer: "Syncer"
