"""The document names what there is, all of it and nothing else."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from app import app
from chalicelib.api.openapi import ELSEWHERE, SERVER, document
from chalicelib.api.problems import PROBLEMS
from chalicelib.api.request import MAX_BODY
from tests.api.server import Server
from tests.api.support import picture

ADDRESS = "/api/openapi.json"
PREFIX = urljoin(ADDRESS, SERVER)


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    """Each operation of the document by method and whole path."""
    return {
        (method.upper(), PREFIX + path): operation
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    }


def routes() -> dict[tuple[str, str], Any]:
    """Each route of the app's API likewise; HEAD is told of in words, once for all."""
    return {
        (method, path): entry
        for path, methods in app.routes.items()
        for method, entry in methods.items()
        if path.startswith("/api/") and method != "HEAD"
    }


def documented(operation: dict[str, Any]) -> set[str]:
    """The codes of the client's errors that the operation can answer."""
    codes = {
        code
        for answer in operation["responses"].values()
        if "$ref" in answer
        for code in codes_of(answer["$ref"])
    }
    return {code for code in codes if PROBLEMS[code].status < 500}


def codes_of(answer: str) -> list[str]:
    """The codes of the problem answer that this is a reference to."""
    components = document()["components"]
    (content,) = components["responses"][name_of(answer)]["content"].values()
    (narrowed,) = found(components["schemas"][name_of(content["schema"]["$ref"])], "code")
    codes: list[str] = narrowed["enum"]
    return codes


def name_of(reference: str) -> str:
    return reference.rsplit("/")[-1]


def found(fragment: Any, name: str) -> Iterator[Any]:
    """The values of every member of that name, however deep."""
    members = fragment.items() if isinstance(fragment, dict) else enumerate(fragment)
    for key, value in members:
        if key == name:
            yield value
        if isinstance(value, dict | list):
            yield from found(value, name)


def test_it_is_openapi_3_1() -> None:
    """The document is valid OpenAPI 3.1."""
    validate(document(), cls=OpenAPIV31SpecValidator)


def test_it_is_served(server: Server) -> None:
    """Anyone gets the document, without a token."""
    answer = httpx.get(server.url + ADDRESS).raise_for_status()
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == document()


def test_its_server_is_right_under_any_prefix() -> None:
    """The operations' addresses, taken from the document's own, keep a stage's prefix."""
    base = urljoin("https://api.example/stage/api/openapi.json", document()["servers"][0]["url"])
    assert base == "https://api.example/stage/api"


def test_it_has_every_route_and_no_other() -> None:
    """Every method of every route is in the document, and the reverse."""
    assert set(operations()) == set(routes())


def test_head_is_where_get_is() -> None:
    """As the document's introduction says."""
    for path, methods in app.routes.items():
        assert ("HEAD" in methods) == ("GET" in methods), path
    assert "HEAD" in document()["info"]["description"]


def test_it_asks_for_a_token_where_the_app_does() -> None:
    """An operation is public in the document if its route has no authorizer."""
    documented = {key for key, operation in operations().items() if operation.get("security") == []}
    assert documented == {key for key, entry in routes().items() if entry.authorizer is None}


def test_it_has_every_code_and_no_other() -> None:
    """Every error code of the app is in a problem answer of the document, and the reverse."""
    answers = document()["components"]["responses"]
    assert {code for answer in answers for code in codes_of(answer)} == set(PROBLEMS)


def test_each_problem_answer_stands_at_its_status() -> None:
    """A problem answer is under the status that its codes have."""
    for operation in operations().values():
        for status, answer in operation["responses"].items():
            if "$ref" in answer:
                codes = codes_of(answer["$ref"])
                assert {str(PROBLEMS[code].status) for code in codes} == {status}


def test_no_component_is_left_over() -> None:
    """Every component is used, but for the answers to what is not there."""
    described = document()
    components = described["components"]
    named = {
        f"#/components/{kind}/{name}"
        for kind in components.keys() - {"securitySchemes"}
        for name in components[kind]
    }
    unused = named - set(found(described, "$ref"))
    elsewhere = {"".join(word.title() for word in code.split("-")) for code in ELSEWHERE}
    assert unused == {f"#/components/responses/{name}" for name in elsewhere}


GATEWAY_ALONE = {"too-many-requests"}
"""What API Gateway answers by itself, and the development server never does."""

JSON_BODY = "Content-Type: application/json"
KEY = "Idempotency-Key: used"
ONE, OTHER = (json.dumps(picture(prompt)) for prompt in ("one", "other"))
WRONG: list[tuple[str, list[str], str]] = [
    ("", ["Content-Length: x"], ""),
    ("", [f"Content-Length: {MAX_BODY + 1}"], ""),
    ("?user=bob", [], ""),
    ("?at_least=9", [], ""),
    ("?before=9", [], ""),
    ("?after=9", [], ""),
    ("?cursors=9", [], ""),
    ("?at=9&mark=another", [], ""),
    ("?cursors=9&at=9&mark=another", [], ""),
    ("", [JSON_BODY], "{"),
    ("", [JSON_BODY], '{"a":1}'),
    ("", ["Content-Type: text/plain"], "{}"),
    ("", [JSON_BODY, KEY], ONE),
    ("", [JSON_BODY, KEY], OTHER),
    ("", [JSON_BODY, KEY], f'{{"images":[{ONE}]}}'),
    ("", [JSON_BODY, KEY], f'{{"images":[{OTHER}]}}'),
]
"""Query, headers and body of requests that are wrong in every way, for one operation or another."""


@pytest.mark.parametrize("method_and_path", operations(), ids=" ".join)
def test_each_operation_answers_its_codes(
    server: Server, alice: httpx.Client, method_and_path: tuple[str, str]
) -> None:
    """What an operation answers to wrong requests of every kind is exactly what it documents."""
    method, path = method_and_path
    host = f"Host: 127.0.0.1:{server.port}"
    token = f"Authorization: {alice.headers['Authorization']}"

    def code(query: str, headers: list[str], body: str) -> str | None:
        length = [] if "Content-Length" in str(headers) else [f"Content-Length: {len(body)}"]
        target = path.replace("{cursor}", "9") + query
        head = "\r\n".join([f"{method} {target} HTTP/1.1", host, *headers, *length, "", ""])
        answer = server.send((head + body).encode())
        return None if answer.is_success else str(answer.json()["code"])

    codes = {code(query, [token, *headers], body) for query, headers, body in WRONG}
    codes |= {code("", [token], ""), code("", [], "")}
    assert (codes - {None}) | GATEWAY_ALONE == documented(operations()[method_and_path])
