"""One line in the log for each request, in Lambda: what an operator may know of it, and no more."""

import logging
from typing import Any

import pytest
from chalice.app import Request, Response
from chalice.local import LambdaContext

import app
from chalicelib.api.access_log import logged
from local.terminal import fields_of

SECRET = "s3cret"
USER = "a".ljust(43, "-")
REQUEST_ID = "b66ae6cd-97f0-4a3b-a6a8-4a2e9a3f2f0d"


def event(route: str = "/api/images/{cursor}", **context: Any) -> dict[str, Any]:
    """As API Gateway sends it, with a secret wherever a client may put something."""
    return {
        "requestContext": {
            "resourcePath": route,
            "path": f"/api/images/{SECRET}",
            "httpMethod": "DELETE",
            "requestId": REQUEST_ID,
            **context,
        },
        "headers": {"authorization": f"Bearer {SECRET}", "x-anything": SECRET},
        "multiValueQueryStringParameters": {SECRET: [SECRET]},
        "pathParameters": {"cursor": SECRET},
        "stageVariables": None,
        "body": SECRET,
    }


def line_of(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The one record's message, level and fields."""
    (record,) = caplog.records
    return {"line": (record.levelname, record.getMessage()), **fields_of(record)}


@pytest.fixture(autouse=True)
def listening(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_a_request_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """The route's pattern, the user's key, the outcome, and what to look it up by."""
    authorizer = {"principalId": USER, "expiresAt": SECRET}
    times = iter([10.0, 10.25])
    answer = Response(body=SECRET, status_code=204, headers={"etag": SECRET})
    request = Request(event(authorizer=authorizer))
    assert logged(request, lambda _request: answer, lambda: next(times)) is answer
    assert line_of(caplog) == {
        "line": ("INFO", "request"),
        "method": "DELETE",
        "route": "/api/images/{cursor}",
        "user": USER,
        "apiRequestId": REQUEST_ID,
        "status": 204,
        "milliseconds": 250,
    }
    assert SECRET not in caplog.text


def test_a_request_of_nobody_has_no_user(caplog: pytest.LogCaptureFixture) -> None:
    """The fields that are not known are left out."""
    request = Request(event("/api/health", authorizer=None, requestId=None))
    logged(request, lambda _request: Response(body=""), lambda: 0.0)
    assert line_of(caplog).keys() == {"line", "method", "route", "status", "milliseconds"}


def test_the_app_logs_its_requests(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever it answers, also to methods that a route does not know."""
    context = LambdaContext("api_handler", 256)
    for method in ("GET", "DELETE", SECRET):
        app.app(event("/api/health", httpMethod=method), context)
    seen = [(fields.get("method"), fields["status"]) for fields in map(fields_of, caplog.records)]
    assert seen == [("GET", 200), ("DELETE", 405), (None, 405)]
    assert SECRET not in caplog.text


def test_the_app_logs_what_is_no_request(caplog: pytest.LogCaptureFixture) -> None:
    """An event of another kind (a mistake in the console) is a line with its status."""
    app.app({"a": SECRET}, LambdaContext("api_handler", 256))
    assert line_of(caplog).keys() == {"line", "status", "milliseconds"}
    assert line_of(caplog)["status"] == 500
    assert SECRET not in caplog.text


def test_the_app_leaves_the_log_to_lambda() -> None:
    """Chalice's own handler would write plain lines to stdout, beside Lambda's JSON."""
    assert app.app.log.handlers == []
    assert app.app.log.propagate
