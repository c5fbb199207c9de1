"""Goal 5: a save by a warm function, in calls of DynamoDB and in CPU."""

import os
from typing import Any

from benchmarks.common import (
    USER,
    LambdaContext,
    Result,
    answering,
    cpu,
    entries_after,
    environment,
    event,
    found,
    interleaved,
    milliseconds,
    told,
)
from chalicelib.store.items import entry_from_item
from tests.support import overheard

TIMES = 100
SAVE = {"prompt": "a red fox in deep snow", "imageUrl": "https://images.example/1.png", "steps": 30}
TAIL: dict[str, Any] = {
    "TableName": "primary",
    "KeyConditionExpression": "user_id = :user",
    "ExpressionAttributeValues": {":user": {"S": USER}},
    "ConsistentRead": True,
    "ScanIndexForward": False,
    "Limit": 1,
}


def main() -> None:
    (last,) = entries_after(1000, 1)
    answers = {"Query 1 primary": found([last], more=True), "PutItem primary": "{}"}
    with answering(answers) as url:
        os.environ.update(environment(url))
        import app
        from chalicelib.botocore_client import client

        database, post = client("dynamodb"), event("POST", "/api/images", SAVE)

        def ours() -> Any:
            return app.app(post, LambdaContext())

        def theirs() -> None:
            tail = entry_from_item(database.query(**TAIL)["Items"][0]).cursor
            item = {**last, "cursor": {"N": str(tail + 1)}}
            condition = "attribute_not_exists(user_id)"
            database.put_item(TableName="primary", Item=item, ConditionExpression=condition)

        calls: list[str] = []
        with overheard(app.dynamo(), lambda operation, _body: calls.append(operation)):
            ours()
            first, calls[:] = list(calls), []
            ours()
        median = interleaved({"ours": cpu(ours, TIMES), "botocore": cpu(theirs, TIMES)})
    told(
        Result(
            "5", "calls of a save with a remembered tail", len(calls), 1, detail=f"first: {first}"
        )
    )
    told(
        Result(
            "5",
            "save, whole handler / botocore's query and put_item, CPU",
            median["ours"] / median["botocore"],
            0.5,
            detail=", ".join(f"{name} {milliseconds(value)}" for name, value in median.items()),
        )
    )


if __name__ == "__main__":
    main()
