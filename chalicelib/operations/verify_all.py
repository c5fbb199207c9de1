"""Compare the two logs of every user by content, and name who is behind."""

import logging
from typing import Any

from chalicelib.model.entries import Cursor, UserId
from chalicelib.model.timing import Deadline
from chalicelib.operations.counts import counts_of, finished, to_be_resumed
from chalicelib.operations.event import Event
from chalicelib.operations.verify_user import COUNTS, Verification, entries_behind
from chalicelib.operations.walk import Place, walk
from chalicelib.services import Services
from chalicelib.telemetry.log_fields import error_fields

MAX_NAMED = 20
"""Users that one answer names of a kind; the rest is in the counts."""

log = logging.getLogger(__name__)


def verify_all(services: Services, fields: Any, deadline: Deadline) -> dict[str, Any]:
    """Event: `{}`. Counts the `users` that are `equal` and `different`, those whose logs could not
    be read (`failed`), and those who are `behind`, which is no fault.

    `differences` names the first that this call found, and `waiting` the first who are behind, with
    the `entries` that still wait for a sync.
    """
    event = Event(fields, services.issuer)
    place = Place.of(event)
    counts = counts_of(event, "users", "equal", "different", "failed", "behind", *COUNTS)
    event.end()
    differences: list[dict[str, Any]] = []
    waiting: list[dict[str, Any]] = []

    def one(user: UserId, after: Cursor) -> Cursor | None:
        check = Verification(services, user, counts)
        try:
            reached = check.run(after, deadline)
            entries = 0
            if reached is None:
                entries = entries_behind(services, user, services.primary.last_cursor(user))
        except Exception as error:  # one user's trouble must not hold up the others
            log.error("verification failed", extra={"user": user, **error_fields(error)})
            counts.update(users=1, failed=1)
            return None
        if reached is None:
            counts.update(["users", "equal" if check.difference is None else "different"])
        if check.difference is not None and len(differences) < MAX_NAMED:
            differences.append({"user": user, **check.difference})
        counts["behind"] += entries > 0
        if entries and len(waiting) < MAX_NAMED:
            waiting.append({"user": user, "entries": entries})
        return reached

    walked = walk(services.users, place, deadline, one)
    named = {"differences": differences, "waiting": waiting}
    if walked.done:
        return finished(counts, **named)
    return to_be_resumed(walked.place.to_json(), counts, **named)
