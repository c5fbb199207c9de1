"""Metrics, in the form in which CloudWatch reads them from a function's output.

One line of JSON each (CloudWatch user guide, "Specification: Embedded metric format"). It is
printed, never logged: a logger would wrap it, and CloudWatch reads nothing but the bare object.
Nothing is written for a count of 0.
"""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Literal

NAMESPACE = "ImageStorage"

Name = Literal[
    # Of each sync that added something, whoever called it:
    "SyncLag",  # milliseconds from the oldest added entry's save until all of them can be read
    "SyncLagEntries",  # by how many entries the partition was found behind: those that it added
    "EntriesApplied",  # the same number, to be summed
    # Of syncs in the background:
    "SyncFailed",  # one that ended with an error: in the stream's function, a sweep, a redrive
    "SyncUnfinished",  # one that the stream's function or a redrive had no time for: it comes again
    "UsersBehind",  # users whom a sweep had to bring up to date, a minute or more after a save
    "DeadLetters",  # letters that a redrive came to
    # Of requests:
    "HoleSeen",  # one that failed since a log did not read as consecutive: it should never be so
    "AppendRetries",  # tries beyond the first of a save or a deletion
    "Contended",  # saves and deletions given up: others were faster at every try, or time ran out
    "AuthorizerRefused",  # tokens that prove nobody
    "AuthorizerUnavailable",  # tokens that could not be judged, for want of the issuer's keys
]

Unit = Literal["Count", "Milliseconds"]

UNITS: Mapping[Name, Unit] = {"SyncLag": "Milliseconds"}
"""Units of the metrics that are not counts."""


def print_line(line: str) -> None:
    """Prints the line in one write. `print` needs two, and the lines of several threads would
    mix."""
    sys.stdout.write(line + "\n")


class Metrics:
    """`emit` takes a line; `now` gives Unix seconds; `namespace` keeps one stage from another."""

    def __init__(
        self, emit: Callable[[str], None], now: Callable[[], float], namespace: str
    ) -> None:
        self._emit = emit
        self._now = now
        self._namespace = namespace

    def count(self, name: Name, value: int = 1, **details: str) -> None:
        """Adds to a metric, unless by 0. `details` go into the log line only; never a payload."""
        if value:
            self.put({name: value}, **details)

    def put(self, values: Mapping[Name, int], **details: str) -> None:
        """One line with all these metrics."""
        metrics = [{"Name": name, "Unit": UNITS.get(name, "Count")} for name in values]
        directive = {"Namespace": self._namespace, "Dimensions": [[]], "Metrics": metrics}
        meta = {"Timestamp": int(self._now() * 1000), "CloudWatchMetrics": [directive]}
        self._emit(json.dumps({"_aws": meta, **values, **details}, separators=(",", ":")))

    def milliseconds_since(self, moment: float) -> int:
        """From then (Unix seconds) until now; never below 0, though clocks may differ a little."""
        return max(0, round((self._now() - moment) * 1000))
