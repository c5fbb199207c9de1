"""Goals 1 and 2: the CPU of a page of 50 images, from API Gateway's event to the answer."""

import json
import os
from typing import Any

from benchmarks.common import (
    LambdaContext,
    Result,
    answering,
    cpu,
    environment,
    event,
    found,
    interleaved,
    milliseconds,
    page_of_rows,
    told,
)

IMAGES = 50
TIMES = 100
REQUEST: dict[str, Any] = {
    "TableName": "partition",
    "KeyConditionExpression": "user_id = :user",
    "ExpressionAttributeValues": {":user": {"S": "u" * 43}},
    "ConsistentRead": True,
    "ScanIndexForward": False,
    "Limit": IMAGES,
}


def main() -> None:
    answers = {"Query partition": found(page_of_rows(1000, IMAGES), more=True)}
    with answering(answers) as url:
        os.environ.update(environment(url))
        import app
        from benchmarks.baseline import app as straightforward
        from chalicelib.botocore_client import client

        database, get = client("dynamodb"), event("GET", "/api/images", limit=str(IMAGES))

        def ours() -> Any:
            return app.read_api(get, LambdaContext())

        def theirs() -> Any:
            return straightforward.app(get, LambdaContext())

        shown = [json.loads(one()["body"]) for one in (ours, theirs)]
        if [len(page["images"]) for page in shown] != [IMAGES, IMAGES]:
            raise SystemExit("The contenders do not show the same page.")
        median = interleaved(
            {
                "ours": cpu(ours, TIMES),
                "botocore": cpu(lambda: database.query(**REQUEST), TIMES),
                "straightforward": cpu(theirs, TIMES // 5),
            }
        )
    detail = ", ".join(f"{name} {milliseconds(value)}" for name, value in median.items())
    told(
        Result(
            "1",
            "page handler / botocore's query",
            median["ours"] / median["botocore"],
            0.15,
            detail=detail,
        )
    )
    told(
        Result(
            "2",
            "Chalice + PynamoDB / page handler",
            median["straightforward"] / median["ours"],
            15,
            at_least=True,
        )
    )


if __name__ == "__main__":
    main()
