"""What an operator watches: counts of trouble, as CloudWatch takes them from a function's output.

One line of JSON each (CloudWatch user guide, "Specification: Embedded metric format"). Nothing is
written while all is well.
"""

import json
from collections.abc import Callable
from typing import Literal

NAMESPACE = "ImageStorage"

Name = Literal["SyncFailed", "SyncUnfinished", "UsersBehind", "HoleSeen"]
"""SyncFailed, SyncUnfinished: a user's sync in the stream's function or a sweep. UsersBehind: users
whom a sweep had to bring up to date. HoleSeen: a read that did not come out as consecutive."""


class Metrics:
    """`emit` takes a line; `now` gives Unix seconds."""

    def __init__(self, emit: Callable[[str], None], now: Callable[[], float]) -> None:
        self._emit = emit
        self._now = now

    def count(self, name: Name, value: int = 1, **details: str) -> None:
        """Adds to a metric, unless by 0. `details` go into the log line only; never a payload."""
        if not value:
            return
        metric = {"Name": name, "Unit": "Count"}
        directive = {"Namespace": NAMESPACE, "Dimensions": [[]], "Metrics": [metric]}
        meta = {"Timestamp": int(self._now() * 1000), "CloudWatchMetrics": [directive]}
        self._emit(json.dumps({"_aws": meta, name: value, **details}, separators=(",", ":")))
