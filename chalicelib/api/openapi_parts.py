"""What the operations of the OpenAPI document are made of: schemas, headers, problem answers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalicelib.api.answer import JSON
from chalicelib.api.problems import CONTENT_TYPE, PROBLEMS
from chalicelib.api.request import DEFAULT_LIMIT, IDEMPOTENCY_KEY, MARK_TEXT, MAX_BODY, MAX_LIMIT
from chalicelib.api.validation import (
    MAX_BATCH,
    MAX_ERRORS,
    MAX_MODEL,
    MAX_PROMPT,
    MAX_SEED,
    MAX_STEPS,
    MAX_URL,
    SEED_PATTERN,
    URL_PATTERN,
)
from chalicelib.model.entries import MAX_CURSOR, START
from chalicelib.store.idempotency import LIFETIME

Fragment = dict[str, Any]
"""A part of the document, as JSON."""


def ref(kind: str, name: str) -> Fragment:
    """A reference to a component: ``ref("schemas", "Image")``."""
    return {"$ref": f"#/components/{kind}/{name}"}


def components(combinations: Sequence[tuple[str, ...]]) -> Fragment:
    """Everything that `ref` can name. `combinations` are the codes of each problem answer."""
    narrowed = {problem_name(codes): problem_schema(codes) for codes in combinations}
    return {
        "securitySchemes": {"bearer": BEARER},
        "parameters": PARAMETERS,
        "headers": HEADERS,
        "responses": {response_name(codes): problem_answer(codes) for codes in combinations},
        "schemas": {**SCHEMAS, **narrowed},
    }


# Requests


def query(name: str, schema: Fragment, description: str, **others: bool) -> Fragment:
    return {"name": name, "in": "query", "description": description, "schema": schema, **others}


def json_body(schema: Fragment, *, required: bool = True) -> Fragment:
    return {
        "description": f"UTF-8, at most {MAX_BODY} bytes, no object with the same name twice.",
        "required": required,
        "content": {JSON: {"schema": schema}},
    }


# Answers


def answer(description: str, schema: Fragment, **others: Fragment) -> Fragment:
    """A JSON answer; `others` are its `headers` and `links`."""
    return {"description": description, "content": {JSON: {"schema": schema}}, **others}


def revalidated(good: Fragment) -> Fragment:
    """The answers of an operation that knows If-None-Match."""
    headers = {"ETag": ref("headers", "ETag")}
    unchanged = "What the If-None-Match header names is still right. No body."
    return {
        "200": {**good, "headers": headers},
        "304": {"description": unchanged, "headers": headers},
    }


def link(operation: str, **parameters: str) -> Fragment:
    return {"operationId": operation, "parameters": parameters}


def problems(codes: Iterable[str]) -> Fragment:
    """The answers for all these codes, by status."""
    return {
        status: ref("responses", response_name(together))
        for status, together in by_status(codes).items()
    }


def by_status(codes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The codes that share a status, in the order of `PROBLEMS`."""
    known = set(codes)
    grouped: dict[str, tuple[str, ...]] = {}
    for code, kind in PROBLEMS.items():
        if code in known:
            status = str(kind.status)
            grouped[status] = (*grouped.get(status, ()), code)
    return grouped


def response_name(codes: Iterable[str]) -> str:
    """``("contended", "unavailable")`` is ``ContendedOrUnavailable``."""
    return "Or".join(code.title().replace("-", "") for code in codes)


def problem_name(codes: Iterable[str]) -> str:
    return f"{response_name(codes)}Problem"


def problem_schema(codes: tuple[str, ...]) -> Fragment:
    """The problem with codes that share a status. It has a name, since generators of clients make
    a class of it, and `enum`, since some of them stumble over `const`."""
    (status,) = {PROBLEMS[code].status for code in codes}
    narrowed = {
        "code": {"type": "string", "enum": list(codes)},
        "status": {"type": "integer", "enum": [status]},
    }
    return {"allOf": [ref("schemas", "Problem"), {"type": "object", "properties": narrowed}]}


def problem_answer(codes: tuple[str, ...]) -> Fragment:
    """The answer for codes that share a status."""
    kinds = {code: PROBLEMS[code] for code in codes}
    told = [f"`{code}`: {kind.title}. {kind.detail}" for code, kind in kinds.items()]
    headers = sorted({name for code in codes for name in _headers(code)})
    return {
        "description": "\n\n".join(told),
        "headers": {name: ref("headers", name) for name in headers},
        "content": {CONTENT_TYPE: {"schema": ref("schemas", problem_name(codes))}},
    }


def _headers(code: str) -> Iterable[str]:
    if code == "method-not-allowed":
        return ["Allow"]  # its value is the route's, so it does not stand in PROBLEMS
    return PROBLEMS[code].headers or ()


# Components


def _object(
    required: Mapping[str, Fragment], optional: Mapping[str, Fragment] | None = None, **others: Any
) -> Fragment:
    properties = {**required, **(optional or {})}
    return {"type": "object", "required": list(required), "properties": properties, **others}


def _list(of: str, **others: Any) -> Fragment:
    return {"type": "array", "items": ref("schemas", of), **others}


CURSOR = ref("schemas", "Cursor")
POSITION = ref("schemas", "Position")
MARK = ref("schemas", "Mark")

PROMPT = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_PROMPT,
    "description": "Counted in Unicode code points; kept as it is, without any trimming.",
}
IMAGE_URL = {
    "type": "string",
    "maxLength": MAX_URL,
    "pattern": URL_PATTERN,
    "description": "Where the image is: https, an ASCII host (others in punycode), no user name or "
    "password, no spaces, backslashes or control characters.",
}
MODEL = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_MODEL,
    "description": "What made the image.",
}
SEED_TEXT = {
    "type": "string",
    "pattern": SEED_PATTERN,
    "description": f"A whole number from 0 to {MAX_SEED} in plain digits: more than a JavaScript "
    "number can hold.",
}
SEED = {
    "anyOf": [{"type": "integer", "minimum": 0, "maximum": MAX_SEED}, SEED_TEXT],
    "description": "Answered as a string, however it was given.",
}
STEPS = {
    "type": "integer",
    "minimum": 1,
    "maximum": MAX_STEPS,
}
CREATED_AT = {
    "type": "string",
    "format": "date-time",
    "description": "When it was saved: UTC, with milliseconds.",
    "examples": ["2026-11-22T14:10:00.123Z"],
}
UP_TO_DATE = {"type": "boolean"}

SCHEMAS: Fragment = {
    "Cursor": {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_CURSOR,
        "description": "A place in the user's library: 1, 2, 3 … in the order of saving.",
    },
    "Position": {
        "type": "integer",
        "minimum": START,
        "maximum": MAX_CURSOR,
        "description": f"A cursor, or {START} for the place before the first.",
    },
    "Mark": {
        "type": "string",
        "pattern": f"^{MARK_TEXT.pattern}$",
        "description": "Tells the entry at a cursor from any other that may stand there in another "
        "library, such as a restored one. Empty where the entry has none.",
    },
    "Image": _object(
        {"cursor": CURSOR, "prompt": PROMPT, "imageUrl": IMAGE_URL, "createdAt": CREATED_AT},
        {"model": MODEL, "seed": SEED_TEXT, "steps": STEPS},
    ),
    "NewImage": _object(
        {"prompt": PROMPT, "imageUrl": IMAGE_URL},
        {"model": MODEL, "seed": SEED, "steps": STEPS},
        additionalProperties=False,
        description="An image to save. Leave out what is not known; null is not taken.",
        examples=[{"prompt": "a red fox", "imageUrl": "https://images.example/fox.png"}],
    ),
    "NewBatch": _object(
        {"images": _list("NewImage", minItems=1, maxItems=MAX_BATCH)}, additionalProperties=False
    ),
    "SavedBatch": _object({"images": _list("Image")}),
    "Page": _object(
        {
            "images": _list("Image"),
            "next": {
                "type": ["integer", "null"],
                "minimum": 1,
                "maximum": MAX_CURSOR,
                "description": "The `before` of the following page; null on the last.",
            },
            "nextMark": {
                "type": ["string", "null"],
                "pattern": f"^{MARK_TEXT.pattern}$",
                "description": "The `mark` to send with `next`; null exactly when that is.",
            },
        },
        {
            "cursor": POSITION,
            "mark": {**MARK, "description": "Of the entry at `cursor`."},
            "count": {
                "type": "integer",
                "minimum": 0,
                "description": "How many images the library has as of `cursor`.",
            },
        },
        description="Newest first. `cursor`, `mark` and `count` are of the first page only (no "
        "`before`).",
    ),
    "Saved": _object({"cursor": CURSOR, "image": ref("schemas", "Image")}),
    "Deleted": _object(
        {"cursor": CURSOR, "deleted": CURSOR},
        description="`deleted` is the cursor of the image that is no more.",
    ),
    "Change": {"oneOf": [ref("schemas", "Saved"), ref("schemas", "Deleted")]},
    "Changes": _object(
        {
            "changes": _list("Change"),
            "cursor": {**POSITION, "description": "The `after` of the next call."},
            "mark": {
                **MARK,
                "description": "The `mark` of the next call: of the entry at `cursor`.",
            },
            "upToDate": {**UP_TO_DATE, "description": "Whether these are all, for now."},
        },
        description="Oldest first.",
    ),
    "Nothing": {"type": "object", "maxProperties": 0},
    "Synced": _object(
        {
            "cursor": {**POSITION, "description": "The read copy's newest cursor."},
            "applied": {
                "type": "integer",
                "minimum": 0,
                "description": "How many entries this call added.",
            },
            "upToDate": {**UP_TO_DATE, "description": "Whether it reached the newest save."},
        }
    ),
    "Problem": _object(
        {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer", "description": "The HTTP status."},
            "code": {
                "type": "string",
                "enum": list(PROBLEMS),
                "description": "Stable: what a program decides by.",
            },
            "detail": {"type": "string", "description": "What to do next, for people."},
        },
        {
            "errors": {
                "type": "array",
                "items": ref("schemas", "FieldError"),
                "minItems": 1,
                "maxItems": MAX_ERRORS,
            }
        },
        description="Problem details (RFC 9457).",
    ),
    "FieldError": _object(
        {"detail": {"type": "string", "description": "What to do about it."}},
        {
            "pointer": {
                "type": "string",
                "description": "Where in the body: a JSON Pointer as a URI fragment (RFC 6901, 6).",
                "examples": ["#/images/3/imageUrl"],
            },
            "parameter": {"type": "string", "description": "Which query or path parameter."},
            "header": {"type": "string", "description": "Which header."},
        },
        description="One wrong value, found by one of `pointer`, `parameter` and `header`.",
    ),
    "Health": _object({"status": {"type": "string", "enum": ["ok"]}}),
}

PARAMETERS: Fragment = {
    "Limit": query(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "How many to answer at most.",
    ),
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Any text of your making, such as a UUID, new for each save. For "
        f"{LIFETIME // 3600} hours the same save under the same key is done once only and gets "
        "the same answer; another save under it is refused.",
        "schema": {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY.pattern}$"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag of an earlier answer: 304 if nothing has changed since.",
        "schema": {"type": "string"},
    },
}

HEADERS: Fragment = {
    "Location": {
        "description": "The image's address, relative to the request's (RFC 9110, 10.2.2).",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "ETag": {
        "description": "Names exactly this answer (RFC 9110, 8.8.3).",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before sending it again (RFC 9110, 10.2.3).",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "The scheme to sign in by (RFC 6750, 3).",
        "required": True,
        "schema": {"type": "string"},
    },
    "Allow": {
        "description": "The methods that this path has (RFC 9110, 10.2.1).",
        "required": True,
        "schema": {"type": "string"},
    },
}

BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "A signed token of the OpenID Connect issuer that this service trusts. It alone "
    "says whose library is meant.",
}
