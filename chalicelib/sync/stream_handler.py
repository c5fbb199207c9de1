"""The stream handler: syncs the users whose logs have grown. It never uses the records themselves.

The stream carries keys only. Whatever its order, its duplicates or its losses, all that a batch
can cause is a call of `sync` for the users whose keys are in it.
"""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.model.entries import UserId
from chalicelib.model.timing import Deadline
from chalicelib.sync.side_by_side import side_by_side
from chalicelib.sync.syncer import Syncer
from chalicelib.telemetry.log_fields import error_fields
from chalicelib.telemetry.metrics import Metrics

AT_ONCE = 16
"""Users of a batch who are synced side by side. Each has one call under way at a time, so this is
also the number of connections; `chalicelib.dynamodb.connections` keeps more than that."""

log = logging.getLogger(__name__)


def handle(
    event: Mapping[str, Any],
    syncer: Syncer,
    metrics: Metrics,
    deadline: Deadline,
    at_once: int = AT_ONCE,
) -> dict[str, Any]:
    """Syncs each user of a DynamoDB Streams batch once.

    Takes and answers AWS Lambda's own shapes: a user whose sync fails or does not finish is
    reported by the sequence number of that user's first record ("Reporting batch item failures",
    Lambda developer guide); the others go on.
    """
    users = first_records(event)
    synced = sync_each(list(users), syncer, metrics, deadline, at_once)
    failures = [
        {"itemIdentifier": sequence_number}
        for user, sequence_number in users.items()
        if user not in synced
    ]
    return {"batchItemFailures": failures}


def sync_each(
    users: Sequence[UserId],
    syncer: Syncer,
    metrics: Metrics,
    deadline: Deadline,
    at_once: int = AT_ONCE,
) -> set[UserId]:
    """Syncs the users side by side; answers those who are up to date now.

    Each has an equal share of the time that is left, so that one who is slow takes nobody's turn.
    Users whose turn comes after the deadline are not tried: a function that ran out of time would
    fail its whole batch.
    """

    def one(turn: int) -> bool:
        share = deadline.share(turns_left(len(users) - turn, at_once))
        return not deadline.passed() and _synced(users[turn], syncer, metrics, share)

    done = side_by_side(one, range(len(users)), at_once)
    return {user for user, is_done in zip(users, done, strict=True) if is_done}


def turns_left(users: int, at_once: int) -> int:
    """How many of so many users must come one after the other: this one, and who follows it."""
    return math.ceil(users / at_once)


def first_records(event: Mapping[str, Any]) -> dict[UserId, str]:
    """Each user of the batch, with the sequence number of the user's first record."""
    first: dict[UserId, str] = {}
    for user, sequence_number in _inserts(event):
        first.setdefault(user, sequence_number)
    return first


def _inserts(event: Mapping[str, Any]) -> Iterator[tuple[UserId, str]]:
    for record in event["Records"]:
        if record["eventName"] == "INSERT":
            stream = record["dynamodb"]
            yield UserId(stream["Keys"]["user_id"]["S"]), stream["SequenceNumber"]


def _synced(user: UserId, syncer: Syncer, metrics: Metrics, deadline: Deadline) -> bool:
    try:
        synced = syncer.sync(user, deadline)
    except Exception as error:  # one user's trouble must not hold up the others of the batch
        log.error("sync failed", extra={"user": user, **error_fields(error)})
        metrics.count("SyncFailed", user=user)
        return False
    if not synced.up_to_date:
        log.warning("sync not finished", extra={"user": user, "cursor": synced.cursor})
        metrics.count("SyncUnfinished", user=user)
    return synced.up_to_date
