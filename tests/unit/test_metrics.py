"""Metrics as CloudWatch takes them from a function's output."""

import json

from chalicelib.metrics import Metrics

NOW = 1_795_386_625.5


def metrics(lines: list[str]) -> Metrics:
    return Metrics(lines.append, lambda: NOW)


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
                        "Namespace": "ImageStorage",
                        "Dimensions": [[]],
                        "Metrics": [{"Name": "SyncFailed", "Unit": "Count"}],
                    }
                ],
            },
            "SyncFailed": 1,
            "user": "u",
        }
    ]
    assert "\n" not in lines[0]


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
