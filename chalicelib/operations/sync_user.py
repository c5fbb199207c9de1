"""Bring one user's partition up to date now."""

from typing import Any

from chalicelib.operations.event import Event
from chalicelib.services import Services
from chalicelib.timing import Deadline


def sync_user(services: Services, fields: Any, deadline: Deadline) -> dict[str, Any]:
    """Event: `user` or `subject`. Answers the partition's `cursor`, and the entries `applied`."""
    event = Event(fields, services.issuer)
    user = event.user()
    event.end()
    synced = services.syncer.sync(user, deadline)
    answer = {"user": user, "cursor": synced.cursor, "applied": synced.applied}
    if synced.up_to_date:
        return {"done": True, **answer}
    return {"done": False, "resume": {"user": user}, **answer}
