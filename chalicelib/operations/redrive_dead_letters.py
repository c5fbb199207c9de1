"""Syncs the users whose stream records the event source gave up on."""

import logging
from collections import Counter
from typing import Any

from chalicelib.model.timing import Deadline
from chalicelib.operations.counts import counts_of, finished, to_be_resumed
from chalicelib.operations.event import Event
from chalicelib.services import Services
from chalicelib.sync.dead_letters import Letter, Trimmed
from chalicelib.sync.stream_handler import first_records, sync_each
from chalicelib.telemetry.log_fields import error_fields

OUTCOMES = ("redriven", "failed", "trimmed", "unreadable")

log = logging.getLogger(__name__)


def redrive_dead_letters(services: Services, fields: Any, deadline: Deadline) -> dict[str, Any]:
    """Event: `{}`. Counts the letters by what became of them, and the `users` synced.

    `redriven` letters are gone from the queue. Those that `failed` (a user's sync still does, or
    the stream cannot be read) stay there. Of a `trimmed` one, older than the stream's 24 hours,
    nobody knows the users any more: it goes, and a sweep covers them. `unreadable` messages are of
    another kind, and stay.
    """
    event = Event(fields, services.issuer)
    counts = counts_of(event, *OUTCOMES, "users")
    event.end()
    seen: set[str] = set()
    while not deadline.passed():
        letters = [letter for letter in services.dead_letters.receive() if letter.id not in seen]
        if not letters:
            return finished(counts)
        for letter in letters:
            seen.add(letter.id)
            if deadline.passed():
                break
            outcome = _outcome(services, letter, counts, deadline)
            counts[outcome] += 1
            services.metrics.count("DeadLetters", outcome=outcome)
            if outcome in ("redriven", "trimmed"):
                services.dead_letters.delete(letter)
    return to_be_resumed({}, counts)


def _outcome(services: Services, letter: Letter, counts: Counter[str], deadline: Deadline) -> str:
    if letter.batch is None:
        return "unreadable"
    try:
        records = services.dead_letters.records(letter.batch)
    except Trimmed:
        return "trimmed"
    except Exception as error:  # the other letters are not to wait for it
        log.error("no records of a letter", extra={"letter": letter.id, **error_fields(error)})
        return "failed"
    users = list(first_records({"Records": records}))
    synced = sync_each(users, services.syncer, services.metrics, deadline, services.at_once)
    counts["users"] += len(synced)
    return "redriven" if len(synced) == len(users) else "failed"
