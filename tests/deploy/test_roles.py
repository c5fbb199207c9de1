"""Least privilege: what each Lambda function is granted is what its code calls, and nothing else.

The functions themselves run, through scenes in which they make every call that they can make.
"""

import os
import uuid
from collections.abc import Iterator, Mapping

import pytest

import app
from chalicelib.bootstrap import build
from chalicelib.config import table_names
from chalicelib.dynamodb.client import HttpDynamo
from chalicelib.model.timing import Clock
from chalicelib.store.table_names import TableNames
from chalicelib.store.tables import create_tables
from deploy.permissions import GRANTS
from local.dynamodb_local import Connection
from local.issuer import AUDIENCE, ISSUER
from tests.deploy.recording import Recording, Site, sites
from tests.deploy.scenes import SCENES, Actor
from tests.grants import granted
from tests.isolation.gateway import forget_composition
from tests.support import Store


@pytest.fixture(scope="module")
def store(engine: Connection) -> Iterator[Store]:
    """Fresh tables, which the app is composed for; what is done through this is not recorded."""
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in environment(engine).items():
            patch.setenv(variable, value)
        tables = table_names(os.environ)
        create_tables(tables)
        forget_composition()
        yield store_on(tables)
        forget_composition()


@pytest.fixture(scope="module")
def recordings(store: Store, engine: Connection) -> Mapping[str, Recording]:
    """What each function did in all of its scenes."""
    return {name: recorded(Actor(name, store, engine)) for name in GRANTS}


def recorded(actor: Actor) -> Recording:
    app.services.cache_clear()  # a process of its own
    with actor.listening_to_calls(app.dynamo()):
        for scene in SCENES[actor.name]:
            scene(actor)
            assert not actor.meanwhile, "nobody came in between"
    return actor.recording


def environment(engine: Connection) -> Mapping[str, str]:
    prefix = f"roles-{uuid.uuid4().hex}-"
    return engine.environ(os.environ) | {
        "PRIMARY_TABLE": prefix + "images",
        "PARTITION_TABLE": prefix + "partition",
        "IDEMPOTENCY_TABLE": prefix + "idempotency",
        "OIDC_ISSUER": ISSUER,
        "OIDC_AUDIENCE": AUDIENCE,
        "OIDC_JWKS_URL": "http://127.0.0.1:9/",
    }


def store_on(tables: TableNames) -> Store:
    dynamo = HttpDynamo.from_environment(os.environ)
    clock = Clock(sleep=lambda _seconds: None)
    return Store(build(dynamo, tables, clock, emit=lambda _line: None), dynamo, tables)


@pytest.mark.parametrize("name", GRANTS)
def test_a_function_is_granted_what_it_calls_and_nothing_else(
    recordings: Mapping[str, Recording], name: str
) -> None:
    calls = recordings[name].needed
    missing = [
        f"{name} calls {g.action} on {g.resource} without leave" for g in calls - granted(name)
    ]
    surplus = [f"{name} may {g.action} on {g.resource} for nothing" for g in granted(name) - calls]
    assert sorted(missing + surplus) == []


# That the scenes leave out no call


OF_BUILTINS = {name for kind in (dict, list, set, str) for name in dir(kind)}
OBJECTS = {"call", "log", "partition", "checkpoints", "primary"}
"""Ours that have methods of such names: `get`, `append`, `remove`."""

PURE = {"removal"}
"""Ours that have methods of such names too, and no way to AWS: `after`."""

CLIENTS = {"client", "sqs", "streams", "sts"}
"""botocore's: whatever is called of them is a call of AWS."""


def issuing(recordings: Mapping[str, Recording]) -> list[Site]:
    """The calls in our code that may lead to one of AWS, by the names of what did lead there."""
    functions = {f.name.split(".")[-1] for r in recordings.values() for f in r.entered}
    return [
        site
        for site in sites()
        if site.receiver in CLIENTS or (site.callee in functions and is_ours(site))
    ]


def is_ours(site: Site) -> bool:
    if site.receiver in PURE:
        return False
    return site.callee not in OF_BUILTINS or site.receiver in OBJECTS


NOT_MADE_BY = {
    "erase_user": {
        "Primary.delete": "no client tells it where it saw the log",
        "Primary._put_deletions": "it deletes what it has read, which does not lie beyond the tail",
    },
}
"""Functions of ours that it enters, with a call that it has no reason to make, and why."""


@pytest.mark.parametrize("name", GRANTS)
def test_wherever_a_function_goes_it_makes_every_call_there(
    recordings: Mapping[str, Recording], name: str
) -> None:
    """So that a call which only some rare turn of events leads to is seen as well."""
    recording = recordings[name]
    unmade = [
        site
        for site in issuing(recordings)
        if site.function in recording.entered and not recording.has_reached(site)
    ]
    reasons = NOT_MADE_BY.get(name, {})
    assert [str(site) for site in unmade if site.function.name not in reasons] == []
    assert {site.function.name for site in unmade} == set(reasons)


NOT_MADE = {
    "Metrics.count": "it prints",
    "Syncer._count": "it prints",
    "Primary._marker": "it makes a member of a transaction",
    "MeteredDynamo.get_item": "no sync asks for it",
    "ReaderRole._hold": "it is made with hard isolation only, and has a test of its own",
    "redrive_dead_letters": "app.py's own runs on clients that cannot be listened to",
}
"""Our functions with a call that no function made here, and why."""


def test_no_call_of_the_code_is_made_by_none_of_the_functions(
    recordings: Mapping[str, Recording],
) -> None:
    """So that code which the scenes never come to is seen as well."""
    unmade = [
        site
        for site in issuing(recordings)
        if site.function.name  # what stands in none is done once, at the import
        and not any(recording.has_reached(site) for recording in recordings.values())
    ]
    assert [str(site) for site in unmade if site.function.name not in NOT_MADE] == []
    assert {site.function.name for site in unmade} == set(NOT_MADE)


def test_calls_are_told_from_those_of_builtin_objects(
    recordings: Mapping[str, Recording],
) -> None:
    """Whatever call led to AWS is one that counts."""
    reached = {place for recording in recordings.values() for place in recording.reached}
    assert [str(site) for site in sites() if site.place in reached and not is_ours(site)] == []
