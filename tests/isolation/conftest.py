"""Three people with libraries of their own: before the deployed app, and before the server."""

import base64
import json
import time
from collections.abc import Callable, Iterator

import pytest

from chalicelib.store.table_names import TableNames
from local.issuer import ISSUER
from tests.api.server import Server, running
from tests.isolation.asked import Answer, Asked, routes
from tests.isolation.gateway import Gateway, opened
from tests.isolation.generator import json_bytes
from tests.isolation.over_http import connected
from tests.isolation.people import TAILS, People, Person

FIRST_DELETED = 2
"""Everybody's image at this cursor is deleted: where its deletion stands is the tail."""

BATCH = 25


@pytest.fixture
def people() -> People:
    """As the authorizer knows them: their tokens are only words here."""
    return tuple(
        Person(name, "https://issuer.example", tail, f"token-of-{name}", (f"Bearer {name}",))
        for name, tail in TAILS.items()
    )


@pytest.fixture
def gateway(tables: TableNames, people: People) -> Iterator[Gateway]:  # noqa: ARG001
    """The app as API Gateway calls it, where everybody's library is filled to the tail."""
    with opened() as gateway:
        for person in people:
            fill(person, gateway.answer)
        yield gateway


@pytest.fixture(scope="session")
def isolated_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("isolation") / "data") as started:
        yield started


@pytest.fixture
def signed_in(isolated_server: Server) -> People:
    """Three whom no other test knows, with real tokens, and libraries filled to the tail."""
    moment = time.time_ns()
    tokens = {f"{name} {moment}": isolated_server.token(f"{name} {moment}") for name in TAILS}
    tails = TAILS.values()
    people = tuple(
        Person(name, ISSUER, tail, token, forgeries(token, tokens))
        for (name, token), tail in zip(tokens.items(), tails, strict=True)
    )
    with connected(isolated_server.port) as connection:
        for person in people:
            fill(person, connection.answer)
    return people


def fill(person: Person, answer: Callable[[Asked, Person], Answer]) -> None:
    """Saves images up to one before the tail, deletes one, and checks that this is the tail."""
    route = {str(route): route for route in routes()}
    numbers = range(1, person.tail)
    for first in range(0, len(numbers), BATCH):
        images = [person.image(number) for number in numbers[first : first + BATCH]]
        saved = answer(
            Asked(route["POST /api/images/batch"], body=json_bytes({"images": images})), person
        )
        assert saved.status == 201, saved
    deletion = Asked(route["DELETE /api/images/{cursor}"], path=(("cursor", str(FIRST_DELETED)),))
    assert answer(deletion, person).status == 204
    synced = answer(Asked(route["POST /api/images/sync"]), person)
    assert synced.json() == {"cursor": person.tail, "applied": 0, "upToDate": True}


def forgeries(token: str, tokens: dict[str, str]) -> tuple[str, ...]:
    """Authorization values that claim to be this token's user, made out of what others have."""
    header, claims, signature = token.split(".")
    none = encoded({"alg": "none", "typ": "JWT"})
    lent = [other.split(".")[2] for other in tokens.values() if other != token]
    return (
        f"Bearer {none}.{claims}.",
        f"Bearer {none}.{claims}.{signature}",
        *(f"Bearer {header}.{claims}.{theirs}" for theirs in lent),
        *(f"Bearer {other}, Bearer {token}" for other in tokens.values() if other != token),
    )


def encoded(members: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).rstrip(b"=").decode()
