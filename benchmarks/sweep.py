"""Goal 11: hours that a sweep of 10 million users takes, where each call takes 5 ms, with one
processor. All are up to date, as nearly all are.

What bounds it is the CPU of a user, or the time that a user's calls take, of so many at once."""

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
from chalicelib.http_engine import HttpDynamo
from chalicelib.operations.sweep import MAX_READ_UNITS, sweep
from chalicelib.users import PAGE

USERS = 10_000_000
CALL_SECONDS = 0.005
PART_OF_TIME = 278 / 300
"""A run has 290 seconds less the 12 of a last call, every five minutes."""


def costing(units: float, items: list[Any], more: bool = False) -> str:
    end = {"LastEvaluatedKey": {}} if more else {}
    cost = {"ConsumedCapacity": {"TableName": "t", "CapacityUnits": units}}
    return json.dumps({"Items": items, "Count": len(items), **end, **cost})


LISTED = [
    {
        "user_id": {"S": f"{number}".ljust(43, "-")},
        "registered_at": {"S": "2026"},
        "cursor": {"N": "1"},
    }
    for number in range(PAGE)
]
ANSWERS = {
    "Scan primary": costing(2, LISTED),
    "Query 1 partition": costing(1, page_of_rows(1000, 1), more=True),
    "Query primary": costing(1, []),
}


def main() -> None:
    users = AT_ONCE * PAGE
    with answering(ANSWERS, seconds=CALL_SECONDS) as url:
        os.environ.update(environment(url))
        median = interleaved(
            {"now": wall(sweeping(AT_ONCE), 1), "one by one": wall(sweeping(1), 1)}, rounds=5
        )
    with answering(ANSWERS) as url:
        os.environ.update(environment(url))
        used = interleaved({"cpu": cpu(sweeping(AT_ONCE), 1)}, rounds=5)["cpu"] / users
    rate, before = users / median["now"], PAGE / median["one by one"]
    told(
        Result(
            "11",
            "hours for a sweep of 10 M users, at 5 ms a call and one processor",
            USERS * max(used, 1 / before / AT_ONCE) / PART_OF_TIME / 3600,
            2,
            detail=f"CPU of a user {milliseconds(used)}, so {1 / used:.0f} users a second at most; "
            f"one after the other {before:.0f} users a second, so {before * AT_ONCE:.0f} by "
            f"{AT_ONCE} threads that have a processor whenever they need it; {rate:.0f} on this "
            f"machine, beside the endpoint and whatever else runs (load {os.getloadavg()[0]:.0f})",
        )
    )


def sweeping(at_once: int) -> Callable[[], None]:
    """A sweep of a page of users in each segment."""
    dynamo = HttpDynamo.from_environment(os.environ)
    tables = table_names(os.environ)
    services = build(dynamo, tables, emit=lambda _line: None, at_once=at_once)

    def run() -> None:
        swept = sweep(services, {"readUnits": MAX_READ_UNITS}, services.clock.deadline(600))
        if (swept["done"], swept["users"]) != (True, at_once * PAGE):
            raise SystemExit(f"It is not the sweep that is meant: {swept}")

    return run


if __name__ == "__main__":
    main()
