"""The deployed app in this process, called as API Gateway calls it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from chalice.local import LambdaContext

import app as app_module
from chalicelib.dynamodb.connections import Reply
from chalicelib.model.entries import UserId
from tests.faults.crashing import Moment, kill_this_process
from tests.faults.wire import Send, Wire, WireFault


@dataclass(frozen=True)
class Gateway:
    """Passes requests on to the app. `answers` has every body that came back, with its headers."""

    answers: list[str] = field(default_factory=list)

    def request(
        self, user: UserId, method: str, route: str, body: object = None, **more: Any
    ) -> tuple[int, Any]:
        """The status and the body. `more`: headers, query, and the path's parameters."""
        headers = {"content-type": "application/json", **more.pop("headers", {})}
        query = more.pop("query", {})
        event = {
            "requestContext": {
                "resourcePath": route,
                "path": "/api" + route,
                "httpMethod": method,
                "authorizer": {"principalId": user, "expiresAt": str(int(time.time()) + 600)},
            },
            "headers": headers,
            "multiValueQueryStringParameters": {k: [v] for k, v in query.items()} or None,
            "pathParameters": more or None,
            "stageVariables": None,
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = app_module.app(event, LambdaContext("api", 256))
        self.answers.append(json.dumps(answer))
        return answer["statusCode"], json.loads(answer["body"] or "null")

    def save(self, user: UserId, prompt: str, key: str | None = None) -> None:
        image = {"prompt": prompt, "imageUrl": f"https://images.example/{prompt}", "model": prompt}
        headers = {} if key is None else {"Idempotency-Key": key}
        assert self.request(user, "POST", "/api/images", image, headers=headers)[0] == 201

    def sync(self, user: UserId) -> None:
        status, body = self.request(user, "POST", "/api/images/sync")
        assert (status, body["upToDate"]) == (200, True)

    def delete(self, user: UserId, cursor: int) -> int:
        return self.request(user, "DELETE", "/api/images/{cursor}", cursor=str(cursor))[0]

    def read_everything(self, user: UserId) -> None:
        """By every route that shows images; what it answers is in `answers`."""
        self.request(user, "GET", "/api/images")
        self.request(user, "GET", "/api/images/changes")
        for cursor in range(1, 6):
            self.request(user, "GET", "/api/images/{cursor}", cursor=str(cursor))


@contextmanager
def composed() -> Iterator[Wire]:
    """The app, composed anew from the environment as it is; yields its client's connection."""
    forget_composition()
    yield Wire(app_module.dynamo())
    forget_composition()


def forget_composition() -> None:
    app_module.dynamo.cache_clear()
    app_module.services.cache_clear()


def killed_before(send: Send) -> Reply:
    kill_this_process()
    return send()


def killed_after(send: Send) -> Reply:
    reply = send()
    kill_this_process()
    return reply


def delete_until(user: UserId, cursor: int, moment: Moment, number: int) -> None:
    """A DELETE by a process that dies before or after its call of this number (from 1)."""
    strike = killed_before if moment == "before" else killed_after
    with composed() as wire:
        wire.reset(WireFault(moment, strike, 1), number)
        Gateway().delete(user, cursor)
