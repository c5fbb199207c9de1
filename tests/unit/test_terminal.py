"""What a laptop's terminal shows of logs and metrics."""

import logging
from io import StringIO

import pytest

from chalicelib.telemetry.metrics import Metrics
from local.terminal import Lines, show_metrics


def shown(record: logging.LogRecord) -> str:
    return Lines("%(levelname)s %(message)s").format(record)


def test_a_line_ends_with_its_fields() -> None:
    """In the order in which they were given."""
    log = logging.Logger("test")
    text = StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(Lines("%(levelname)s %(message)s"))
    log.addHandler(handler)
    log.error("sync failed", extra={"user": "u", "cursor": 3})
    log.error("%s of %s", "some", "many")
    assert text.getvalue() == "ERROR sync failed user=u cursor=3\nERROR some of many\n"


def test_metrics_are_a_line_too(caplog: pytest.LogCaptureFixture) -> None:
    """With their values, without what CloudWatch alone needs."""
    caplog.set_level(logging.INFO)
    metrics = Metrics(show_metrics, lambda: 0.0, "tests")
    metrics.put({"EntriesApplied": 2, "SyncLag": 35}, user="u")
    (record,) = caplog.records
    assert shown(record) == "INFO metrics EntriesApplied=2 SyncLag=35 user=u"
