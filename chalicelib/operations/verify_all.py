"""Compare the two logs of every user by content."""

import logging
from typing import Any

from chalicelib.entries import Cursor, UserId
from chalicelib.logs import told
from chalicelib.operations.counts import counts_of, finished, to_be_resumed
from chalicelib.operations.event import Event
from chalicelib.operations.verify_user import COUNTS, Verification
from chalicelib.operations.walk import Place, walk
from chalicelib.services import Services
from chalicelib.timing import Deadline

MAX_DIFFERENCES = 20
"""Differences that one answer names; the rest is in the counts."""

log = logging.getLogger(__name__)


def verify_all(services: Services, fields: Any, deadline: Deadline) -> dict[str, Any]:
    """Event: `{}`. Counts the `users` that are `equal` and `different`, and those whose logs could
    not be read (`failed`); `differences` names the first of those that this call found."""
    event = Event(fields, services.issuer)
    place = Place.of(event)
    counts = counts_of(event, "users", "equal", "different", "failed", *COUNTS)
    event.end()
    differences: list[dict[str, Any]] = []

    def one(user: UserId, after: Cursor) -> Cursor | None:
        check = Verification(services, user, counts)
        try:
            reached = check.run(after, deadline)
        except Exception as error:  # one user's trouble must not hold up the others
            log.error("verification failed", extra={"user": user, **told(error)})
            counts.update(users=1, failed=1)
            return None
        if reached is None:
            counts.update(["users", "equal" if check.difference is None else "different"])
        if check.difference is not None and len(differences) < MAX_DIFFERENCES:
            differences.append({"user": user, **check.difference})
        return reached

    walked = walk(services.users, place, deadline, one)
    if walked.done:
        return finished(counts, differences=differences)
    return to_be_resumed(walked.place.to_json(), counts, differences=differences)
