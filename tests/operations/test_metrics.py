"""Each metric where it comes from: the real code, in the situation that the metric is about."""

from collections.abc import Callable, Mapping
from typing import Any, get_args

import pytest
from chalice.app import Request

from chalicelib.api import reads
from chalicelib.api.authorizer import EXPIRES_AT, decide
from chalicelib.api.endpoint import respond
from chalicelib.auth.tokens import Caller
from chalicelib.dynamodb.protocol import MAX_TRANSACTION_ITEMS, UnknownOutcome
from chalicelib.model.entries import UserId
from chalicelib.model.errors import Contended, KeysUnavailable, Unauthenticated
from chalicelib.operations.sweep import LATE
from chalicelib.sync import stream_handler
from chalicelib.telemetry.metrics import Metrics, Name
from tests import emf
from tests.operations.support import Rig, assert_as_projected, fill_synced, remove
from tests.operations.test_redrive import Letters
from tests.support import ALICE, BOB, Store, foreign, picture, quick
from tests.unit.test_stream_handler import record

NOW = 1_795_386_625.5
WRITES = ("put_item", "transact_write_items")


class Time:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def ring(rig: Rig, *users: UserId) -> None:
    """The stream's function, with a batch of these users."""
    records = [record(user, number) for number, user in enumerate(users, start=1)]
    services = rig.services
    stream_handler.handle(
        {"Records": records}, services.syncer, services.metrics, rig.store.deadline
    )


def only_line(rig: Rig) -> emf.Line:
    (line,) = map(emf.read, rig.lines)
    return line


def save_at(rig: Rig, time: Time, *moments: float) -> None:
    """Saves an image at each moment, in seconds from the beginning."""
    for moment in moments:
        time.now = NOW + moment
        rig.services.primary.append(ALICE, [picture()], rig.store.deadline)


# What a sync added, and how long that took to be seen


def test_lag_is_from_the_oldest_save_until_it_can_be_read(store: Store) -> None:
    """Of several saves that one sync brings, the one that waited longest tells the lag."""
    time = Time()
    rig = Rig.on(store, now=time)
    save_at(rig, time, 0, 3.5, 4)
    time.now = NOW + 10.25
    ring(rig, ALICE)
    line = only_line(rig)
    assert line.metrics == {
        "EntriesApplied": (3, "Count"),
        "SyncLagEntries": (3, "Count"),
        "SyncLag": (10_250, "Milliseconds"),
    }
    assert line.fields == {"user": ALICE}
    assert (line.namespace, line.timestamp) == ("ImageStorage", int((NOW + 10.25) * 1000))


def test_lag_is_of_what_this_sync_added(store: Store) -> None:
    """What can be read already is no part of the next lag."""
    time = Time()
    rig = Rig.on(store, now=time)
    save_at(rig, time, 0)
    ring(rig, ALICE)
    rig.lines.clear()
    save_at(rig, time, 60)
    time.now = NOW + 60.02
    ring(rig, ALICE)
    assert only_line(rig).metrics["SyncLag"] == (20, "Milliseconds")
    assert rig.metrics("EntriesApplied") == 1


def test_lag_of_a_long_backlog_is_told_once(store: Store) -> None:
    """However many chunks it takes, the oldest entry of all is what counts."""
    time = Time()
    rig = Rig.on(store, now=time)
    save_at(rig, time, *range(8))
    store.fill(ALICE, MAX_TRANSACTION_ITEMS)
    time.now = NOW + 9
    ring(rig, ALICE)
    assert only_line(rig).metrics == {
        "EntriesApplied": (108, "Count"),
        "SyncLagEntries": (108, "Count"),
        "SyncLag": (9_000, "Milliseconds"),
    }


def test_lag_is_told_whoever_called_sync(store: Store) -> None:
    """A user who syncs, a sweep and the stream end the same waiting: each tells it."""
    time = Time()
    rig = Rig.on(store, Letters(), now=time)
    for call in (
        lambda: rig.services.syncer.sync(ALICE, store.deadline),
        lambda: rig.finish("sweep", {}),
        lambda: ring(rig, ALICE),
    ):
        save_at(rig, time, 0)
        time.now = NOW + 2
        call()
    assert [line.metrics["SyncLag"][0] for line in rig.told("SyncLag")] == [2000] * 3


def test_lag_between_clocks_that_differ_is_none(store: Store) -> None:
    """The machine that saved may be ahead: nobody sees an image before it is saved."""
    time = Time()
    rig = Rig.on(store, now=time)
    save_at(rig, time, 5)
    time.now = NOW
    ring(rig, ALICE)
    assert only_line(rig).metrics["SyncLag"] == (0, "Milliseconds")


def test_lag_that_nobody_can_tell_stops_no_sync(store: Store) -> None:
    """An entry whose time was damaged by hand is synced, and counted, as any other."""
    store.save(ALICE)
    (item,) = store.primary_log.after(ALICE, store.partition(ALICE).tail(), 1).items
    damaged = {**item, "created_at": {"S": "yesterday"}}
    store.dynamo.put_item(TableName=store.tables.primary, Item=damaged)
    rig = Rig.on(store)
    ring(rig, ALICE)
    assert only_line(rig).metrics.keys() == {"EntriesApplied", "SyncLagEntries"}
    assert_as_projected(store)


def test_entries_are_counted_though_the_sync_fails_later(store: Store) -> None:
    """The first chunk can be read, whatever becomes of the second."""
    store.fill(ALICE, MAX_TRANSACTION_ITEMS + 1)
    rig = Rig.on(store)
    written: list[str] = []

    def fault(operation: str, _request: Any) -> None:
        if operation in WRITES:
            written.append(operation)
        if written and operation == "query":
            raise UnknownOutcome("fault")

    rig.before(fault)
    ring(rig, ALICE)
    assert rig.metrics("EntriesApplied") == MAX_TRANSACTION_ITEMS
    assert rig.metrics("SyncFailed") == 1


def test_nothing_is_told_of_a_sync_that_found_nothing(store: Store) -> None:
    """While all is well and nobody saves, there are no lines."""
    fill_synced(store, 3)
    rig = Rig.on(store)
    ring(rig, ALICE, BOB)
    assert rig.lines == []


# Tries


def test_a_retry_of_a_deletion_is_counted(store: Store) -> None:
    """As that of a save: a rival's entry at the tail costs one."""
    store.save(ALICE)
    rig = Rig.on(store)
    rig.before(rivals(store, 1))
    rig.services.primary.delete(ALICE, [store.primary_entries(ALICE)[0].cursor], store.deadline)
    assert rig.metrics("AppendRetries") == 1


def test_a_save_at_the_first_try_counts_nothing(store: Store) -> None:
    """There was no retry."""
    rig = Rig.on(store)
    rig.services.primary.append(ALICE, [picture()], store.deadline)
    assert rig.lines == []


def rivals(store: Store, many: int) -> Callable[[str, Any], None]:
    """So many times another request is faster by a moment."""
    left = list(range(many))

    def rival(operation: str, _request: Any) -> None:
        if operation in WRITES and left:
            left.pop()
            store.put_entry(ALICE, foreign(store.services.primary.tail(ALICE).cursor + 1))

    return rival


# Every metric of the table


def sync_fails(rig: Rig) -> None:
    rig.before(failing)
    ring(rig, ALICE)


def failing(_operation: str, _request: Any) -> None:
    raise UnknownOutcome("fault")


def sync_is_cut_short(rig: Rig) -> None:
    """Time is up once the first chunk of two is written."""
    rig.store.fill(ALICE, MAX_TRANSACTION_ITEMS + 1)
    services, event = rig.services, {"Records": [record(ALICE, 1)]}
    stream_handler.handle(event, services.syncer, services.metrics, rig.after_calls(3))


def some_are_behind(rig: Rig) -> None:
    minutes_ago, _calls = quick(rig.store, lambda: NOW - 2 * LATE)
    minutes_ago.save(ALICE)
    minutes_ago.save(BOB)
    rig.finish("sweep", {})


def letters_are_found(rig: Rig) -> None:
    letters: Any = rig.services.dead_letters
    letters.add("one", ALICE)
    letters.add("two", ALICE)
    rig.finish("redrive_dead_letters", {})


def one_save_waits(rig: Rig) -> None:
    rig.store.save(ALICE, 2)
    ring(rig, ALICE)


def a_rival_is_faster(times: int) -> Callable[[Rig], None]:
    def save(rig: Rig) -> None:
        rig.before(rivals(rig.store, times))
        try:
            rig.services.primary.append(ALICE, [picture()], rig.store.deadline)
        except Contended:
            assert times > 1

    return save


def a_hole_is_read(rig: Rig) -> None:
    fill_synced(rig.store, 3)
    remove(rig.store, 2)
    response = respond(lambda: rig.services, request(), reads.list_images)
    assert response.status_code == 503


def request() -> Request:
    context = {
        "httpMethod": "GET",
        "resourcePath": "/api/images",
        "path": "/api/images",
        "authorizer": {"principalId": ALICE, EXPIRES_AT: str(2**40)},
    }
    none = dict.fromkeys(["multiValueQueryStringParameters", "pathParameters", "stageVariables"])
    return Request({**none, "requestContext": context, "headers": {}, "body": None})


def a_token_is_refused(rig: Rig) -> None:
    def refuse(_token: str) -> Caller:
        raise Unauthenticated("The token has expired.")

    answer = decide(refuse, "a token", rig.services.metrics)
    assert answer.routes == []


def no_keys_can_be_had(rig: Rig) -> None:
    def fail(_token: str) -> Caller:
        raise KeysUnavailable("no keys")

    with pytest.raises(KeysUnavailable):
        decide(fail, "a token", rig.services.metrics)


SITUATIONS: Mapping[str, tuple[Callable[[Rig], None], int, Mapping[str, str]]] = {
    "SyncFailed": (sync_fails, 1, {"user": ALICE}),
    "SyncUnfinished": (sync_is_cut_short, 1, {"user": ALICE}),
    "UsersBehind": (some_are_behind, 2, {}),
    "DeadLetters": (letters_are_found, 2, {"outcome": "redriven"}),
    "EntriesApplied": (one_save_waits, 2, {"user": ALICE}),
    "SyncLagEntries": (one_save_waits, 2, {"user": ALICE}),
    "SyncLag": (one_save_waits, 0, {"user": ALICE}),
    "HoleSeen": (a_hole_is_read, 1, {"user": ALICE}),
    "AppendRetries": (a_rival_is_faster(2), 2, {"user": ALICE}),
    "Contended": (a_rival_is_faster(100), 1, {"user": ALICE}),
    "AuthorizerRefused": (a_token_is_refused, 1, {"reason": "The token has expired."}),
    "AuthorizerUnavailable": (no_keys_can_be_had, 1, {}),
}
"""What happens, what that adds to the metric, and the fields beside it."""


@pytest.mark.parametrize("name", get_args(Name))
def test_every_metric_is_told_when_it_happens(store: Store, name: str) -> None:
    """With its value, its unit, and the user's key where it is about one."""
    happen, value, fields = SITUATIONS[name]
    rig = Rig.on(quick(store, lambda: NOW)[0], Letters(), now=lambda: NOW)
    happen(rig)
    lines = rig.told(name)
    assert sum(line.metrics[name][0] for line in lines) == value
    unit = "Milliseconds" if name == "SyncLag" else "Count"
    assert {line.metrics[name][1] for line in lines} == {unit}
    assert all(line.fields == fields for line in lines)


def test_an_admitted_token_counts_nothing() -> None:
    """Who is let in leaves no metric; the token's end goes with the answer."""
    lines: list[str] = []
    metrics = Metrics(lines.append, lambda: NOW, "tests")
    answer = decide(lambda _token: Caller(ALICE, 1_800_000_000), "a token", metrics)
    assert (answer.routes, answer.principal_id) == (["*"], ALICE)
    assert answer.context == {EXPIRES_AT: "1800000000"}
    assert lines == []
