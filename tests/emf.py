"""The embedded metric format, as CloudWatch takes it: a line that is not so is no metric.

The CloudWatch user guide, "Specification: Embedded metric format"; names as in its API reference,
PutMetricData.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAMESPACE = re.compile(r"[A-Za-z0-9._/#:-]{1,255}")
UNITS = {"Count", "Milliseconds"}
"""Of CloudWatch's, those that are used here."""

MAX_METRICS = MAX_VALUES = 100
MAX_DIMENSIONS = 30
YEAR_2001, YEAR_2286 = 10**12, 10**13
"""In milliseconds since 1970."""


@dataclass(frozen=True)
class Line:
    """One line: each metric with its value and unit, and the fields beside them."""

    namespace: str
    timestamp: int
    metrics: Mapping[str, tuple[Any, str]]
    fields: Mapping[str, Any]


def read(line: str) -> Line:
    """The line's meaning; AssertionError where the specification is not kept."""
    assert "\n" not in line
    document: dict[str, Any] = json.loads(line)
    meta = document.pop("_aws")
    assert meta.keys() == {"Timestamp", "CloudWatchMetrics"}
    assert type(meta["Timestamp"]) is int
    assert YEAR_2001 < meta["Timestamp"] < YEAR_2286
    (directive,) = meta["CloudWatchMetrics"]
    assert directive.keys() == {"Namespace", "Dimensions", "Metrics"}
    assert NAMESPACE.fullmatch(directive["Namespace"])
    assert directive["Dimensions"]
    for dimensions in directive["Dimensions"]:
        assert len(dimensions) <= MAX_DIMENSIONS
        assert all(isinstance(document[name], str) for name in dimensions)
    assert 1 <= len(directive["Metrics"]) <= MAX_METRICS
    metrics = {}
    for metric in directive["Metrics"]:
        assert metric.keys() == {"Name", "Unit"}
        assert metric["Unit"] in UNITS
        assert is_value(document[metric["Name"]])
        metrics[metric["Name"]] = (document.pop(metric["Name"]), metric["Unit"])
    return Line(directive["Namespace"], meta["Timestamp"], metrics, document)


def is_value(value: object) -> bool:
    """A number, or up to a hundred of them."""
    if isinstance(value, list):
        return 1 <= len(value) <= MAX_VALUES and all(map(is_number, value))
    return is_number(value)


def is_number(value: object) -> bool:
    is_numeric = isinstance(value, int | float) and not isinstance(value, bool)
    return is_numeric and math.isfinite(value)  # type: ignore[arg-type]
