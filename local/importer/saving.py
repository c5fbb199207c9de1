"""Saves rows in batches, so that no line is saved twice and none is skipped.

1. Before a batch is sent, its end and its Idempotency-Key go on record.
2. After it is settled, its end becomes the place to go on from, and the key goes off the record.

Whatever is killed in between, the next run finds the batch on record and sends the same images
under the same key: a server that had saved them gives the same answer again. When the key is too
old for that, the user's feed tells whether they were saved.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.api.validation import MAX_BATCH
from chalicelib.store.idempotency import LIFETIME
from local.importer.progress import Flight, Progress, Store
from local.importer.rows import Image, Rejected, Row
from local.importer.server import Refused, Saved, Server, TooMuch

MAX_IMAGES = MAX_BATCH
"""Images in one request; the API's bound."""

MAX_BYTES = 900_000
"""Bytes of images in one request: below the API's 1 MB."""

MAX_ROWS = 1000
"""Rows in one batch, so that many rejected ones in a row are put on record as they come."""

KEY_LIFETIME = LIFETIME - 60 * 60
"""Seconds for which a key is relied on: an hour less than the server remembers it."""

Batch = Sequence[Row]


class Import:
    """One run of an import, from the progress that earlier runs made."""

    def __init__(
        self,
        server: Server,
        store: Store,
        progress: Progress,
        clock: Callable[[], float],
        new_key: Callable[[], str],
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._server = server
        self._store = store
        self._progress = progress
        self._clock = clock
        self._new_key = new_key
        self._on_progress = on_progress

    @property
    def progress(self) -> Progress:
        """What is on record."""
        return self._progress

    def run(self, rows: Iterable[Row]) -> None:
        """Settles every row; the first must be the one at the progress's `done`."""
        flight = self._progress.flight
        for batch in batches(rows, flight.end.offset if flight else 0):
            if flight := self._progress.flight:
                self._settle(refuse(batch, dict(flight.rejected)), flight)
            else:
                self._save(batch)

    def _settle(self, batch: Batch, flight: Flight) -> None:
        """Ends what an earlier run began: it may or may not have been saved."""
        if self._clock() - flight.started_at < KEY_LIFETIME:
            self._send(batch, flight.key)
        elif cursor := self._find(batch):
            self._land(batch, cursor, None)
        else:
            self._save(batch)

    def _save(self, batch: Batch) -> None:
        """Saves what was never sent like this before."""
        cursor = self._progress.cursor
        if not images(batch):
            self._land(batch, cursor, self._progress.created_at)
            return
        flight = Flight(self._new_key(), batch[-1].end, self._clock(), rejections(batch))
        start = self._server.sync() if cursor is None else cursor
        self._record(replace(self._progress, cursor=start, flight=flight))
        self._send(batch, flight.key)

    def _send(self, batch: Batch, key: str) -> None:
        sent = images(batch)
        match self._server.save([image.json for image in sent], key):
            case Saved(cursor, created_at):
                self._land(batch, cursor, created_at)
            case Refused(reasons):
                self._save(refuse(batch, {sent[i].line: why for i, why in reasons.items()}))
            case TooMuch(reason) if len(sent) == 1:
                self._save(refuse(batch, {sent[0].line: reason}))
            case TooMuch():
                for half in halves(batch):
                    self._save(half)

    def _land(self, batch: Batch, cursor: int | None, created_at: str | None) -> None:
        """Puts on record that the batch is settled."""
        rejected = [row for row in batch if isinstance(row, Rejected)]
        before = self._progress
        length = before.rejected_bytes
        if rejected:
            length = self._store.append_rejected(length, rejected)
        self._record(
            replace(
                before,
                done=batch[-1].end,
                saved=before.saved + len(batch) - len(rejected),
                rejected=before.rejected + len(rejected),
                rejected_bytes=length,
                cursor=cursor,
                created_at=created_at,
                flight=None,
            )
        )

    def _find(self, batch: Batch) -> int | None:
        """The cursor of the batch's last image if an earlier run's request had saved it."""
        self._server.sync()
        sent = [content(json.loads(image.json)) for image in images(batch)]
        return find_run(sent, self._server.changes(self._progress.cursor or 0))

    def _record(self, progress: Progress) -> None:
        self._store.save(progress)
        self._progress = progress
        self._on_progress(progress)


def batches(rows: Iterable[Row], first_end: int) -> Iterator[Batch]:
    """Groups rows for sending; the first batch ends exactly at the offset, unless that is 0."""
    batch: list[Row] = []
    for row in rows:
        if batch and not first_end and is_full(batch, row):
            yield batch
            batch = []
        batch.append(row)
        if first_end and row.end.offset >= first_end:
            first_end = 0
            yield batch
            batch = []
    if batch:
        yield batch


def is_full(batch: Batch, row: Row) -> bool:
    """Whether the row must wait for the next batch."""
    if isinstance(row, Rejected):
        return len(batch) == MAX_ROWS
    held = images(batch)
    size = sum(len(image.json) + 1 for image in held) + len(row.json)
    return len(held) == MAX_IMAGES or size > MAX_BYTES or len(batch) == MAX_ROWS


def images(batch: Batch) -> list[Image]:
    return [row for row in batch if isinstance(row, Image)]


def rejections(batch: Batch) -> tuple[tuple[int, str], ...]:
    return tuple((row.line, row.reason) for row in batch if isinstance(row, Rejected))


def refuse(batch: Batch, reasons: Mapping[int, str]) -> Batch:
    """The batch with the rows of these lines rejected."""
    return [
        Rejected(row.line, row.end, reasons[row.line]) if row.line in reasons else row
        for row in batch
    ]


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """Two batches with about as many images each; there must be two images at least."""
    sent = images(batch)
    middle = batch.index(sent[len(sent) // 2])
    return batch[:middle], batch[middle:]


Content = tuple[Any, ...]


def content(image: Mapping[str, Any]) -> Content:
    """What of an image tells it from others; the API answers a seed as text, whatever was sent."""
    seed = str(image.get("seed"))
    plain = seed.lstrip("0") or "0"
    return image["prompt"], image["imageUrl"], image.get("model"), plain, image.get("steps")


def find_run(sent: Sequence[Content], changes: Iterable[Mapping[str, Any]]) -> int | None:
    """The last cursor of the consecutive run of images that equals `sent`, if there is one.

    A batch is saved at consecutive cursors. Images of it may have been deleted since: the feed
    then shows the deletion alone. One at least must still be there.
    """
    places: dict[Content, list[int]] = {}
    for i, wanted in enumerate(sent):
        places.setdefault(wanted, []).append(i)
    found: dict[int, list[int]] = {}
    deleted: set[int] = set()
    for change in changes:
        if "deleted" in change:
            deleted.add(change["deleted"])
        elif at := places.get(content(change["image"])):
            found[change["cursor"]] = at
    for start in (cursor - i for cursor, at in found.items() for i in at):
        if all(start + i in deleted or i in found.get(start + i, ()) for i in range(len(sent))):
            return start + len(sent) - 1
    return None
