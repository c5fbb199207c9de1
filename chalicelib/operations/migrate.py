"""Upgrades the partitions of all users to the current row version."""

from typing import Any

from chalicelib.model.entries import Cursor, UserId
from chalicelib.model.timing import Deadline
from chalicelib.operations.counts import counts_of, finished, to_be_resumed
from chalicelib.operations.event import Event
from chalicelib.operations.walk import Place, walk
from chalicelib.services import Services
from chalicelib.sync import migration


def migrate(services: Services, fields: Any, deadline: Deadline) -> dict[str, Any]:
    """Event: `{}`. Answers how many `users` were gone through and how many rows `rewritten`.

    Syncs do it too, when their user comes; readers understand older rows meanwhile.
    """
    event = Event(fields, services.issuer)
    place = Place.of(event)
    counts = counts_of(event, "users", "rewritten")
    event.end()

    def one(user: UserId, after: Cursor) -> Cursor | None:
        partition = services.open_partition(user)
        migrated = migration.migrate(partition, after, services.backoff, deadline)
        counts["rewritten"] += migrated.rewritten
        counts["users"] += migrated.done
        return None if migrated.done else migrated.cursor

    walked = walk(services.users, place, deadline, one)
    if walked.done:
        return finished(counts)
    return to_be_resumed(walked.place.to_json(), counts)
