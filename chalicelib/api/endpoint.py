"""Connects Chalice with the handlers: takes a Chalice request, returns a Chalice response, never
raises."""

import logging
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec

from chalice.app import Request as ChaliceRequest
from chalice.app import Response

from chalicelib.api import cors
from chalicelib.api.access_log import named
from chalicelib.api.answer import Answer
from chalicelib.api.authorizer import EXPIRES_AT
from chalicelib.api.call import Call
from chalicelib.api.problems import problem, problem_of
from chalicelib.api.request import Request
from chalicelib.dynamodb.protocol import CALL_SECONDS
from chalicelib.model.entries import UserId
from chalicelib.model.errors import HoleFound, ImageStorageError, InvalidInput, Unauthenticated
from chalicelib.services import Services
from chalicelib.telemetry.log_fields import error_fields

REQUEST_SECONDS = 29.0 - CALL_SECONDS - 1.0
"""Seconds after which a request begins no new call. API Gateway waits 29 s (its integration
time-out), and the last call may take CALL_SECONDS."""

log = logging.getLogger(__name__)

Path = ParamSpec("Path")
"""A handler's path parameters."""


def respond(
    services: Callable[[], Services],
    request: ChaliceRequest,
    handler: Callable[Concatenate[Call, Path], Answer],
    *args: Path.args,
    **path: Path.kwargs,
) -> Response:
    """Runs the handler for the caller whom the authorizer found; every error becomes a problem."""
    try:
        composed = services()
        deadline = composed.clock.deadline(REQUEST_SECONDS)
        call = Call(composed, read(request, composed.clock.now()), deadline)
        with counted(call):
            answer = handler(call, *args, **path)
    except ImageStorageError as error:
        answer = problem_of(error)
        if answer.status >= 500:
            log.error("request failed", extra={**named(request), **error_fields(error)})
    except Exception as error:  # whatever it is, it is answered as a problem
        log.error("unexpected error", extra={**named(request), **error_fields(error)})
        answer = problem("internal-error")
    return response_of(answer)


@contextmanager
def counted(call: Call) -> Iterator[None]:
    """Counts holes: a log that does not read as consecutive, which should never happen."""
    try:
        yield
    except HoleFound:
        call.services.metrics.count("HoleSeen", user=call.request.user)
        raise


def read(request: ChaliceRequest, now: float) -> Request:
    """Returns the request as plain values. The authorizer alone decides who the caller is."""
    authorizer = request.context.get("authorizer") or {EXPIRES_AT: "0"}
    if float(authorizer[EXPIRES_AT]) <= now:
        raise Unauthenticated("There is no token, or it has expired.")
    query = request.query_params
    return Request(
        user=UserId(authorizer["principalId"]),
        path=request.context["path"],
        headers=_headers(request),
        query={} if query is None else {name: query.getlist(name) for name in query},
        body=_body(request),
    )


def _headers(request: ChaliceRequest) -> Mapping[str, str]:
    """Each by its name in small letters, its lines joined in their order.

    Chalice's own `headers` have the last line alone: a second Idempotency-Key would go unseen.
    """
    given = request.to_original_event().get("multiValueHeaders")
    lines = given or {name: [value] for name, value in request.headers.items()}
    headers: dict[str, list[str]] = {}
    for name, values in lines.items():
        headers.setdefault(name.lower(), []).extend(value.strip(" \t") for value in values)
    return {name: ", ".join(values) for name, values in headers.items()}


def _body(request: ChaliceRequest) -> bytes:
    try:
        body = request.raw_body
    except UnicodeEncodeError:
        raise InvalidInput("invalid-json", "The body is not UTF-8.") from None
    return body.encode() if isinstance(body, str) else body


def response_of(answer: Answer) -> Response:
    return Response(body=answer.body, status_code=answer.status, headers=dict(answer.headers))


def in_problem_details(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """Chalice's own errors (``{"Code": …}``) as problems; any other response as it is."""
    try:
        response = get_response(event)
    except Exception as error:  # an event that is not API Gateway's
        log.error("unexpected error", extra=error_fields(error))
        return response_of(problem("internal-error"))
    if not isinstance(response.body, dict) or "Code" not in response.body:
        return response
    if response.status_code == 405:
        allow: Any = response.headers["Allow"]
        return response_of(problem("method-not-allowed", headers={"Allow": allow}))
    return response_of(problem("internal-error"))


def across_origins(
    request: ChaliceRequest | None,
    get_response: Callable[[Any], Response],
    origins: Set[str],
) -> Response:
    """The response with what a browser wants to be told; OPTIONS is answered here."""
    response = get_response(request)
    if request is None:
        return response
    origin = request.headers.get("origin")
    if request.method == "OPTIONS":
        allow: Any = response.headers.get("Allow", "")
        response = response_of(cors.preflight(allow, origin, origins))
    response.headers.update(cors.headers(origin, origins))
    return response
