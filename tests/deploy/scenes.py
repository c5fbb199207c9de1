"""What each Lambda function is brought to do: all that leads it to another call of AWS.

A scene runs the function itself, as Lambda calls it.
"""

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from botocore.stub import Stubber
from chalice.local import LambdaContext

import app
from chalicelib.bootstrap import build
from chalicelib.dynamodb.client import HttpDynamo
from chalicelib.model.entries import Cursor, UserId
from chalicelib.operations import OPERATIONS
from chalicelib.operations.sweep import scheduled
from chalicelib.services import Services
from chalicelib.store.checkpoints import Checkpoints
from chalicelib.sync.sqs_dead_letters import SqsDeadLetters
from deploy.api import READ_METHODS
from deploy.permissions import API_HANDLER, READ_API
from local.dead_letters import on_failure_record
from local.dynamodb_local import Connection
from local.issuer import ISSUER, Issuer
from tests.deploy.recording import Recording, calls_at_work, grant_of
from tests.faults.evidence import client, records
from tests.grants import Grant, needed
from tests.isolation.asked import Asked, Pairs, routes
from tests.isolation.gateway import event_of
from tests.isolation.people import Person
from tests.operations.support import add, change, delete_unsynced, fill_synced, remove
from tests.operations.test_functions import EVERY_FIVE_MINUTES, METHOD_ARN
from tests.support import Store, overheard
from tests.unit.test_stream_handler import record

ROUTES = {str(route): route for route in routes()}
PEOPLE = itertools.count()
MINUTE = 60_000


def someone() -> Person:
    """Somebody new, whom the token's authorizer would know."""
    return Person(f"person {next(PEOPLE)}", ISSUER, 0, "", ())


def user_of(person: Person) -> UserId:
    return UserId(person.user)


@dataclass(frozen=True)
class Actor:
    """One Lambda function, and the stage that it acts on.

    `store` sets the scenes, unrecorded. `meanwhile` is what others do, once, just before the first
    call to AWS within our function of that name.
    """

    name: str
    store: Store
    engine: Connection
    recording: Recording = field(default_factory=Recording)
    meanwhile: dict[str, Callable[[], object]] = field(default_factory=dict)

    def listening_to_calls(self, to: HttpDynamo) -> AbstractContextManager[None]:
        """Takes down what DynamoDB is asked for."""

        def heard(operation: str, body: bytes) -> None:
            self._takes_down(needed(self.store.tables, operation, json.loads(body)))

        return overheard(to, heard)

    def _takes_down(self, grants: Set[Grant]) -> None:
        self.recording.take_down(grants)
        for name in {code.co_qualname for code, _place in calls_at_work()}:
            self.meanwhile.pop(name, lambda: None)()

    @contextmanager
    def listening(self, to: Any) -> Iterator[None]:
        """Takes down what the botocore client is asked for."""

        def heard(model: Any, **_more: Any) -> None:
            self._takes_down({grant_of(model)})

        to.meta.events.register("provide-client-params", heard)
        yield
        to.meta.events.unregister("provide-client-params", heard)

    def client(self, service: str) -> Any:
        return client(service, **self.engine.client_args())

    def invoke(self, event: Any) -> Any:
        return getattr(app, self.name)(event, LambdaContext(self.name, 256, MINUTE))

    def ask(self, person: Person, route: str, **asked: Any) -> int:
        """The status of a request, which must be one that API Gateway passes to this function."""
        request = Asked(ROUTES[route], **asked)
        reads = request.verb in READ_METHODS
        assert self.name == (READ_API if reads else API_HANDLER)
        function = app.read_api if reads else app.app
        answer = function(event_of(request, person), LambdaContext(self.name, 256, MINUTE))
        status: int = answer["statusCode"]
        return status


Scene = Callable[[Actor], None]


# Syncing, whoever does it


def behind(actor: Actor, user: UserId) -> None:
    """A new image, and the deletion of one that the partition has."""
    fill_synced(actor.store, 3, user)
    delete_unsynced(actor.store, 1, user)
    actor.store.save(user)


def behind_by_one(actor: Actor, user: UserId) -> None:
    actor.store.save(user)


def overtaken(actor: Actor, user: UserId) -> None:
    """Another sync writes the same entries first."""
    actor.store.save(user, 2)
    actor.meanwhile["Partition.append"] = lambda: actor.store.sync(user)


def outdated(actor: Actor, user: UserId) -> None:
    """Older code writes a row while this is on its way to its sync."""
    fill_synced(actor.store, 2, user)
    actor.meanwhile["Syncer.sync"] = lambda: change(actor.store, 2, user, version={"N": "1"})


def sync_by_request(actor: Actor, person: Person) -> None:
    assert actor.ask(person, "POST /api/images/sync") == 200


def sync_by_stream(actor: Actor, person: Person) -> None:
    event = {"Records": [record(person.user, 1)]}
    assert actor.invoke(event) == {"batchItemFailures": []}


def sync_by_schedule(actor: Actor, _person: Person) -> None:
    assert actor.invoke(EVERY_FIVE_MINUTES)["failed"] == 0


def a_letter_at_its_time(actor: Actor) -> None:
    person = someone()
    actor.store.save(user_of(person))
    with letters_about(actor, person) as services:
        answer = scheduled(services, actor.store.deadline)
    assert answer["deadLetters"]["redriven"] == 1


def sync_of_all(actor: Actor, _person: Person) -> None:
    assert actor.invoke({})["failed"] == 0


def sync_of_one(actor: Actor, person: Person) -> None:
    assert actor.invoke({"user": person.user})["done"]


def sync_by_letter(actor: Actor, person: Person) -> None:
    with letters_about(actor, person) as services:
        answer = OPERATIONS["redrive_dead_letters"](services, {}, actor.store.deadline)
    assert (answer["redriven"], answer["users"]) == (1, 1)


@contextmanager
def letters_about(actor: Actor, person: Person) -> Iterator[Services]:
    """On clients that can be listened to, as those that the app makes for itself cannot."""
    sqs, streams = actor.client("sqs"), actor.client("dynamodbstreams")
    letter = {"MessageId": "1", "ReceiptHandle": "1", "Body": letter_about(actor, person)}
    with Stubber(sqs) as stub, actor.listening(sqs), actor.listening(streams):
        stub.add_response("receive_message", {"Messages": [letter]})
        stub.add_response("delete_message", {})
        stub.add_response("receive_message", {})
        letters = SqsDeadLetters(sqs, streams, "https://sqs.example/letters")
        yield build(app.dynamo(), actor.store.tables, dead_letters=lambda: letters)


def letter_about(actor: Actor, person: Person) -> str:
    """A dead letter of the first record that the stream has about the person."""
    described = actor.client("dynamodb").describe_table(TableName=actor.store.tables.primary)
    arn, streams = described["Table"]["LatestStreamArn"], actor.client("dynamodbstreams")
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    about = (r for r in records(streams, arn) if person.user in str(r["dynamodb"]["Keys"]))
    record = {**next(about), "eventSourceARN": arn}
    return json.dumps(on_failure_record(shard["ShardId"], [record]))


SYNCING = {
    API_HANDLER: sync_by_request,
    "on_images": sync_by_stream,
    "scheduled_sweep": sync_by_schedule,
    "sync_user": sync_of_one,
    "rebuild_partition": sync_of_one,
    "sweep": sync_of_all,
    "erase_user": sync_of_one,
    "redrive_dead_letters": sync_by_letter,
}
"""The functions that sync, and how each is brought to it."""


def sync(prepare: Callable[[Actor, UserId], None]) -> Scene:
    def scene(actor: Actor) -> None:
        person = someone()
        prepare(actor, user_of(person))
        SYNCING[actor.name](actor, person)
        tail = actor.store.services.primary.tail(user_of(person)).cursor
        assert actor.store.partition(user_of(person)).tail() == tail

    return scene


SYNCS = tuple(map(sync, (behind, behind_by_one, overtaken, outdated)))


# What each does besides


def tokens(_actor: Actor) -> None:
    """One that is good and one that is not; for neither is anything of the app composed."""
    person = someone()
    with published(person) as token:
        assert authorized(token) == person.user
    assert authorized("Bearer of nothing") == "nobody"
    assert app.services.cache_info().currsize == 0


@contextmanager
def published(person: Person) -> Iterator[str]:
    """A good token of the person, while its issuer's keys can be fetched."""
    with TemporaryDirectory() as folder:
        issuer = Issuer(Path(folder))

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(issuer.jwks())

    with HTTPServer(("127.0.0.1", 0), Keys) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OIDC_JWKS_URL", f"http://127.0.0.1:{server.server_port}/")
        server.timeout = 30
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        yield f"Bearer {issuer.token(person.name, time.time())}"
        answering.join()


def authorized(token: str) -> str:
    event = {"type": "TOKEN", "methodArn": METHOD_ARN, "authorizationToken": token}
    principal: str = app.authorize(event, LambdaContext("authorize", 256))["principalId"]
    return principal


def reads(actor: Actor) -> None:
    """Pages, also with tombstones to pass over, beyond the tail, and below a mark; changes, images,
    public pages."""
    person = someone()
    fill_synced(actor.store, 4, user_of(person))
    delete_unsynced(actor.store, 3, user_of(person))
    actor.store.sync(user_of(person))
    tail = actor.store.primary_entries(user_of(person))[-1]
    pages = {
        (): 200,
        (("before", str(tail.cursor)), ("mark", tail.mark)): 200,
        (("before", str(tail.cursor)), ("mark", "another")): 410,
        (("limit", "2"),): 200,
        (("before", "3"), ("at_least", "1")): 200,
        (("before", "99"),): 410,
    }
    for query, status in pages.items():
        assert actor.ask(person, "GET /api/images", query=query) == status
    for after, status in {"0": 200, "5": 200, "99": 410}.items():
        assert actor.ask(person, "GET /api/images/changes", query=(("after", after),)) == status
    for cursor, status in {"1": 200, "3": 404}.items():
        assert one(actor, person, "GET", cursor) == status
    assert {
        actor.ask(person, route) for route in ROUTES if "{" not in route and "GET" in route
    } == {200}


def one(actor: Actor, person: Person, method: str, cursor: str) -> int:
    return actor.ask(person, f"{method} /api/images/{{cursor}}", path=(("cursor", cursor),))


def saves(actor: Actor) -> None:
    """With and without a key, again, and under a key that stands for something else."""
    person = someone()
    for key, number, status in (("", 1, 201), ("k", 2, 201), ("k", 2, 201), ("k", 3, 422)):
        assert save(actor, person, person.image(number), key) == status
    both = {"images": [person.image(4), person.image(5)]}
    assert [save(actor, person, both, key, "/batch") for key in ("", "k2", "k2")] == [201] * 3


def save(actor: Actor, person: Person, body: Any, key: str, route: str = "") -> int:
    headers: Pairs = (("content-type", "application/json"),)
    headers += (("idempotency-key", key),) if key else ()
    return actor.ask(
        person, f"POST /api/images{route}", headers=headers, body=json.dumps(body).encode()
    )


def saves_beside_another(actor: Actor) -> None:
    person = someone()
    actor.meanwhile["Log.put_new"] = lambda: actor.store.save(user_of(person))
    assert save(actor, person, person.image(1), "") == 201


def deletes(actor: Actor) -> None:
    person = someone()
    fill_synced(actor.store, 2, user_of(person))
    actor.store.save(user_of(person))
    asked = {"1": 204, "3": 204, "99": 404, "4": 404}
    assert {cursor: one(actor, person, "DELETE", cursor) for cursor in asked} == asked
    assert one(actor, person, "DELETE", "1") == 204


def deletes_several(actor: Actor) -> None:
    person = someone()
    fill_synced(actor.store, 4, user_of(person))
    tail = actor.store.primary_entries(user_of(person))[-1]
    for cursors, mark, status in (("1,3", tail.mark, 204), ("2,9", "", 404), ("2", "another", 410)):
        query = (("cursors", cursors), ("at", str(tail.cursor)), ("mark", mark))
        assert actor.ask(person, "DELETE /api/images", query=query) == status


def a_place_of_other_code(actor: Actor) -> None:
    Checkpoints(actor.store.dynamo, actor.store.tables.idempotency).put("sweep", {"place": "there"})
    assert actor.invoke(EVERY_FIVE_MINUTES)["done"]


def damaged(store: Store, user: UserId) -> None:
    """A row is missing in the partition, and the primary has an entry beyond a gap."""
    fill_synced(store, 4, user)
    remove(store, 2, user)
    copy(store, user, to=7)


def copy(store: Store, user: UserId, to: int, without: str = "") -> None:
    """Puts the primary's fourth entry, less an attribute, at another cursor."""
    item = {**(store.primary_log.get(user, Cursor(4)) or {}), "cursor": {"N": str(to)}}
    item.pop(without, None)
    store.dynamo.put_item(TableName=store.tables.primary, Item=item)


def holed(store: Store, user: UserId) -> None:
    """A row is missing in the partition; the primary is whole."""
    fill_synced(store, 4, user)
    remove(store, 2, user)


def unreadable(store: Store, user: UserId) -> None:
    """An entry that cannot be read, and both tables have something where nothing reads."""
    fill_synced(store, 4, user)
    copy(store, user, to=2, without="prompt")
    copy(store, user, to=0)
    copy(store, user, to=10**20)
    add(store, 0, user)


def endless(store: Store, user: UserId) -> None:
    """After the last entry no deletion can be put."""
    fill_synced(store, 4, user)
    copy(store, user, to=5, without="count")


def of_one(prepare: Callable[[Store, UserId], None]) -> Scene:
    def scene(actor: Actor) -> None:
        user = user_of(someone())
        prepare(actor.store, user)
        assert actor.invoke({"user": user})["done"]

    return scene


def of_all(prepare: Callable[[Store, UserId], None]) -> Scene:
    def scene(actor: Actor) -> None:
        prepare(actor.store, user_of(someone()))
        assert actor.invoke({})["done"]

    return scene


def library(store: Store, user: UserId) -> None:
    fill_synced(store, 3, user)
    store.save(user)


def waiting(store: Store, user: UserId) -> None:
    """A deletion that the partition has not heard of."""
    library(store, user)
    delete_unsynced(store, 1, user)


def small(store: Store, user: UserId) -> None:
    """What is erased is one image, and that is one entry to sync."""
    fill_synced(store, 1, user)


def old(store: Store, user: UserId) -> None:
    fill_synced(store, 2, user)
    change(store, 2, user, version={"N": "1"})


def vandalised(store: Store, user: UserId) -> None:
    """Rows to restore, and rows to remove below, within and beyond the log."""
    library(store, user)
    remove(store, 2, user)
    for cursor in (0, 9):
        add(store, cursor, user)


SCENES: Mapping[str, tuple[Scene, ...]] = {
    "authorize": (tokens,),
    READ_API: (reads,),
    API_HANDLER: (*SYNCS, saves, saves_beside_another, deletes, deletes_several),
    "on_images": SYNCS,
    "scheduled_sweep": (*SYNCS, a_place_of_other_code, a_letter_at_its_time),
    "sync_user": SYNCS,
    "get_images_for_user": (of_one(library),),
    "rebuild_partition": (*SYNCS, of_one(vandalised)),
    "verify_user": (of_one(library), of_one(waiting)),
    "verify_all": (of_all(library), of_all(waiting)),
    "migrate": (of_all(old),),
    "sweep": SYNCS,
    "export_user": (of_one(library),),
    "erase_user": (*SYNCS, *map(of_one, (small, damaged, holed, unreadable, endless))),
    "redrive_dead_letters": SYNCS,
}
