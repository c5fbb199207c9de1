"""Bring one user's partition up to date now."""

from typing import Any

from chalicelib.model.timing import Deadline
from chalicelib.operations.counts import counts_of, finished, to_be_resumed
from chalicelib.operations.event import Event
from chalicelib.services import Services


def sync_user(services: Services, fields: Any, deadline: Deadline) -> dict[str, Any]:
    """Event: `user` or `subject`. Answers the partition's `cursor`, and the entries `applied`."""
    event = Event(fields, services.issuer)
    user = event.user()
    counts = counts_of(event, "applied")
    event.end()
    synced = services.syncer.sync(user, deadline)
    counts["applied"] += synced.applied
    if synced.up_to_date:
        return finished(counts, user=user, cursor=synced.cursor)
    return to_be_resumed({"user": user}, counts, user=user, cursor=synced.cursor)
