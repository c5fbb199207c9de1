"""What the handlers of a running app may use."""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.deletion import Deleter
from chalicelib.entries import UserId
from chalicelib.partition import Partition
from chalicelib.primary import Primary
from chalicelib.sync import Syncer
from chalicelib.timing import Clock


@dataclass(frozen=True, slots=True)
class Services:
    clock: Clock
    primary: Primary
    open_partition: Callable[[UserId], Partition]
    syncer: Syncer
    deleter: Deleter
