"""Goal 11: hours that a sweep of 10 million users takes, where each call takes 5 ms, with one
processor. All are up to date, as nearly all are.

It is bounded by the CPU of a user, or by the time of a user's calls divided by how many are under
way at once, whichever is more. The calls are measured ten times as slow as they are told, so that
it hardly counts what else this machine does.
"""

import json
import os
from collections.abc import Callable
from typing import Any

from benchmarks.common import (
    Result,
    answering,
    cpu,
    environment,
    interleaved,
    milliseconds,
    page_of_rows,
    told,
    wall,
)
from chalicelib.bootstrap import AT_ONCE, build
from chalicelib.config import table_names
from chalicelib.dynamodb.client import HttpDynamo
from chalicelib.operations.sweep import MAX_READ_UNITS, sweep

USERS = 10_000_000
CALL_SECONDS = 0.005
SLOWER = 10
EACH = 20
"""Users in each segment."""

PART_OF_TIME = 278 / 300
"""A run has 290 seconds less the 12 of a last call, every five minutes."""


def costing(units: float, items: list[Any], more: bool = False) -> str:
    end: dict[str, Any] = {"LastEvaluatedKey": {}} if more else {}
    cost = {"ConsumedCapacity": {"TableName": "t", "CapacityUnits": units}}
    return json.dumps({"Items": items, "Count": len(items), **end, **cost})


LISTED = [
    {
        "user_id": {"S": f"{number}".ljust(43, "-")},
        "registered_at": {"S": "2026"},
        "cursor": {"N": "1"},
    }
    for number in range(EACH)
]
ANSWERS = {
    "Scan primary": costing(2, LISTED),
    "Query 1 partition": costing(1, page_of_rows(1000, 1), more=True),
    "Query primary": costing(1, []),
}


def main() -> None:
    with answering(ANSWERS, seconds=SLOWER * CALL_SECONDS) as url:
        os.environ.update(environment(url))
        contenders = {"now": wall(sweeping(AT_ONCE), 1), "one by one": wall(sweeping(1), 1)}
        median = interleaved(contenders, rounds=3)
    with answering(ANSWERS) as url:
        os.environ.update(environment(url))
        used = interleaved({"cpu": cpu(sweeping(AT_ONCE), 4)}, rounds=5)["cpu"]
    used /= AT_ONCE * EACH
    waiting = median["now"] / SLOWER / (AT_ONCE * EACH)
    before = median["one by one"] / SLOWER / EACH
    told(
        Result(
            "11",
            "hours for a sweep of 10 M users, at 5 ms a call and one processor",
            USERS * max(used, waiting) / PART_OF_TIME / 3600,
            2,
            detail=f"a user {milliseconds(used)} of CPU and {milliseconds(waiting)} of waiting, "
            f"one after the other {milliseconds(before)}",
        )
    )


def sweeping(at_once: int) -> Callable[[], None]:
    """A sweep of so many segments at once."""
    dynamo = HttpDynamo.from_environment(os.environ)
    tables = table_names(os.environ)
    services = build(dynamo, tables, emit=lambda _line: None, at_once=at_once)

    def run() -> None:
        swept = sweep(services, {"readUnits": MAX_READ_UNITS}, services.clock.deadline(600))
        if (swept["done"], swept["users"]) != (True, at_once * EACH):
            raise SystemExit(f"It is not the sweep that is meant: {swept}")

    return run


if __name__ == "__main__":
    main()
