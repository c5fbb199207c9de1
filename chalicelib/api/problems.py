"""Errors in HTTP: problem details (RFC 9457) with a stable `code`.

`PROBLEMS` is the one list of codes; the OpenAPI document is made from it too.
"""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chalicelib.api.answer import UNSTORED, Answer
from chalicelib.api.request import MAX_BODY
from chalicelib.model.errors import (
    BodyTooLarge,
    Contended,
    FieldError,
    HoleFound,
    IdempotencyKeyReused,
    ImageNotFound,
    ImageStorageError,
    InvalidInput,
    KeysUnavailable,
    NotSyncedYet,
    ResyncRequired,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
)

CONTENT_TYPE = "application/problem+json"


class Problem(NamedTuple):
    """A kind of problem: HTTP status, title, and a `detail` that says what to do next."""

    status: int
    title: str
    detail: str
    headers: Mapping[str, str] | None = None


_SOON = {"Retry-After": "1"}

PROBLEMS: Mapping[str, Problem] = {
    "bad-request": Problem(400, "Not a proper HTTP request", "Mend the request line or headers."),
    "invalid-json": Problem(
        400, "The body is not the JSON that is expected", "Send one UTF-8 JSON value."
    ),
    "invalid-image": Problem(400, "An image is not valid", "Mend the fields in errors."),
    "invalid-parameter": Problem(400, "A parameter is not valid", "Mend what errors names."),
    "unauthenticated": Problem(
        401,
        "Not signed in",
        "Send 'Authorization: Bearer <token>' with a token of this service's issuer "
        "that has not expired.",
        {"WWW-Authenticate": "Bearer"},
    ),
    "forbidden": Problem(
        403, "Refused before it came here", "A rule of this stage's operator refuses it; ask there."
    ),
    "not-found": Problem(404, "No such image", "List the images with GET /api/images."),
    "no-such-route": Problem(404, "No such route", "See /api/openapi.json for the routes."),
    "method-not-allowed": Problem(
        405, "Method not allowed", "Use a method that the Allow header names."
    ),
    "not-synced-yet": Problem(
        409, "Not synced yet", "Call POST /api/images/sync, then read again."
    ),
    "resync-required": Problem(
        410,
        "The library is another than the one that was read",
        "Forget what was read and start over: the first page, or changes after 0.",
    ),
    "body-too-large": Problem(
        413, "The body is too large", f"Send at most {MAX_BODY} bytes; split the batch."
    ),
    "unsupported-media-type": Problem(
        415,
        "Not a JSON body",
        "Send 'Content-Type: application/json' in UTF-8, compressed by gzip or deflate if at all.",
    ),
    "idempotency-key-reused": Problem(
        422, "Idempotency-Key used for another request", "Use a new key for new content."
    ),
    "too-many-requests": Problem(
        429, "Too many requests", "Nothing was done. Wait a moment and send it again.", _SOON
    ),
    "internal-error": Problem(
        500,
        "Something went wrong here",
        "Tell the operator the time. Send it again; a save only under the same Idempotency-Key, "
        "since it may have been done.",
    ),
    "contended": Problem(
        503,
        "Too many writes at once",
        "Nothing was saved or deleted. Wait a moment and send it again.",
        _SOON,
    ),
    "unavailable": Problem(
        503,
        "No sure answer from the database",
        "Send it again; a save only under the same Idempotency-Key, since it may have been done.",
        _SOON,
    ),
}

_CODES: Mapping[type[ImageStorageError], str] = {
    BodyTooLarge: "body-too-large",
    UnsupportedMediaType: "unsupported-media-type",
    Unauthenticated: "unauthenticated",
    KeysUnavailable: "unavailable",
    ImageNotFound: "not-found",
    NotSyncedYet: "not-synced-yet",
    ResyncRequired: "resync-required",
    IdempotencyKeyReused: "idempotency-key-reused",
    Contended: "contended",
    Unavailable: "unavailable",
    HoleFound: "unavailable",
}


def problem(
    code: str,
    detail: str | None = None,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """The answer for a code of `PROBLEMS`."""
    return answer_of(code, PROBLEMS[code], detail, errors, headers)


def answer_of(
    code: str,
    kind: Problem,
    detail: str | None = None,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """The answer for a problem of that kind."""
    members: dict[str, object] = {
        "type": f"urn:problem-type:image-storage:{code}",
        "title": kind.title,
        "status": kind.status,
        "code": code,
        "detail": detail or kind.detail,
    }
    if errors:
        members["errors"] = [{e.member: e.where, "detail": e.detail} for e in errors]
    body = json.dumps(members, separators=(",", ":"))
    return Answer(
        kind.status,
        body,
        {"Content-Type": CONTENT_TYPE, **UNSTORED, **(kind.headers or {}), **(headers or {})},
    )


def problem_of(error: ImageStorageError) -> Answer:
    """The answer for an error of the domain."""
    if isinstance(error, InvalidInput):
        return problem(error.code, error.detail, error.errors)
    code = next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), "internal-error")
    return problem(code)
