"""What leaves the process when the app answers a request: seen at the wire, below the engine."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from chalice.local import LambdaContext

import app as app_module
from chalicelib.botocore_client import client
from chalicelib.model.entries import UserId
from chalicelib.model.user_keys import user_id
from chalicelib.store.table_names import TableNames
from tests.support import overheard

ME = user_id("https://issuer.example", "me")
OTHER = user_id("https://issuer.example", "other")


@dataclass
class Wire:
    """The deployed app, called as API Gateway calls it, and every call that it makes."""

    names: TableNames
    sent: list[tuple[str, dict[str, Any]]]

    def request(
        self,
        method: str,
        route: str,
        user: UserId = ME,
        body: object = None,
        query: dict[str, str] | None = None,
        **path: str,
    ) -> Any:
        """The app's answer to API Gateway's proxy event; `sent` then holds this request's calls."""
        self.sent.clear()
        event = {
            "requestContext": {
                "resourcePath": route,
                "path": "/api" + route,
                "httpMethod": method,
                "authorizer": {"principalId": user, "expiresAt": str(int(time.time()) + 60)},
            },
            "headers": {"content-type": "application/json"},
            "multiValueQueryStringParameters": {k: [v] for k, v in (query or {}).items()} or None,
            "pathParameters": path or None,
            "stageVariables": None,
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = app_module.app(event, LambdaContext("api", 256))
        return answer["statusCode"], json.loads(answer["body"])


@pytest.fixture
def wire(tables: TableNames) -> Iterator[Wire]:
    forget_composition()
    sent: list[tuple[str, dict[str, Any]]] = []

    with overheard(
        app_module.dynamo(), lambda operation, body: sent.append((operation, json.loads(body)))
    ):
        yield Wire(tables, sent)
    forget_composition()


def forget_composition() -> None:
    """The app composes itself anew, from the environment as it then is."""
    app_module.dynamo.cache_clear()
    app_module.services.cache_clear()


def image(number: int) -> dict[str, str]:
    return {"prompt": f"prompt {number}", "imageUrl": f"https://images.example/{number}.png"}


def keys_in(request: dict[str, Any]) -> set[str]:
    """Every user key that a Query or a GetItem names."""
    if "Key" in request:
        return {request["Key"]["user_id"]["S"]}
    assert request["KeyConditionExpression"].startswith("user_id = :user")
    return {request["ExpressionAttributeValues"][":user"]["S"]}


@pytest.mark.parametrize(
    ("route", "query", "path"),
    [
        ("/api/images", None, {}),
        ("/api/images", {"limit": "2", "before": "3", "at_least": "2"}, {}),
        ("/api/images", {"before": "99"}, {}),
        ("/api/images/changes", None, {}),
        ("/api/images/changes", {"after": "3"}, {}),
        ("/api/images/changes", {"after": "99"}, {}),
        ("/api/images/{cursor}", None, {"cursor": "1"}),
        ("/api/images/{cursor}", None, {"cursor": "99"}),
    ],
)
def test_a_read_touches_the_callers_partition_alone(
    wire: Wire, route: str, query: dict[str, str] | None, path: dict[str, str]
) -> None:
    """A GET sends nothing but Query and GetItem, to the partition table, under the caller's key."""
    for user in (ME, OTHER):
        for number in range(3):
            assert wire.request("POST", "/api/images", user, image(number))[0] == 201
        assert wire.request("POST", "/api/images/sync", user)[1]["upToDate"]
    wire.request("GET", route, ME, query=query, **path)
    assert wire.sent
    assert {operation for operation, _request in wire.sent} <= {"Query", "GetItem"}
    assert {request["TableName"] for _operation, request in wire.sent} == {wire.names.partition}
    assert {key for _operation, request in wire.sent for key in keys_in(request)} == {ME}


def test_the_user_is_the_authorizers_word_alone(wire: Wire) -> None:
    """A user named in a body or a query is refused, and nothing is written under that key."""
    for name in ("user", "userId", "user_id"):
        status, problem = wire.request("POST", "/api/images", body={**image(1), name: OTHER})
        assert (status, problem["code"]) == (400, "invalid-image")
        assert wire.sent == []
        status, problem = wire.request("POST", "/api/images", body=image(1), query={name: OTHER})
        assert (status, problem["code"]) == (400, "invalid-parameter")
        assert wire.sent == []
        status, problem = wire.request("POST", "/api/images/sync", body={name: OTHER})
        assert status == 400
        assert wire.sent == []


def test_a_save_is_written_under_the_callers_key(wire: Wire) -> None:
    """Every item that a save puts has the caller's key, in the primary alone."""
    wire.request("POST", "/api/images", OTHER, image(1))
    assert {request["TableName"] for _operation, request in wire.sent} == {wire.names.primary}
    puts = [request["Item"] for operation, request in wire.sent if operation == "PutItem"]
    assert [put["user_id"]["S"] for put in puts] == [OTHER]


def test_costs_in_calls(wire: Wire) -> None:
    """A save is a read and a put, the next one a put alone; a sync of one image two reads and a
    put; a page, and a look for changes, one query each."""
    wire.request("POST", "/api/images", body=image(1))
    assert [operation for operation, _request in wire.sent] == ["Query", "PutItem"]
    wire.request("POST", "/api/images/sync")
    wire.request("POST", "/api/images", body=image(2))
    assert [operation for operation, _request in wire.sent] == ["PutItem"]
    wire.request("POST", "/api/images/sync")
    assert [operation for operation, _request in wire.sent] == ["Query", "Query", "PutItem"]
    _status, page = wire.request("GET", "/api/images", query={"limit": "1"})
    assert [operation for operation, _request in wire.sent] == ["Query"]
    older = {"before": str(page["next"]), "mark": page["nextMark"]}
    assert wire.request("GET", "/api/images", query=older)[0] == 200
    assert [operation for operation, _request in wire.sent] == ["Query"]
    position = {"after": str(page["cursor"]), "mark": page["mark"]}
    assert wire.request("GET", "/api/images/changes", query=position)[1]["upToDate"]
    assert [operation for operation, _request in wire.sent] == ["Query"]


def test_a_second_key_is_seen(wire: Wire) -> None:
    """API Gateway tells all lines of a header; the last alone could be a retry's that is another's.

    A list of several lines, such as If-None-Match, is read whole too.
    """
    event = {
        "requestContext": {
            "resourcePath": "/api/images",
            "path": "/api/images",
            "httpMethod": "POST",
            "authorizer": {"principalId": ME, "expiresAt": "9999999999"},
        },
        "headers": {"content-type": "application/json", "Idempotency-Key": "two"},
        "multiValueHeaders": {
            "content-type": ["application/json "],
            "Idempotency-Key": ["one", "two"],
        },
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "body": json.dumps(image(1)),
    }
    answer = app_module.app(event, LambdaContext("api", 256))
    assert (answer["statusCode"], "Idempotency-Key" in answer["body"]) == (400, True)
    assert wire.sent == []


@pytest.mark.usefixtures("wire")
def test_an_expired_token_is_refused_behind_the_authorizers_cache() -> None:
    """API Gateway may keep an authorizer's answer for longer than the token lives; we do not."""
    event_user = {"principalId": ME, "expiresAt": str(int(time.time()) - 1)}
    answer = app_module.app(
        {
            "requestContext": {
                "resourcePath": "/api/images",
                "path": "/api/images",
                "httpMethod": "GET",
                "authorizer": event_user,
            },
            "headers": {},
            "multiValueQueryStringParameters": None,
            "pathParameters": None,
            "stageVariables": None,
            "body": None,
        },
        LambdaContext("api", 256),
    )
    assert answer["statusCode"] == 401
    assert json.loads(answer["body"])["code"] == "unauthenticated"


def test_unexpected_trouble_is_a_problem_without_details(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """A defect or a missing table is a 500 problem; neither answer nor log holds the payload."""
    client("dynamodb").delete_table(TableName=wire.names.primary)
    status, problem = wire.request("POST", "/api/images", body=image(4711))
    assert (status, problem["code"]) == (500, "internal-error")
    assert "ResourceNotFoundException" in caplog.text
    assert "4711" not in caplog.text + json.dumps(problem)
