"""What the processes of the race tests do. Each builds its services from its environment."""

import os
import time

from chalicelib.bootstrap import build
from chalicelib.config import table_names
from chalicelib.dynamodb.client import HttpDynamo
from chalicelib.model.entries import START, Cursor, UserId
from chalicelib.model.errors import Contended, HoleFound
from chalicelib.services import Services
from chalicelib.sync.syncer import Synced
from tests.support import picture


def services() -> Services:
    return build(HttpDynamo.from_environment(os.environ), table_names(os.environ))


def append(user: UserId, many: int) -> list[int]:
    """Saves so many images one by one; the cursors that were acknowledged."""
    composed = services()
    return [_save(composed, user, number) for number in range(many)]


def _save(composed: Services, user: UserId, number: int) -> int:
    """As a client would: a 503 that says that nothing was saved is sent again."""
    while True:
        try:
            (image,) = composed.primary.append(user, [picture(number)], composed.clock.deadline(20))
        except Contended:
            continue
        return image.cursor


def sync_until(user: UserId, goal: int) -> int:
    """Calls sync over and over until the partition has reached the goal; how often."""
    composed = services()
    calls = 0
    synced = Synced(START, 0, up_to_date=False)
    while synced.cursor < goal:
        synced = composed.syncer.sync(user, composed.clock.deadline(20))
        calls += 1
    return calls


def watch(user: UserId, goal: int) -> dict[str, int]:
    """Reads pages and changes until the goal is seen; counts reads, holes and steps back.

    What it finds it checks by itself, from the answers alone: that first pages are consecutive and
    never older than one seen before, and that changes follow the cursor without a gap.
    """
    composed = services()
    partition = composed.open_partition(user)
    counts = {"reads": 0, "holes": 0, "back": 0}
    top = followed = START
    give_up = time.monotonic() + 120
    while followed < goal and time.monotonic() < give_up:
        counts["reads"] += 2
        try:
            page = partition.page(50, None, None, composed.clock.deadline(20))
            changes = partition.changes(followed, 10, composed.clock.deadline(20))
        except HoleFound:
            counts["holes"] += 1
            continue
        shown = [_cursor_of(image) for image in page.images]
        tail = page.cursor or START
        counts["holes"] += shown != list(range(tail, max(tail - 50, 0), -1))
        counts["back"] += tail < top
        cursors = [row.cursor for row in changes.rows]
        counts["holes"] += cursors != list(range(followed + 1, changes.cursor + 1))
        top, followed = tail, Cursor(changes.cursor)
    return counts


def _cursor_of(image: str) -> int:
    return int(image.split(",", 1)[0].removeprefix('{"cursor":'))
