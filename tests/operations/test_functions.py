"""The Lambda functions of app.py, called as Lambda calls them."""

import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from chalice.local import LambdaContext

import app
from chalicelib.model.errors import InvalidEvent
from chalicelib.model.user_keys import user_id
from chalicelib.operations import OPERATIONS
from chalicelib.store.table_names import TableNames
from tests import emf
from tests.operations.support import ISSUER, assert_as_projected
from tests.support import BOB, Store
from tests.unit.test_stream_handler import record

pytestmark = pytest.mark.real_engine

SUBJECT = "alice"
USER = user_id(ISSUER, SUBJECT)
METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:a1b2c3/api/GET/api/images"
EVERY_FIVE_MINUTES = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2026-11-22T14:10:00Z",
    "region": "us-east-1",
    "resources": ["arn:aws:events:us-east-1:123456789012:rule/every-five-minutes"],
    "detail": {},
}


@pytest.fixture
def deployed(tables: TableNames) -> Iterator[ModuleType]:
    """The module as a function loads it: composed at its first call, for these tables."""
    assert tables.primary
    composed = (app.dynamo, app.services, app.authenticator)
    for function in composed:
        function.cache_clear()
    yield app
    for function in composed:
        function.cache_clear()


def context(name: str) -> LambdaContext:
    return LambdaContext(name, 256, 60_000)


def call(deployed: ModuleType, name: str, event: Any) -> dict[str, Any]:
    answer: dict[str, Any] = getattr(deployed, name)(event, context(name))
    json.dumps(answer)
    return answer


def event_of(name: str) -> dict[str, Any]:
    about_all = name in ("verify_all", "migrate", "sweep", "redrive_dead_letters")
    return {} if about_all else {"subject": SUBJECT}


@pytest.mark.parametrize("name", OPERATIONS)
def test_functions_have_the_operations_names(store: Store, deployed: ModuleType, name: str) -> None:
    """Each operation is a function of its own name, and takes what the operation takes."""
    store.save(USER)
    store.sync(USER)
    answer = call(deployed, name, event_of(name))
    assert answer["done"]
    assert answer.get("user", USER) == USER


@pytest.mark.parametrize("name", OPERATIONS)
def test_functions_name_the_field_that_is_wrong(deployed: ModuleType, name: str) -> None:
    """The error that the console shows begins with the field's name."""
    with pytest.raises(InvalidEvent, match=r"^usr: "):
        call(deployed, name, event_of(name) | {"usr": 1})


def test_functions_by_schedule(store: Store, deployed: ModuleType) -> None:
    """The schedule's event starts a sweep; what it says is not taken for the sweep's fields."""
    store.save(USER, 2)
    swept = call(deployed, "scheduled_sweep", EVERY_FIVE_MINUTES)
    assert (swept["done"], swept["applied"]) == (True, 2)
    assert_as_projected(store, USER)


def test_functions_of_the_stream(store: Store, deployed: ModuleType) -> None:
    """The stream's function syncs whom the batch names."""
    store.save(USER)
    store.save(BOB)
    answer = call(deployed, "on_images", {"Records": [record(USER, 1)]})
    assert answer == {"batchItemFailures": []}
    assert_as_projected(store, USER)
    assert store.partition_rows(BOB) == []


def test_functions_count_in_their_stages_namespace(
    store: Store,
    deployed: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What a function prints is metrics, a line each; the authorizer's too, which has no table."""
    monkeypatch.setenv("METRICS_NAMESPACE", "image-storage-prod")
    store.save(USER)
    call(deployed, "on_images", {"Records": [record(USER, 1)]})
    refused = {"type": "TOKEN", "methodArn": METHOD_ARN, "authorizationToken": "Bearer s3cret"}
    assert call(deployed, "authorize", refused)["principalId"] == "nobody"
    printed = capsys.readouterr().out
    applied, refusal = map(emf.read, printed.splitlines())
    assert {applied.namespace, refusal.namespace} == {"image-storage-prod"}
    assert applied.metrics["EntriesApplied"] == (1, "Count")
    assert refusal.metrics == {"AuthorizerRefused": (1, "Count")}
    assert "s3cret" not in printed


def test_functions_stop_in_time(store: Store, deployed: ModuleType) -> None:
    """With no more time left than one call may take, no user is begun."""
    store.save(USER)
    short = LambdaContext("sweep", 256, 1_000)
    answer = deployed.sweep({}, short)
    assert (answer["done"], answer["users"]) == (False, 0)
