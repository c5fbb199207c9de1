"""Goal 6: a sync of 100 entries, in CPU an entry, and in time where a call takes 5 ms."""

import os
from typing import Any

from benchmarks.common import (
    USER,
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

BACKLOG = 100
CALL_SECONDS = 0.005
ANSWERS = {
    "Query 1 partition": found(page_of_rows(1000, 1), more=True),
    "Query primary": found(entries_after(1000, BACKLOG)),
    "TransactWriteItems": "{}",
    "PutItem partition": "{}",
}


def main() -> None:
    with answering(ANSWERS) as url:
        ours = syncing(url)
        from chalicelib.botocore_client import client

        database = client("dynamodb")
        (row,) = page_of_rows(1001, 1)

        def put() -> Any:
            condition = "attribute_not_exists(user_id)"
            return database.put_item(TableName="partition", Item=row, ConditionExpression=condition)

        median = interleaved({"ours": cpu(ours, 10), "botocore": cpu(put, 100)})
    told(
        Result(
            "6",
            "sync of an entry / botocore's put_item, CPU",
            median["ours"] / BACKLOG / median["botocore"],
            0.25,
            detail=f"{milliseconds(median['ours'])} for 100, a put_item "
            f"{milliseconds(median['botocore'])}",
        )
    )
    with answering(ANSWERS, seconds=CALL_SECONDS) as url:
        ours = syncing(url)
        one = HttpDynamo.from_environment(os.environ)

        def call() -> Any:
            return one.put_item(TableName="partition", Item=row)

        median = interleaved({"ours": wall(ours, 10), "call": wall(call, 30)})
    told(
        Result(
            "6",
            "sync of 100 entries / one call of 5 ms, time",
            median["ours"] / median["call"],
            4,
            detail=f"{milliseconds(median['ours'])} and {milliseconds(median['call'])}",
        )
    )


def syncing(url: str) -> Any:
    os.environ.update(environment(url))
    dynamo = HttpDynamo.from_environment(os.environ)
    services = build(dynamo, table_names(os.environ), emit=lambda _line: None)

    def sync() -> None:
        synced = services.syncer.sync(USER, services.clock.deadline(60))
        if (synced.applied, synced.up_to_date) != (BACKLOG, True):
            raise SystemExit(f"It is not the sync that is meant: {synced}")

    return sync


if __name__ == "__main__":
    main()
