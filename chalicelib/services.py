"""What the handlers and operations of a running app may use, composed as it is first asked for.

This is the one place that knows concrete classes. A function loads no more of them than it uses:
reads have no need of what decides saves, and a cold start pays for each module.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.dynamodb.protocol import Dynamo
from chalicelib.model.entries import Mark, UserId
from chalicelib.model.timing import Backoff, Clock
from chalicelib.store.partition import Partition
from chalicelib.store.table_names import TableNames
from chalicelib.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from chalicelib.dynamodb.metering import MeteredDynamo
    from chalicelib.store.checkpoints import Checkpoints
    from chalicelib.store.primary import Primary
    from chalicelib.store.tail_cache import TailCache
    from chalicelib.store.users import Users
    from chalicelib.sync.dead_letters import DeadLetters
    from chalicelib.sync.deletion import Deleter
    from chalicelib.sync.syncer import Syncer


@dataclass(frozen=True)
class Services:
    """`issuer` is whose subjects operations may name; `backoff` is for tries at writes,
    `read_backoff` for those at reads. `dynamo_for` is what a user's partition is read through.
    `at_once` is how many users work in the background may have under way side by side."""

    dynamo: Dynamo
    dynamo_for: Callable[[UserId], Dynamo]
    tables: TableNames
    issuer: str
    clock: Clock
    read_backoff: Backoff
    backoff: Backoff
    metrics: Metrics
    new_request_id: Callable[[], str]
    new_mark: Callable[[], Mark]
    new_dead_letters: Callable[[], "DeadLetters"]
    at_once: int

    def open_partition(self, user: UserId) -> Partition:
        return Partition(self.dynamo_for(user), self.tables.partition, user, self.read_backoff)

    @cached_property
    def primary(self) -> "Primary":
        return self._primary_over(self.dynamo)

    @cached_property
    def syncer(self) -> "Syncer":
        return self._syncer_over(self.dynamo)

    @cached_property
    def deleter(self) -> "Deleter":
        from chalicelib.sync.deletion import Deleter

        return Deleter(self.primary, self.open_partition, self.syncer, self.backoff)

    @cached_property
    def users(self) -> "Users":
        from chalicelib.store.users import Users

        return Users(self.dynamo, self.tables.primary)

    @cached_property
    def metered(self) -> "Metered":
        from chalicelib.dynamodb.metering import MeteredDynamo
        from chalicelib.store.users import Users

        dynamo = MeteredDynamo(self.dynamo)
        return Metered(dynamo, Users(dynamo, self.tables.primary), self._syncer_over(dynamo))

    @cached_property
    def dead_letters(self) -> "DeadLetters":
        return self.new_dead_letters()

    @cached_property
    def checkpoints(self) -> "Checkpoints":
        from chalicelib.store.checkpoints import Checkpoints

        return Checkpoints(self.dynamo, self.tables.idempotency)

    @cached_property
    def _tail_cache(self) -> "TailCache":
        from chalicelib.store.tail_cache import TailCache

        return TailCache(self.clock.monotonic)

    def _primary_over(self, dynamo: Dynamo) -> "Primary":
        from chalicelib.store.idempotency import Markers
        from chalicelib.store.primary import Primary

        return Primary(
            dynamo,
            self.tables.primary,
            Markers(self.tables.idempotency),
            self.clock,
            self.backoff,
            self.new_request_id,
            self.new_mark,
            self.metrics,
            self._tail_cache,
        )

    def _syncer_over(self, dynamo: Dynamo) -> "Syncer":
        from chalicelib.sync.syncer import Syncer

        def partition(user: UserId) -> Partition:
            return Partition(dynamo, self.tables.partition, user, self.read_backoff)

        return Syncer(self._primary_over(dynamo), partition, self.backoff, self.metrics)


@dataclass(frozen=True, slots=True)
class Metered:
    """For work in the background: what reads through it is counted."""

    dynamo: "MeteredDynamo"
    users: "Users"
    syncer: "Syncer"
