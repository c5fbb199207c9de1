"""Exports all that is kept of one user's images."""

import json
from typing import Any

from chalicelib.model.entries import START
from chalicelib.model.timing import Deadline
from chalicelib.operations.counts import counts_of, finished, to_be_resumed
from chalicelib.operations.event import Event
from chalicelib.operations.get_images_for_user import rendered
from chalicelib.operations.salvage import Salvage, is_whole
from chalicelib.services import Services
from chalicelib.store.partition import is_heavy

RUN = 100


def export_user(services: Services, fields: Any, deadline: Deadline) -> dict[str, Any]:
    """Event: `user` or `subject`. Answers `images` from the log of record, oldest first.

    Not done while there are more: their next part is the answer to `resume`. `damage` names the
    places of a damaged log that were passed over: what can be read is exported all the same.
    """
    event = Event(fields, services.issuer)
    user = event.user()
    cursor = event.cursor("cursor") or START
    counts = counts_of(event, "exported")
    event.end()
    images: list[str] = []
    salvage = Salvage(services.primary, user)
    while True:
        run = salvage.read_after(cursor, RUN, deadline)
        if run.broken is not None:
            salvage.note(run.broken)
        found = rendered(run.entries)
        cursor = run.cursor
        images += found
        counts["exported"] += len(found)
        if run.is_all or (is_whole(cursor) and (deadline.passed() or is_heavy(images))):
            break
    shown = [json.loads(image) for image in images]
    answer = {"user": user, "images": shown, "damage": salvage.damage}
    if run.is_all:
        return finished(counts, **answer)
    return to_be_resumed({"user": user, "cursor": cursor}, counts, **answer)
