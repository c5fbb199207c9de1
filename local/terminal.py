"""Shows logs and metrics in words, one a line; CloudWatch gets the same as JSON."""

import json
import logging
from typing import Any

STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime"}
"""What every record has."""

log = logging.getLogger(__name__)


class Lines(logging.Formatter):
    """A record's message, then its fields as ``name=value``."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        words = [f"{name}={value}" for name, value in fields_of(record).items()]
        return " ".join([super().formatMessage(record), *words])


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What the record was given as `extra`."""
    return {name: value for name, value in vars(record).items() if name not in STANDARD}


def log_to_terminal(level: int) -> None:
    """Sends all that is logged from now on to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger("botocore").setLevel(logging.WARNING)


def show_metrics(line: str) -> None:
    """Takes the app's lines of metrics (`chalicelib.telemetry.metrics`)."""
    fields: dict[str, Any] = json.loads(line)
    del fields["_aws"]
    log.info("metrics", extra=fields)
