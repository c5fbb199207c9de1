"""One page in CloudWatch that answers: do saves show, how soon, and who is in trouble?"""

import json
from collections.abc import Sequence
from typing import Any

from deploy.alarms import LETTERS, SERVING, TABLES, Metric, of_api, of_function, of_table, ours
from deploy.stages import Stage

Json = dict[str, Any]

WIDTH, HEIGHT, COLUMNS = 8, 6, 3


def dashboard(stage: Stage) -> Json:
    charts = [
        ("From save to visible, ms", [ours("SyncLag", s) for s in ("p50", "p99", "Maximum")]),
        ("Saved and shown, entries", [ours("EntriesApplied")]),
        (
            "Age of the stream's oldest record, ms",
            [of_function("on_images", "IteratorAge", "Maximum")],
        ),
        ("Requests", [of_api(stage, name) for name in ("Count", "4XXError", "5XXError")]),
        ("Latency, ms", [of_api(stage, "Latency", s) for s in ("p50", "p99")]),
        ("Refused tokens", [ours("AuthorizerRefused"), ours("AuthorizerUnavailable")]),
        ("Saves at once", [ours("AppendRetries"), ours("Contended")]),
        (
            "Trouble in sync",
            [ours(name) for name in ("SyncFailed", "SyncUnfinished", "UsersBehind", "HoleSeen")],
        ),
        ("Dead letters", [LETTERS]),
        ("Functions' errors", [of_function(function, "Errors") for function in SERVING]),
        ("Functions' throttles", [of_function(function, "Throttles") for function in SERVING]),
        ("Tables' throttles", [of_table(table, "WriteThrottleEvents") for table in TABLES]),
    ]
    widgets = [_chart(n, title, metrics) for n, (title, metrics) in enumerate(charts)]
    return {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {
            "DashboardName": {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"},  # all regions share
            "DashboardBody": {"Fn::Sub": json.dumps({"widgets": widgets})},
        },
    }


def _chart(place: int, title: str, metrics: Sequence[Metric]) -> Json:
    row, column = divmod(place, COLUMNS)
    return {
        "type": "metric",
        "x": column * WIDTH,
        "y": row * HEIGHT,
        "width": WIDTH,
        "height": HEIGHT,
        "properties": {
            "title": title,
            "region": "${AWS::Region}",
            "period": 300,
            "metrics": [_line(metric) for metric in metrics],
        },
    }


def _line(metric: Metric) -> list[Any]:
    """Namespace, name, dimensions one after the other, options ("Dashboard body structure" in the
    CloudWatch API reference)."""
    dimensions = [_text(part) for dimension in metric.dimensions for part in dimension]
    return [_text(metric.namespace), metric.name, *dimensions, {"stat": metric.statistic}]


def _text(value: Any) -> str:
    """A reference within the text of the body, which is one `Fn::Sub`."""
    match value:
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
    return str(value)
