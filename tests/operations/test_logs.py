"""Whatever goes well or wrong, in any operation or request: no content in what is logged, counted
or raised. Lambda logs what a function raises, and a log outlives the images that are deleted."""

import json
import logging
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from chalice.app import Request, Response

import app
from chalicelib.api import reads, writes
from chalicelib.api.access_log import logged
from chalicelib.api.answer import Answer
from chalicelib.api.authorizer import EXPIRES_AT
from chalicelib.api.endpoint import in_problem_details, respond
from chalicelib.dynamodb.protocol import UnknownOutcome
from chalicelib.model.entries import Cursor, Payload, UserId
from chalicelib.model.user_keys import user_id
from chalicelib.operations import OPERATIONS
from chalicelib.sync import stream_handler
from tests.operations.support import ISSUER, Rig, add, change
from tests.operations.test_redrive import Letters
from tests.operations.test_wrong_events import OF_A_USER
from tests.support import Store
from tests.unit.test_stream_handler import record

Trouble = Callable[[Rig, "Canary"], None]

ROUTES: dict[tuple[str, str], Callable[..., Answer]] = {
    ("POST", "/api/images"): writes.save_image,
    ("GET", "/api/images"): reads.list_images,
    ("HEAD", "/api/images"): reads.list_images,
    ("POST", "/api/images/batch"): writes.save_images,
    ("GET", "/api/images/changes"): reads.list_changes,
    ("HEAD", "/api/images/changes"): reads.list_changes,
    ("POST", "/api/images/sync"): writes.sync_images,
    ("GET", "/api/images/{cursor}"): reads.show_image,
    ("HEAD", "/api/images/{cursor}"): reads.show_image,
    ("DELETE", "/api/images"): writes.delete_images,
    ("DELETE", "/api/images/{cursor}"): writes.delete_image,
}


class Canary:
    """A word that stands nowhere else: the user's subject, and part of all that the user saves."""

    def __init__(self) -> None:
        self.word = f"canary{uuid.uuid4().hex}"
        self.user: UserId = user_id(ISSUER, self.word)

    @property
    def payload(self) -> Payload:
        return Payload(self.word, f"https://{self.word}.example/", self.word)


@pytest.fixture
def canary() -> Canary:
    return Canary()


@pytest.fixture(autouse=True)
def listening(caplog: pytest.LogCaptureFixture) -> None:
    """To everything, the debugging lines included."""
    caplog.set_level(logging.DEBUG)


@pytest.fixture
def rig(store: Store, canary: Canary) -> Rig:
    """Three images are in both logs and a fourth in the primary; a letter waits."""
    letters = Letters()
    letters.add("letter", canary.user)
    rig = Rig.on(store, letters)
    for synced in (True, False):
        for _ in range(3 if synced else 1):
            rig.services.primary.append(canary.user, [canary.payload], store.deadline)
        if synced:
            store.sync(canary.user)
    return rig


# What may be wrong


def nothing(_rig: Rig, _canary: Canary) -> None:
    """All is well."""


def an_unknown_outcome(rig: Rig, canary: Canary) -> None:
    rig.before(raising(UnknownOutcome(canary.word)))


def a_defect(rig: Rig, canary: Canary) -> None:
    rig.before(raising(ValueError(canary.word)))


def raising(error: Exception) -> Callable[[str, Any], None]:
    def fault(_operation: str, _request: Any) -> None:
        raise error

    return fault


def a_row_is_no_json(rig: Rig, canary: Canary) -> None:
    change(rig.store, 3, canary.user, version={"N": "1"}, image={"S": canary.word})


def a_row_lacks_its_count(rig: Rig, canary: Canary) -> None:
    change(rig.store, 3, canary.user, count=None, image={"S": canary.word})


def a_row_has_wrong_types(rig: Rig, canary: Canary) -> None:
    change(rig.store, 3, canary.user, image={"N": "5"}, count={"S": canary.word})


def an_entry_has_wrong_types(rig: Rig, canary: Canary) -> None:
    (item,) = rig.store.primary_log.after(canary.user, Cursor(3), 1).items
    damaged = {**item, "count": {"S": canary.word}, "steps": {"S": canary.word}}
    rig.store.dynamo.put_item(TableName=rig.store.tables.primary, Item=damaged)


def a_row_stands_beyond_the_end(rig: Rig, canary: Canary) -> None:
    add(rig.store, 9, canary.user)


FAULTS: list[Trouble] = [an_unknown_outcome, a_defect]
DAMAGES: list[Trouble] = [
    nothing,
    a_row_is_no_json,
    a_row_lacks_its_count,
    a_row_has_wrong_types,
    an_entry_has_wrong_types,
    a_row_stands_beyond_the_end,
]
wherever_it_fails = pytest.mark.parametrize("trouble", [*DAMAGES, *FAULTS])
whatever_is_damaged = pytest.mark.parametrize("trouble", DAMAGES)


def assert_untold(rig: Rig, canary: Canary, caplog: pytest.LogCaptureFixture) -> None:
    """In no log line with all its fields, and in no metric."""
    assert canary.word not in caplog.text
    assert canary.word not in "".join(rig.lines)


# Operations


def run(rig: Rig, canary: Canary, name: str) -> str:
    """What Lambda logs of an error that the operation ended with, if any."""
    event = {"subject": canary.word} if name in OF_A_USER else {}
    try:
        rig.finish(name, event)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


@wherever_it_fails
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_log_no_content(
    rig: Rig, canary: Canary, caplog: pytest.LogCaptureFixture, name: str, trouble: Trouble
) -> None:
    """Neither prompts, URLs nor subjects: users stand in the log by their key."""
    trouble(rig, canary)
    run(rig, canary, name)
    assert_untold(rig, canary, caplog)


@whatever_is_damaged
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_raise_no_content(rig: Rig, canary: Canary, name: str, trouble: Trouble) -> None:
    """Whatever stands in the tables, the text of an error does not repeat it."""
    trouble(rig, canary)
    assert canary.word not in run(rig, canary, name)


@wherever_it_fails
def test_the_doorbell_logs_no_content(
    rig: Rig, canary: Canary, caplog: pytest.LogCaptureFixture, trouble: Trouble
) -> None:
    """Of a sync that fails it says whose, which error, and where in the code."""
    trouble(rig, canary)
    ring(rig, canary)
    assert_untold(rig, canary, caplog)


def test_the_doorbell_logs_who_and_where(
    rig: Rig, canary: Canary, caplog: pytest.LogCaptureFixture
) -> None:
    """The fields that an operator looks for."""
    a_defect(rig, canary)
    ring(rig, canary)
    (record,) = caplog.records
    fields = vars(record)
    assert (record.levelname, record.getMessage()) == ("ERROR", "sync failed")
    assert (fields["user"], fields["error"]) == (canary.user, "ValueError")
    assert fields["at"].endswith("fault:" + fields["at"].rpartition(":")[2])
    assert "sync:" in fields["at"]


def ring(rig: Rig, canary: Canary) -> None:
    event = {"Records": [record(canary.user, 1)]}
    stream_handler.handle(event, rig.services.syncer, rig.services.metrics, rig.store.deadline)


# Requests


def test_every_route_is_tried_here() -> None:
    """All that the app has, but for those that need no token."""
    routes = {
        (method, path)
        for path, methods in app.app.routes.items()
        for method, entry in methods.items()
        if entry.authorizer is not None
    }
    assert routes == ROUTES.keys()


@wherever_it_fails
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_requests_log_no_content(
    rig: Rig,
    canary: Canary,
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    trouble: Trouble,
) -> None:
    """Neither what is saved nor what is asked for, neither key nor token; but the line is there."""
    trouble(rig, canary)
    response = answer(rig, request(canary, method, path))
    assert_untold(rig, canary, caplog)
    (line,) = [record for record in caplog.records if record.getMessage() == "request"]
    assert (vars(line)["status"], vars(line)["route"]) == (response.status_code, path)
    assert vars(line)["user"] == canary.user


def request(canary: Canary, method: str, path: str) -> Request:
    """A sound request; its values are the canary's wherever a client may choose them."""
    word = canary.word
    image = {"prompt": word, "imageUrl": f"https://{word}.example/", "model": word}
    body: Any = {"images": [image]} if path.endswith("batch") else image
    context = {
        "httpMethod": method,
        "resourcePath": path,
        "path": path.replace("{cursor}", "2"),
        "authorizer": {"principalId": canary.user, EXPIRES_AT: str(2**40)},
    }
    headers = {
        "authorization": f"Bearer {word}",
        "content-type": "application/json",
        "idempotency-key": word,
        "if-none-match": f'"{word}"',
    }
    none = dict.fromkeys(["multiValueQueryStringParameters", "pathParameters", "stageVariables"])
    has_body = method == "POST" and not path.endswith("sync")
    event = {"requestContext": context, "headers": headers, **none}
    return Request({**event, "body": json.dumps(body) if has_body else None})


def answer(rig: Rig, request: Request) -> Response:
    """As app.py puts it together."""
    handler = ROUTES[request.method, request.path]
    path = {"cursor": "2"} if "{cursor}" in request.path else {}

    def responded(_request: Any) -> Response:
        return respond(lambda: rig.services, request, handler, **path)

    def problems(request: Any) -> Response:
        return in_problem_details(request, responded)

    return logged(request, problems, lambda: 0.0)
