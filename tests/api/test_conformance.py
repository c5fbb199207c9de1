"""What the document says is what the app does: requests made from the document, by the thousand."""

import copy
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from chalicelib.api.openapi import document
from tests.api.server import Server

EXAMPLES = 100
"""Random requests per operation, on top of those that cover each limit of each parameter."""

BY_STATE = [404, 409, 410]
"""Answers to a valid request that depend on what the library holds."""

CONFIG = {
    "generation": {"deterministic": True},
    "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", 304, *BY_STATE]}},
    # Not QUERY, which the development server takes for no method at all: 400.
    "phases": {"coverage": {"unexpected-methods": ["DELETE", "PATCH", "POST", "PUT", "TRACE"]}},
}


def closed(original: dict[str, Any]) -> dict[str, Any]:
    """A copy of the document without leave for members that it does not name.

    It gives that leave to clients, for the future; the app of today answers no such member.
    """
    described = copy.deepcopy(original)
    for schema in described["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return described


api = schemathesis.openapi.from_dict(
    closed(document()), config=schemathesis.Config.from_dict(CONFIG)
)


@dataclass(frozen=True)
class Callers:
    """Who calls: one user with a library; for each save a new one, whose keys are free."""

    server: Server
    reader: Mapping[str, str]

    def arguments(self, case: schemathesis.Case[Any]) -> dict[str, Any]:
        known = case.method in ("GET", "DELETE")
        headers = self.reader if known else self.signed_in(str(uuid.uuid4()))
        return {"base_url": f"{self.server.url}/api", "headers": dict(headers)}

    def signed_in(self, name: str) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.server.token(name)}"}


@pytest.fixture(scope="module")
def callers(server: Server) -> Callers:
    image = {"prompt": "p", "imageUrl": "https://i.example/", "seed": 1, "steps": 1, "model": "m"}
    with server.client("reader") as reader:
        reader.post("/api/images/batch", json={"images": [image] * 25}).raise_for_status()
        reader.post("/api/images/sync").raise_for_status()
        return Callers(server, {"Authorization": reader.headers["Authorization"]})


@api.parametrize()
@settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None)
def test_conforms(case: schemathesis.Case[Any], callers: Callers) -> None:
    """Every request is answered as the document says."""
    arguments = callers.arguments(case)
    if is_half_a_position(case):
        answer = case.call_and_validate(**arguments, excluded_checks=[positive_data_acceptance])
        assert 400 <= answer.status_code < 500
    else:
        case.call_and_validate(**arguments)


def is_half_a_position(case: schemathesis.Case[Any]) -> bool:
    """Whether a mark comes without the cursor that it belongs to, or the other way round where
    both are needed; no schema can forbid that."""
    given = (case.query or {}).keys()
    if "mark" in given:
        return not given & {"before", "after", "at"}
    return "at" in given


def test_links_lead_on(callers: Callers) -> None:
    """Pages and changes can be followed by the links that the document gives."""

    class Reader(api.as_state_machine()):  # type: ignore[misc]
        def get_call_kwargs(self, case: schemathesis.Case[Any]) -> dict[str, Any]:
            return callers.arguments(case)

        def validate_response(
            self, response: Any, case: schemathesis.Case[Any], *_args: Any, **_more: Any
        ) -> None:
            excluded: list[Any] = [positive_data_acceptance] if is_half_a_position(case) else []
            case.validate_response(response, excluded_checks=excluded)

    Reader.run(
        settings=settings(
            max_examples=30, stateful_step_count=6, derandomize=True, deadline=None, database=None
        )
    )
