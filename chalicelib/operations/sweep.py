"""Sync every user whose partition is behind, whatever the stream has lost."""

import logging
from typing import Any

from chalicelib.entries import Cursor, UserId
from chalicelib.errors import InvalidEvent
from chalicelib.logs import told
from chalicelib.metrics import Metrics
from chalicelib.operations.counts import counts_of, finished, to_be_resumed
from chalicelib.operations.event import Event
from chalicelib.operations.walk import Place, walk
from chalicelib.services import Services
from chalicelib.sync import Synced
from chalicelib.timing import Deadline, unix_time

DEFAULT_READ_UNITS = 10_000
MAX_READ_UNITS = 10_000_000
MIN_READ_UNITS = 1_000
"""Enough for a chunk of the largest images (1 MB, 256 units), so that every call gets on."""

LATE = 60
"""Seconds that a user was behind at the least to be told of as a metric: what was saved after that
may still be on its way through the stream."""

log = logging.getLogger(__name__)


def sweep(services: Services, fields: Any, deadline: Deadline) -> dict[str, Any]:
    """Event: `{}` or `readUnits` (1000 …), the read capacity units to spend in this call at most.

    A sync of a user who is up to date is two small reads, and that is how being behind is found.
    Answers the `users` gone through, those that were `behind`, the entries `applied`, the users
    `failed` (their sync is tried at the next sweep), and the `readUnits` spent in this call.
    """
    event = Event(fields, services.issuer)
    place = Place.of(event)
    read_units = event.whole("readUnits", DEFAULT_READ_UNITS, MIN_READ_UNITS, MAX_READ_UNITS)
    counts = counts_of(event, "users", "behind", "applied", "failed")
    event.end()
    metered = services.metered
    spent_before = metered.dynamo.read_units
    budget = metered.dynamo.budget(read_units, deadline)

    late: list[UserId] = []

    def one(user: UserId, after: Cursor) -> Cursor | None:
        try:
            synced = metered.syncer.sync(user, budget)
        except Exception as error:  # one user's trouble must not hold up the others
            log.error("sync failed", extra={"user": user, **told(error)})
            services.metrics.count("SyncFailed", user=user)
            counts.update(users=1, failed=1)
            return None
        is_cut_short = budget.passed() and not synced.up_to_date
        counts["applied"] += synced.applied
        is_found = not after and is_behind(synced, is_cut_short)
        counts["behind"] += is_found
        if is_found and is_late(synced, services.metrics):
            late.append(user)
        counts["users"] += not is_cut_short
        # Beyond START says that this user is counted as behind.
        reached = synced.cursor if synced.applied else after
        return reached if is_cut_short else None

    walked = walk(metered.users, place, budget, one)
    services.metrics.count("UsersBehind", len(late))
    spent = round(metered.dynamo.read_units - spent_before, 1)
    if walked.done:
        return finished(counts, readUnits=spent)
    resume = {**walked.place.to_json(), "readUnits": read_units}
    return to_be_resumed(resume, counts, readUnits=spent)


def is_behind(synced: Synced, is_cut_short: bool) -> bool:
    """Whether the sync found the partition behind; cut short before it knew, it did not."""
    return synced.applied > 0 or not (synced.up_to_date or is_cut_short)


def is_late(synced: Synced, metrics: Metrics) -> bool:
    """Whether what it added had waited so long that the stream seems to have lost it."""
    if synced.oldest is None:
        return False
    try:
        return metrics.milliseconds_since(unix_time(synced.oldest)) > LATE * 1000
    except ValueError:  # of a time that was damaged by hand
        return True


def next_sweep(services: Services, deadline: Deadline) -> dict[str, Any]:
    """Goes on where the last scheduled sweep ended: with many users, a round takes several."""
    event = services.positions.get("sweep")
    try:
        swept = sweep(services, event, deadline)
    except InvalidEvent:  # kept by another version of the code
        swept = sweep(services, {}, deadline)
    services.positions.put("sweep", swept.get("resume", {}))
    return swept
