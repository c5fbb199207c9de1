"""Reads one user's log of record from a cursor on."""

import json
from collections.abc import Sequence
from typing import Any

from chalicelib.model.entries import START, Entry, Image, render
from chalicelib.model.timing import Deadline
from chalicelib.operations.counts import counts_of, finished, to_be_resumed
from chalicelib.operations.event import Event
from chalicelib.services import Services

DEFAULT_LIMIT = 50
MAX_LIMIT = 100


def get_images_for_user(services: Services, fields: Any, deadline: Deadline) -> dict[str, Any]:
    """Event: `user` or `subject`, `cursor` (default 0: from the start), `limit` (1..100 entries).

    Answers the `images` among the entries beyond the cursor, the cursors that are `deleted` among
    them, the `cursor` reached, and the number of entries `read`. Not done while there is more.
    """
    event = Event(fields, services.issuer)
    user = event.user()
    after = event.cursor("cursor") or START
    limit = event.whole("limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    counts = counts_of(event, "read")
    event.end()
    run = services.primary.read_after(user, after, limit, deadline)
    counts["read"] += len(run.entries)
    cursor = run.entries[-1].cursor if run.entries else after
    answer = {
        "user": user,
        "images": [json.loads(image) for image in rendered(run.entries)],
        "deleted": [entry.deletes for entry in run.entries if entry.deletes is not None],
        "cursor": cursor,
    }
    if run.is_all:
        return finished(counts, **answer)
    return to_be_resumed({"user": user, "cursor": cursor, "limit": limit}, counts, **answer)


def rendered(entries: Sequence[Entry]) -> list[str]:
    """The images among the entries, as the JSON that the API shows."""
    return [
        render(Image(entry.cursor, entry.created_at, entry.payload))
        for entry in entries
        if entry.payload is not None
    ]
