"""The real stream of a test's primary table, pumped into the real stream_handler."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chalicelib.sync import stream_handler
from local.pump import Pump
from tests.support import Store


@contextmanager
def pumping(store: Store, folder: Path) -> Iterator[list[Mapping[str, Any]]]:
    """A running pump; yields the records that it has delivered so far."""
    records: list[Mapping[str, Any]] = []

    def function(event: dict[str, Any]) -> Mapping[str, Any]:
        records.extend(event["Records"])
        return stream_handler.handle(
            event, store.services.syncer, store.services.metrics, store.deadline
        )

    pump = Pump.of(store.tables.primary, function, folder, threading.Event())
    thread = threading.Thread(target=pump.run)
    thread.start()
    try:
        yield records
    finally:
        pump.stop.set()
        thread.join(30)
    assert not thread.is_alive()
