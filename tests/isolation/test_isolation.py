"""Nothing of one user reaches another, on any route, by any of ten thousand requests.

The bulk goes to the app as API Gateway calls it, where every call that leaves the process is seen
at the wire, below the engine. A slice goes over HTTP with real tokens.
"""

import itertools
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chalice.app import Chalice

import app as app_module
from chalicelib.botocore_client import client
from chalicelib.store.table_names import TableNames
from local.dev_routes import JWKS_PATH, Own
from local.doors import Doors
from local.dynamodb_local import free_port
from local.issuer import AUDIENCE, ISSUER, Issuer
from local.room import Room
from local.server import HOST, Around, make_server
from tests.api.server import Server
from tests.isolation.asked import READING, Answer, Asked, Pairs, Route, routes
from tests.isolation.calls import WireCall, check_call, check_tables, key_of, named_users
from tests.isolation.conftest import FIRST_DELETED, fill
from tests.isolation.gateway import Gateway, forget_composition
from tests.isolation.generator import MAX_CURSOR, Generator, json_bytes
from tests.isolation.judge import Judge, strangers_tails
from tests.isolation.over_http import Connection, connected
from tests.isolation.people import TAILS, People, Person, foreign_marks

SEED = 20261122
IN_ALL = 10_200
"""Generated requests to the app, at least."""

OVER_HTTP = 600
INTERLEAVED = 1_200
THREADS_EACH = 4
SHARED_KEY = (("content-type", "application/json"), ("Idempotency-Key", "one-and-the-same"))

Send = Callable[[Asked, Person], Answer]


def route_of(name: str) -> Route:
    return next(route for route in routes() if str(route) == name)


def judge_of(people: People) -> Judge:
    return Judge(people, Counter({person.user: person.tail for person in people}))


# The bulk, with the wire in sight


def test_generated_requests(gateway: Gateway, people: People, tables: TableNames) -> None:
    """Whatever is asked, every call has the caller's key, and every answer the caller's content."""
    each = -(-IN_ALL // (len(routes()) * len(people)))
    generator, judge = Generator(SEED, people), judge_of(people)
    calls = requests = 0
    for route, caller in generator.plan(routes(), each):
        asked = generator.request(route, caller)
        try:
            answer = gateway.answer(asked, caller)
            judge_calls(gateway.calls, asked, caller, judge, tables)
            judge.judge(asked, caller, answer)
        except AssertionError as error:
            raise AssertionError(f"seed {SEED}, request {requests}: {caller} {asked}") from error
        generator.remember(asked, caller, answer.etag)
        requests, calls = requests + 1, calls + len(gateway.calls)
    report(judge, requests, calls)
    assert requests >= 10_000
    assert judge.missing(routes(), each) == []
    assert_each_has_the_own(people, tables)


def judge_calls(
    calls: list[WireCall], asked: Asked, caller: Person, judge: Judge, tables: TableNames
) -> None:
    if asked.route.is_public:
        assert calls == []
    for call in calls:
        check_call(call, judge.people, caller)
        judge.longest[caller.user] += sum(p["TableName"] == tables.primary for p in call.puts)
    check_tables(calls, asked.verb, asked.header("idempotency-key") is not None, tables)


def report(judge: Judge, requests: int, calls: int) -> None:
    print(f"{requests} requests, {calls} calls checked, {len(routes())} routes, seed {SEED}")
    for route in routes():
        seen: Counter[str] = Counter()
        for (asked, _user, status), many in judge.classes.items():
            seen[f"{status}xx"] += many if asked == route else 0
        print(f"  {route}: {dict(sorted((+seen).items()))}")


def assert_each_has_the_own(people: People, tables: TableNames) -> None:
    """No table holds a key of nobody's, or under one's key anything of another."""
    by_key = {person.user: person for person in people}
    database = client("dynamodb")
    for table in (tables.primary, tables.partition, tables.idempotency):
        pages = database.get_paginator("scan").paginate(TableName=table)
        items = [item for page in pages for item in page["Items"]]
        assert {item["user_id"]["S"] for item in items} == set(by_key), table
        for item in items:
            assert foreign_marks(str(item), people, by_key[item["user_id"]["S"]]) == [], table


# Another's, and nobody's


def asked_for(route: Route, cursor: int) -> Iterator[Asked]:
    """The route with this cursor in every place that may take one."""
    path = tuple((name, str(cursor)) for name in route.parameters)
    if path:
        yield Asked(route, path=path)
        return
    for name in ("before", "after", "at_least"):
        yield Asked(route, query=((name, str(cursor)),))
    yield Asked(route, query=(("cursors", str(cursor)),))
    yield Asked(route, query=(("cursors", "1"), ("mark", "seen"), ("at", str(cursor))))
    yield Asked(route, body=json_bytes({"cursor": cursor}))


REFUSED: dict[tuple[str, str], int] = {
    ("GET /api/images/{cursor}", "cursor"): 404,
    ("DELETE /api/images/{cursor}", "cursor"): 404,
    ("DELETE /api/images", "cursors"): 404,
    ("DELETE /api/images", "at"): 410,
    ("GET /api/images", "before"): 410,
    ("GET /api/images", "at_least"): 409,
    ("GET /api/images/changes", "after"): 410,
}
"""How the routes that know a parameter refuse a cursor beyond the tail."""


def assert_refused(asked: Asked, answer: Answer) -> None:
    for name, _value in (asked.path + asked.query)[-1:]:
        status = REFUSED.get((str(asked.route), name))
        assert status is None or answer.status == status, (asked, answer)


def unnamed(answer: Answer, cursor: int) -> Answer:
    """The answer without the cursor that it was asked for, where it names it."""
    headers = tuple(pair for pair in answer.headers if pair[0] != "content-length")
    return replace(answer, headers=headers, body=answer.body.replace(f"out {cursor}:", "out it:"))


def compared(people: People, send: Send, shape: Callable[[], object]) -> int:
    """Asks each for cursors of others and for such as never were; how many were alike.

    `shape` tells what else could be noticed of the last answer: the calls that it took.
    """
    nobodys = (max(TAILS.values()) + 77, MAX_CURSOR)
    alike = 0
    for route, caller in itertools.product(routes(), people):
        for theirs, nobody in itertools.product(strangers_tails(people, caller), nobodys):
            pairs = zip(asked_for(route, theirs), asked_for(route, nobody), strict=True)
            for asked, control in pairs:
                answer = send(asked, caller)
                seen = unnamed(answer, theirs), shape()
                control_seen = unnamed(send(control, caller), nobody), shape()
                assert seen == control_seen, (caller, asked, control)
                assert_refused(asked, answer)
                alike += 1
    return alike


def test_anothers_cursor_is_as_good_as_none(gateway: Gateway, people: People) -> None:
    """The answer for another's cursor is that for one that never was, and so are its calls."""
    alike = compared(people, gateway.answer, lambda: [call.shape for call in gateway.calls])
    print(f"{alike} pairs of answers alike")
    assert alike > 100


def gone(send: Send, caller: Person, shape: Callable[[], object]) -> list[tuple[Answer, object]]:
    """What is seen at a deleted image, at its deletion, at one beyond the tail, and at none."""
    route = route_of("GET /api/images/{cursor}")
    cursors = (FIRST_DELETED, caller.tail, caller.tail + 1, MAX_CURSOR)
    asked = [Asked(route, path=(("cursor", str(cursor)),)) for cursor in cursors]
    return [(send(one, caller), shape()) for one in asked]


def test_what_is_deleted_is_as_good_as_none(gateway: Gateway, people: People) -> None:
    """A deleted image answers as one that never was, byte by byte and call by call."""
    for person in people:
        seen = gone(gateway.answer, person, lambda: [call.shape for call in gateway.calls])
        assert seen[0][0].status == 404
        assert all(one == seen[0] for one in seen)


# Keys and tags of others


def test_anothers_idempotency_key_is_as_good_as_new(gateway: Gateway, people: People) -> None:
    """One key and one body for all: each saves an own image, and has an own replay."""
    image = {"prompt": "the same", "imageUrl": "https://images.example/same.png"}
    asked = Asked(route_of("POST /api/images"), headers=SHARED_KEY, body=json_bytes(image))
    for person in people:
        first = gateway.answer(asked, person)
        assert (first.status, first.json()["cursor"]) == (201, person.tail + 1)
        assert gateway.answer(asked, person) == first
        gateway.answer(Asked(route_of("POST /api/images/sync")), person)
        shown = Asked(
            route_of("GET /api/images/{cursor}"), path=(("cursor", str(person.tail + 1)),)
        )
        assert gateway.answer(shown, person).json() == first.json()


def test_anothers_idempotency_key_does_not_refuse_new_content(
    gateway: Gateway, people: People
) -> None:
    """A key that another used for other content is free."""
    for person in people:
        body = json_bytes(person.image(1))
        asked = Asked(route_of("POST /api/images"), headers=SHARED_KEY, body=body)
        assert gateway.answer(asked, person).status == 201


def test_anothers_key_in_content_is_content(gateway: Gateway, people: People) -> None:
    """Another's table key as Idempotency-Key and prompt is kept under the caller's key, as text."""
    for caller, other in itertools.permutations(people, 2):
        headers: Pairs = (SHARED_KEY[0], ("Idempotency-Key", other.user))
        body = json_bytes({**caller.image(1), "prompt": f"{caller.canary} {other.user}"})
        asked = Asked(route_of("POST /api/images"), headers=headers, body=body)
        assert gateway.answer(asked, caller).status == 201
        for call in gateway.calls:
            assert {key_of(name, part) for name, part in call.parts} == {caller.user}
            assert all(user == {"S": caller.user} for user in named_users(call.request))


def tagged_requests() -> list[Asked]:
    """Each reading route as it is, and with the first cursor where it takes one."""
    private = [route for route in routes() if route.method in READING and not route.is_public]
    return [Asked(route, path=tuple((name, "1") for name in route.parameters)) for route in private]


def assert_tags_are_own(people: People, send: Send) -> None:
    for caller, other in itertools.permutations(people, 2):
        for asked in tagged_requests():
            plain, theirs = send(asked, caller), send(asked, other)
            assert plain.etag
            assert plain.etag != theirs.etag
            for tag in (theirs.etag, f"W/{theirs.etag}", f'{theirs.etag}, "none"'):
                revalidation = Asked(
                    asked.route, asked.path, headers=(("If-None-Match", tag or ""),)
                )
                assert send(revalidation, caller) == plain


def test_anothers_tag_never_answers_304(gateway: Gateway, people: People) -> None:
    """With another's entity tag for the same request, the answer is the caller's own content."""
    assert_tags_are_own(people, gateway.answer)


# The rules themselves


@pytest.mark.parametrize(
    ("operation", "request_text"),
    [
        ("Scan", '{"TableName": "t"}'),
        ("BatchGetItem", '{"RequestItems": {}}'),
        ("Query", '{"KeyConditionExpression": "kind = :user"}'),
        ("GetItem", '{"Key": {"user_id": {"S": "somebody"}}}'),
        ("TransactWriteItems", '{"TransactItems": [{"Put": {"Item": {"user_id": {"S": "x"}}}}]}'),
    ],
)
def test_a_call_under_no_key_or_anothers_is_noticed(
    people: People, operation: str, request_text: str
) -> None:
    """The check of calls fails for a call that is not held to the caller's key."""
    with pytest.raises(AssertionError):
        check_call(WireCall(operation, request_text), people, people[0])


# Over HTTP, with real tokens


def at_once(work: list[Callable[[], int]]) -> int:
    """Runs all in threads that begin together; the sum of what they answer."""
    barrier = threading.Barrier(len(work))

    def run(one: Callable[[], int]) -> int:
        barrier.wait()
        return one()

    with ThreadPoolExecutor(len(work)) as pool:
        return sum(pool.map(run, work))


def generated_over_http(port: int, people: People, caller: Person, number: int) -> int:
    """One person's share of generated requests, on one connection."""
    generator, judge = Generator(SEED + number, people), judge_of(people)
    judge.longest.update({person.user: 10_000 for person in people})  # saves are not seen here
    each = -(-OVER_HTTP // (len(routes()) * len(people)))
    with connected(port) as connection:
        remember_tags(generator, connection, people)
        plan = [(route, who) for route, who in generator.plan(routes(), each) if who is caller]
        for route, who in plan:
            asked = generator.request(route, who)
            answer = connection.answer(asked, who)
            judge_over_http(judge, asked, who, answer)
            generator.remember(asked, who, answer.etag)
    return len(plan)


def remember_tags(generator: Generator, connection: Connection, people: People) -> None:
    """Everybody's tags, so that each can be tried by everybody."""
    for person in people:
        for asked in tagged_requests():
            generator.remember(asked, person, connection.answer(asked, person).etag)


def judge_over_http(judge: Judge, asked: Asked, who: Person, answer: Answer) -> None:
    try:
        judge.judge(asked, who, answer)
        if asked.header("authorization") is not None and not asked.route.is_public:
            assert answer.status in (400, 401, 404, 405), answer
    except AssertionError as error:
        raise AssertionError(f"seed {SEED}: {who} {asked}") from error


def test_generated_requests_over_http(isolated_server: Server, signed_in: People) -> None:
    """Three people at once, each with a token: every answer holds the caller's content alone."""
    port = isolated_server.port
    requests = at_once(
        [
            lambda person=person, number=number: generated_over_http(  # type: ignore[misc]
                port, signed_in, person, number
            )
            for number, person in enumerate(signed_in)
        ]
    )
    print(f"{requests} requests over HTTP, {len(routes())} routes")
    assert requests >= 500


def test_anothers_is_as_good_as_none_over_http(isolated_server: Server, signed_in: People) -> None:
    """Over HTTP too, another's cursor and a deleted image answer as what never was."""
    with connected(isolated_server.port) as connection:
        alike = compared(signed_in, connection.answer, lambda: None)
        print(f"{alike} pairs of answers alike over HTTP")
        for person in signed_in:
            seen = gone(connection.answer, person, lambda: None)
            assert seen[0][0].status == 404
            assert all(one == seen[0] for one in seen)
        assert_tags_are_own(signed_in, connection.answer)


# Many callers at once, in one process


@contextmanager
def served_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, Issuer]]:
    """The development server as threads of this process: its port, and its tokens' issuer."""
    port, issuer = free_port(), Issuer(folder)
    variables = {
        "OIDC_ISSUER": ISSUER,
        "OIDC_AUDIENCE": AUDIENCE,
        "OIDC_JWKS_URL": f"http://{HOST}:{port}{JWKS_PATH}",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    forget_composition()
    doors = Doors.of(port, "", ())
    around = Around(Own(issuer, doors.origins), doors, Room(folder))
    server = make_server(app_module.app, port, around)
    thread = threading.Thread(target=server.server.serve_forever)
    thread.start()
    try:
        yield port, issuer
    finally:
        server.shutdown()
        thread.join()
        server.server.server_close()
        app_module.app.__class__ = Chalice
        forget_composition()


@contextmanager
def switching_all_the_time() -> Iterator[None]:
    """Threads take turns every few instructions, so that what they share shows."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def reads_and_saves(caller: Person, number: int) -> Asked:
    """One of a round of plain requests, each of which has the caller's content as its answer."""
    round_of: list[tuple[str, dict[str, Any]]] = [
        ("GET /api/images", {"query": (("limit", "5"),)}),
        ("GET /api/images/{cursor}", {"path": (("cursor", "1"),)}),
        ("GET /api/images/changes", {"query": (("limit", "5"),)}),
        ("GET /api/images", {"query": (("limit", "2"), ("before", "2"))}),
        ("POST /api/images", {"body": json_bytes(caller.image(number))}),
    ]
    name, parts = round_of[number % len(round_of)]
    return Asked(route_of(name), **parts)


def interleaved(port: int, people: People, caller: Person, many: int) -> int:
    """One connection's share; every answer must show content, and only the caller's."""
    with connected(port) as connection:
        for number in range(many):
            asked = reads_and_saves(caller, number)
            answer = connection.answer(asked, caller)
            while answer.status == 503:  # one person's saves at once get in each other's way
                assert foreign_marks(answer.text, people, caller) == [], (asked, answer)
                answer = connection.answer(asked, caller)
            assert answer.status in (200, 201), (asked, answer)
            assert caller.canary in answer.body, (asked, answer)
            assert foreign_marks(answer.text, people, caller) == [], (asked, answer)
    return many


@pytest.mark.usefixtures("tables")
def test_callers_at_once_see_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of one process that serve different people never mix them up."""
    with served_here(tmp_path, monkeypatch) as (port, issuer):
        people = tuple(
            Person(name, ISSUER, tail, issuer.token(name, time.time()), ())
            for name, tail in TAILS.items()
        )
        with connected(port) as connection:
            for person in people:
                fill(person, connection.answer)
        share = INTERLEAVED // (len(people) * THREADS_EACH)
        with switching_all_the_time():
            requests = at_once(
                [
                    lambda person=person: interleaved(port, people, person, share)  # type: ignore[misc]
                    for person in people * THREADS_EACH
                ]
            )
    print(f"{requests} interleaved requests, {len(people) * THREADS_EACH} threads")
    assert requests >= 1_000
