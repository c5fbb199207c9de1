"""Metrics as CloudWatch takes them from a function's output."""

import io
import json
import sys

import pytest

import app
from chalicelib.bootstrap import build
from chalicelib.config import metrics_namespace
from chalicelib.store.table_names import TableNames
from chalicelib.telemetry.metrics import Metrics
from tests import emf

NOW = 1_795_386_625.5


def metrics(lines: list[str]) -> Metrics:
    return Metrics(lines.append, lambda: NOW, "stage")


def test_a_metric_is_one_line_in_the_embedded_format() -> None:
    """CloudWatch's specification: `_aws` with a timestamp in milliseconds, a namespace, dimension
    sets, and metrics whose values are members of the line."""
    lines: list[str] = []
    metrics(lines).count("SyncFailed", user="u")
    assert [json.loads(line) for line in lines] == [
        {
            "_aws": {
                "Timestamp": 1_795_386_625_500,
                "CloudWatchMetrics": [
                    {
                        "Namespace": "stage",
                        "Dimensions": [[]],
                        "Metrics": [{"Name": "SyncFailed", "Unit": "Count"}],
                    }
                ],
            },
            "SyncFailed": 1,
            "user": "u",
        }
    ]
    emf.read(lines[0])


def test_several_metrics_of_one_event_are_one_line() -> None:
    """Each has its own unit."""
    lines: list[str] = []
    metrics(lines).put({"EntriesApplied": 3, "SyncLag": 20}, user="u")
    (line,) = map(emf.read, lines)
    assert line.metrics == {"EntriesApplied": (3, "Count"), "SyncLag": (20, "Milliseconds")}
    assert line.fields == {"user": "u"}


class Writes(io.StringIO):
    """Remembers each write."""

    def __init__(self) -> None:
        super().__init__()
        self.each: list[str] = []

    def write(self, text: str) -> int:
        self.each.append(text)
        return len(text)


def test_a_line_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that those of threads stay whole, whoever writes between them."""
    stdout = Writes()
    monkeypatch.setattr(sys, "stdout", stdout)
    services = build(None, TableNames("a", "b", "c"))  # type: ignore[arg-type]
    services.metrics.count("SyncFailed", user="u")
    app.metrics().count("SyncFailed", user="u")
    assert len(stdout.each) == 2
    for line in stdout.each:
        assert line.endswith("}\n")
        emf.read(line.removesuffix("\n"))


def test_a_metric_may_count_several() -> None:
    """The value is what is counted."""
    lines: list[str] = []
    metrics(lines).count("UsersBehind", 7)
    assert json.loads(lines[0])["UsersBehind"] == 7


def test_nothing_is_written_for_zero() -> None:
    """While all is well, the log has no lines of it."""
    lines: list[str] = []
    metrics(lines).count("UsersBehind", 0)
    assert lines == []


def test_details_cannot_break_the_line() -> None:
    """Whatever a detail holds, it is one line, and one JSON value."""
    lines: list[str] = []
    metrics(lines).count("AuthorizerRefused", reason='a "quoted"\nline\u2028 of \ud800 text')
    assert emf.read(lines[0]).fields == {"reason": 'a "quoted"\nline\u2028 of \ud800 text'}
    assert lines[0].isascii()


@pytest.mark.parametrize(
    ("moment", "milliseconds"),
    [(NOW, 0), (NOW - 1.25, 1250), (NOW - 0.0006, 1), (NOW + 5, 0)],
)
def test_time_since_a_moment(moment: float, milliseconds: int) -> None:
    """In whole milliseconds; a moment that another machine's clock puts ahead of ours is now."""
    assert metrics([]).milliseconds_since(moment) == milliseconds


@pytest.mark.parametrize(
    ("environ", "namespace"),
    [
        ({}, "ImageStorage"),
        ({"METRICS_NAMESPACE": ""}, "ImageStorage"),
        ({"METRICS_NAMESPACE": "image-storage-prod"}, "image-storage-prod"),
    ],
)
def test_a_stage_counts_in_a_namespace_of_its_own(environ: dict[str, str], namespace: str) -> None:
    """The environment names it; where it does not, there is one for all."""
    assert metrics_namespace(environ) == namespace
