"""The stream's doorbell: which users' logs have grown. The records themselves are never used.

The stream carries keys only. Whatever its order, its duplicates or its losses, all that a batch
can cause is a call of `sync` for the users whose keys are in it.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.entries import UserId
from chalicelib.logs import told
from chalicelib.metrics import Metrics
from chalicelib.sync import Syncer
from chalicelib.timing import Deadline

log = logging.getLogger(__name__)


def ring(
    event: Mapping[str, Any], syncer: Syncer, metrics: Metrics, deadline: Deadline
) -> dict[str, Any]:
    """Syncs each user of a DynamoDB Streams batch once.

    Takes and answers AWS Lambda's own shapes: a user whose sync fails or does not finish is
    reported by the sequence number of that user's first record ("Reporting batch item failures",
    Lambda developer guide); the others go on. Each has an equal share of the time that is left, so
    that one who is slow takes nobody's turn. Users whose turn comes after the deadline are reported
    too: a function that ran out of time would fail its whole batch.
    """
    users = first_records(event)
    failures = [
        {"itemIdentifier": sequence_number}
        for turn, (user, sequence_number) in enumerate(users.items())
        if deadline.passed()
        or not _synced(user, syncer, metrics, deadline.share(len(users) - turn))
    ]
    return {"batchItemFailures": failures}


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
        log.error("sync failed", extra={"user": user, **told(error)})
        metrics.count("SyncFailed", user=user)
        return False
    if not synced.up_to_date:
        log.warning("sync not finished", extra={"user": user, "cursor": synced.cursor})
        metrics.count("SyncUnfinished", user=user)
    return synced.up_to_date
