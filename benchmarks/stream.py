"""Goal 10: users a second that the stream's function syncs, where each call takes 5 ms; and how far
it is behind after a step of load.

One invocation is measured. Lambda runs so many at once for a shard as the stage's parameter
StreamParallelism says, each in an environment of its own. A batch takes the CPU of its users, and
the time of the calls that come one after the other. The calls are measured ten times as slow as
they are told, so that it hardly counts what else this machine does.
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
from chalicelib.bootstrap import build
from chalicelib.config import table_names
from chalicelib.dynamodb.client import HttpDynamo
from chalicelib.sync import stream_handler

BATCH = 100
CALL_SECONDS = 0.005
SLOWER = 10
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
    with answering(ANSWERS, seconds=SLOWER * CALL_SECONDS) as url:
        os.environ.update(environment(url))
        contenders = {"now": wall(ringing(BATCH), 1), "one by one": wall(ringing(BATCH, 1), 1)}
        median = interleaved(contenders, rounds=3)
    with answering(ANSWERS) as url:
        os.environ.update(environment(url))
        used = interleaved({"cpu": cpu(ringing(BATCH), 4)}, rounds=7)["cpu"] / BATCH / VCPU
    waiting, before = median["now"] / SLOWER, median["one by one"] / SLOWER
    batch = waiting + used * BATCH
    told(
        Result(
            "10",
            "users a second and shard that the stream's function syncs, at 5 ms a call",
            PARALLELISM * BATCH / batch,
            1500,
            at_least=True,
            detail=f"a batch of 100 waits {milliseconds(waiting)}, one after the other "
            f"{milliseconds(before)}; a user's CPU takes {milliseconds(used)} with 512 MB",
        )
    )
    one = 3 * CALL_SECONDS
    print(f"Lag after {STEP_SECONDS} s of {STEP} users a second, {USUAL} before and after:")
    print("  one lane, one by one:", lag(1, lambda n: n * before / BATCH))
    print("  ten lanes, side by side:", lag(PARALLELISM, lambda n: max(one, n * batch / BATCH)))


def ringing(users: int, at_once: int = stream_handler.AT_ONCE) -> Callable[[], None]:
    dynamo = HttpDynamo.from_environment(os.environ)
    services = build(dynamo, table_names(os.environ), emit=lambda _line: None)
    event = {"Records": [record(f"user {number}".ljust(43, "-")) for number in range(users)]}

    def ring() -> None:
        deadline = services.clock.deadline(60)
        answer = stream_handler.handle(event, services.syncer, services.metrics, deadline, at_once)
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
