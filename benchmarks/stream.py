"""Goal 10: users a second that the stream's function syncs, where each call takes 5 ms; and how far
it is behind after a step of load.

One invocation is measured. Lambda runs so many at once for a shard as the stage's parameter
StreamParallelism says, each in an environment of its own.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.common import (
    Result,
    answering,
    cpu,
    entries_after,
    environment,
    found,
    interleaved,
    milliseconds,
    page_of_rows,
    told,
    wall,
)
from chalicelib import doorbell
from chalicelib.bootstrap import build
from chalicelib.config import table_names
from chalicelib.http_engine import HttpDynamo

BATCH = 100
CALL_SECONDS = 0.005
PARALLELISM = 10
"""Invocations at once of one shard: the default of StreamParallelism."""

VCPU = 512 / 1769
"""The part of a processor that a function of 512 MB has (Lambda developer guide, "Memory")."""

USUAL, STEP, STEP_SECONDS = 20, 1500, 60
"""Users a second before and after the step, and for how long it lasts."""

ANSWERS = {
    "Query 1 partition": found(page_of_rows(1000, 1), more=True),
    "Query primary": found(entries_after(1000, 1)),
    "PutItem partition": "{}",
}


def main() -> None:
    with answering(ANSWERS, seconds=CALL_SECONDS) as url:
        os.environ.update(environment(url))
        median = interleaved(
            {
                "one by one": wall(ringing(BATCH, at_once=1), 1),
                "side by side": wall(ringing(BATCH), 1),
                "of one": wall(ringing(1), 3),
            },
            rounds=7,
        )
    with answering(ANSWERS) as url:
        os.environ.update(environment(url))
        used = interleaved({"cpu": cpu(ringing(BATCH), 2)}, rounds=7)["cpu"] / BATCH
    seconds = max(median["side by side"], used * BATCH / VCPU)
    before = BATCH / median["one by one"]
    told(
        Result(
            "10",
            "users a second and shard that the stream's function syncs, at 5 ms a call",
            PARALLELISM * BATCH / seconds,
            1500,
            at_least=True,
            detail=f"a batch of 100 {milliseconds(median['side by side'])}, one after the other "
            f"{milliseconds(median['one by one'])} ({before:.0f} users a second); CPU of a user "
            f"{milliseconds(used)}, of which a function of 512 MB has {VCPU:.2f} processors",
        )
    )
    batch, one = median["one by one"], median["of one"]
    print(f"Lag after {STEP_SECONDS} s of {STEP} users a second, {USUAL} before and after:")
    print("  one lane, one by one:", lag(1, lambda n: n * batch / BATCH))
    print("  ten lanes, side by side:", lag(PARALLELISM, lambda n: max(one, n * seconds / BATCH)))


def ringing(users: int, at_once: int = doorbell.AT_ONCE) -> Callable[[], None]:
    dynamo = HttpDynamo.from_environment(os.environ)
    services = build(dynamo, table_names(os.environ), emit=lambda _line: None)
    event = {"Records": [record(f"user {number}".ljust(43, "-")) for number in range(users)]}

    def ring() -> None:
        deadline = services.clock.deadline(60)
        answer = doorbell.ring(event, services.syncer, services.metrics, deadline, at_once)
        if answer["batchItemFailures"]:
            raise SystemExit(f"It is not the batch that is meant: {answer}")

    return ring


def record(user: str) -> Mapping[str, Any]:
    keys = {"user_id": {"S": user}, "cursor": {"N": "1001"}}
    return {"eventName": "INSERT", "dynamodb": {"Keys": keys, "SequenceNumber": user}}


def lag(lanes: int, seconds: Callable[[int], float]) -> str:
    """How long a save waits at the worst, and when that is over: a queue in each lane, from which
    batches are taken. `seconds` is what a batch of so many users takes.

    Saves come evenly, from one second before the step on.
    """
    ends, worst, over = 1.0 + STEP_SECONDS, 0.0, 0.0
    arrivals = [n * lanes / USUAL for n in range(USUAL // lanes)]
    arrivals += [1 + n * lanes / STEP for n in range(STEP * STEP_SECONDS // lanes)]
    arrivals += [ends + n * lanes / USUAL for n in range(USUAL * 7200 // lanes)]
    free, at = 0.0, 0
    while at < len(arrivals):
        free = max(free, arrivals[at])
        taken = at
        while taken < len(arrivals) and taken - at < BATCH and arrivals[taken] <= free:
            taken += 1
        free += seconds(taken - at)
        waited = free - arrivals[at]
        worst, at = max(worst, waited), taken
        if waited > 1:
            over = free
        elif free > ends:
            break
    end = f"over a second until {over - 1:.0f} s after the step" if over else "never over a second"
    return f"{worst:.2f} s at the worst, {end}"


if __name__ == "__main__":
    main()
