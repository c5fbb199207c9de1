"""The deployed app, called as API Gateway calls it, with every call that it makes."""

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from chalice.local import LambdaContext

import app as app_module
from tests.isolation.asked import Answer, Asked, Pairs
from tests.isolation.calls import WireCall
from tests.isolation.people import Person
from tests.support import overheard


class Gateway:
    """Answers requests one by one. `calls` are those of the last request."""

    def __init__(self) -> None:
        self.calls: list[WireCall] = []

    def answer(self, asked: Asked, caller: Person) -> Answer:
        self.calls.clear()
        answered = app_module.app(event_of(asked, caller), LambdaContext("api", 256))
        headers = {**answered["headers"], **answered["multiValueHeaders"]}
        pairs = tuple(sorted((name.lower(), str(value)) for name, value in headers.items()))
        return Answer(answered["statusCode"], pairs, answered["body"])

    def record(self, operation: str, body: bytes) -> None:
        self.calls.append(WireCall(operation, body.decode()))


@contextmanager
def opened() -> Iterator[Gateway]:
    """Composes the app anew, from the environment as it is, and listens at its wire."""
    forget_composition()
    gateway = Gateway()
    with overheard(app_module.dynamo(), gateway.record):
        yield gateway
    forget_composition()


def forget_composition() -> None:
    app_module.authenticator.cache_clear()
    app_module.services.cache_clear()
    app_module.dynamo.cache_clear()


def event_of(asked: Asked, caller: Person) -> dict[str, Any]:
    """API Gateway's proxy event. Who calls stands in the authorizer's context alone."""
    expires_at = str(int(time.time()) + 600)
    path = asked.route.filled(dict(asked.path))
    return {
        "resource": asked.route.path,
        "path": path,
        "httpMethod": asked.verb,
        "requestContext": {
            "resourcePath": asked.route.path,
            "path": "/api" + path,
            "httpMethod": asked.verb,
            "authorizer": None
            if asked.route.is_public
            else {"principalId": caller.user, "expiresAt": expires_at},
        },
        "headers": dict(asked.headers),
        "multiValueHeaders": multi(asked.headers),
        "queryStringParameters": dict(asked.query) or None,
        "multiValueQueryStringParameters": multi(asked.query) or None,
        "pathParameters": dict(asked.path) or None,
        "stageVariables": None,
        **body_of(asked.body),
    }


def multi(pairs: Pairs) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def body_of(body: bytes | None) -> dict[str, Any]:
    """As text where it is UTF-8, and else in base64."""
    try:
        return {"body": body and body.decode(), "isBase64Encoded": False}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(body or b"").decode(), "isBase64Encoded": True}
