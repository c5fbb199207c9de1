"""The API's description for its clients, in OpenAPI 3.1: what each operation takes and answers.

Every limit, pattern and error code comes from the code that enforces it. The parts that the
operations share are in `chalicelib.api.openapi_parts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib import VERSION
from chalicelib.api import openapi_parts as parts
from chalicelib.api.openapi_parts import Fragment, ref
from chalicelib.model.entries import START
from chalicelib.store.idempotency import LIFETIME
from chalicelib.store.removal import MAX_DELETIONS

"""Of the API: a change that breaks clients counts up the first number."""

SERVER = "../api"
"""Relative to the document's own address, hence right behind any stage's prefix (RFC 3986, 5.2)."""

ABOUT = f"""\
A library of images per signed-in user. Cursors are whole numbers 1, 2, 3 … in the order of saving;
an image's cursor is its name, and never changes or names another.

**Save, sync, read.** Reads come from the user's own read copy, which follows the saves by itself,
usually within a second. To see a save at once: `POST /images`, `POST /images/sync`, then
`GET /images?at_least=` with the cursor of the save. If that answers 409 `not-synced-yet`, sync and
read again.

**Follow changes.** Read the first page of `GET /images` and keep its `cursor` (older pages have
none). Then `GET /images/changes?after=` that cursor, apply what it answers in order, and go on from
the `cursor` of each answer. With each cursor comes a `mark`; send both back together. 410
`resync-required` means that the library is another than the one that was read, as after a restore:
nothing stands at the cursor, or something else. Forget what was read, and start over.

**Save safely.** A save whose answer got lost, or was 503 `unavailable`, may have been done. Send an
`Idempotency-Key` with each save, and repeat it unchanged with the same key: for
{LIFETIME // 3600} hours the images are not saved twice, and the first answer is given again.

HEAD is answered wherever GET is, with the same headers. A body may be sent compressed, by gzip or
deflate, with its Content-Encoding; its size counts as it is without.

**Errors** are problem details (RFC 9457): decide by `code`, show `detail`. A path that is not here
answers `no-such-route`, a method that is not here `method-not-allowed`.

Ignore members of an answer that you do not know: there may be more in the future."""

ALWAYS = ("bad-request", "body-too-large", "too-many-requests", "internal-error")
"""What any request may meet before or whatever it does; a body counts also where none is read."""

ELSEWHERE = ("no-such-route", "method-not-allowed", "forbidden")
"""What no operation answers: for paths and methods that are not here, and for what a rule that an
operator puts before the API, such as a firewall's, keeps from it."""

SIGNED_IN = (*ALWAYS, "unauthenticated", "invalid-parameter", "unavailable")
WITH_BODY = (*SIGNED_IN, "invalid-json", "unsupported-media-type")
SAVING = (*WITH_BODY, "invalid-image", "idempotency-key-reused", "contended")

DELETING = (*SIGNED_IN, "not-found", "resync-required", "contended")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `problems` are all the codes that it can answer."""

    method: str
    path: str
    id: str
    summary: str
    description: str
    answers: Mapping[str, Fragment]
    problems: tuple[str, ...]
    parameters: tuple[Fragment, ...] = ()
    body: Fragment | None = None
    public: bool = False


CURSOR_IN_PATH: Fragment = {
    "name": "cursor",
    "in": "path",
    "required": True,
    "description": "The image's cursor.",
    "schema": parts.CURSOR,
}

SEEN = (
    parts.query(
        "at",
        parts.POSITION,
        "A `cursor` of the library as it was read when this deletion was decided. "
        "Only with `mark`.",
    ),
    parts.query(
        "mark",
        parts.MARK,
        "The `mark` beside that `cursor`: 410 unless the entry there has it, and then nothing is "
        "deleted. Only with `at`.",
    ),
)
"""What keeps a deletion that waited, such as on a device, from being applied to another library."""

OPERATIONS = (
    Operation(
        "post",
        "/images",
        "saveImage",
        "Save an image",
        "Saves one image at the next cursor. It can be read once the read copy has followed: at "
        "once after `POST /images/sync`.",
        {
            "201": parts.answer(
                "The image, saved.",
                ref("schemas", "Image"),
                headers={"Location": ref("headers", "Location")},
            )
        },
        SAVING,
        parameters=(ref("parameters", "IdempotencyKey"),),
        body=parts.json_body(ref("schemas", "NewImage")),
    ),
    Operation(
        "post",
        "/images/batch",
        "saveImages",
        "Save several images, all or none",
        "Saves the images at consecutive cursors, in the order given. If any of them is not valid, "
        "none is saved.",
        {"201": parts.answer("The images, saved.", ref("schemas", "SavedBatch"))},
        SAVING,
        parameters=(ref("parameters", "IdempotencyKey"),),
        body=parts.json_body(ref("schemas", "NewBatch")),
    ),
    Operation(
        "post",
        "/images/sync",
        "syncImages",
        "Bring the read copy up to date",
        "Answers once everything that was saved before the call can be read; `upToDate` false "
        "means that time ran short: call it again. Takes no arguments; calling it often does no "
        "harm.",
        {"200": parts.answer("How far the read copy reaches.", ref("schemas", "Synced"))},
        WITH_BODY,
        body=parts.json_body(ref("schemas", "Nothing"), required=False),
    ),
    Operation(
        "get",
        "/images",
        "listImages",
        "List images, newest first",
        "A page of the library. Read the following page with `before` set to `next` and `mark` to "
        "`nextMark`, until `next` is null; a page may hold fewer images than `limit`.",
        parts.revalidated(
            parts.answer(
                "A page of images.",
                ref("schemas", "Page"),
                links={
                    "followingPage": parts.link(
                        "listImages",
                        before="$response.body#/next",
                        mark="$response.body#/nextMark",
                    ),
                    "changesSince": parts.link(
                        "listChanges", after="$response.body#/cursor", mark="$response.body#/mark"
                    ),
                },
            )
        ),
        (*SIGNED_IN, "not-synced-yet", "resync-required"),
        parameters=(
            ref("parameters", "Limit"),
            parts.query("before", parts.CURSOR, "Only images below this cursor: a page's `next`."),
            parts.query(
                "mark",
                parts.MARK,
                "The page's `nextMark`: 410 unless the entry at `before` has it. Only with "
                "`before`.",
            ),
            parts.query(
                "at_least",
                parts.CURSOR,
                "The read copy must have reached this cursor, as of an earlier save; else 409.",
            ),
            ref("parameters", "IfNoneMatch"),
        ),
    ),
    Operation(
        "get",
        "/images/changes",
        "listChanges",
        "Follow what is saved and deleted",
        "What happened beyond a cursor, oldest first. Read on with `after` set to the answer's "
        "`cursor` and `mark` to its `mark`; when `upToDate` is true, wait a while before the next "
        "call. After 0, it tells everything.",
        parts.revalidated(
            parts.answer(
                "Changes in their order.",
                ref("schemas", "Changes"),
                links={
                    "following": parts.link(
                        "listChanges", after="$response.body#/cursor", mark="$response.body#/mark"
                    )
                },
            )
        ),
        (*SIGNED_IN, "resync-required"),
        parameters=(
            parts.query(
                "after",
                {**ref("schemas", "Position"), "default": START},
                "The `cursor` of the first page that was read, or of the changes before these.",
            ),
            parts.query(
                "mark",
                parts.MARK,
                "The `mark` beside that `cursor`: 410 unless the entry there has it. Only with "
                "`after`.",
            ),
            ref("parameters", "Limit"),
            ref("parameters", "IfNoneMatch"),
        ),
    ),
    Operation(
        "get",
        "/images/{cursor}",
        "showImage",
        "Read one image",
        "404 for a cursor at which nothing stands, and for an image that was deleted or is not "
        "synced yet.",
        parts.revalidated(parts.answer("The image.", ref("schemas", "Image"))),
        (*SIGNED_IN, "not-found"),
        parameters=(
            CURSOR_IN_PATH,
            ref("parameters", "IfNoneMatch"),
        ),
    ),
    Operation(
        "delete",
        "/images/{cursor}",
        "deleteImage",
        "Delete an image",
        "After the 204 no read shows the image any more. Deleting it again answers 204 too. Other "
        "clients learn of it from the changes.",
        {"204": {"description": "The image is gone."}},
        DELETING,
        parameters=(CURSOR_IN_PATH, *SEEN),
    ),
    Operation(
        "delete",
        "/images",
        "deleteImages",
        "Delete several images, all or none",
        "After the 204 no read shows any of them. What is deleted already needs no second "
        "deletion. If any cursor never was an image's, nothing is deleted, and `errors` name it.",
        {"204": {"description": "The images are gone."}},
        DELETING,
        parameters=(
            parts.query(
                "cursors",
                {
                    "type": "array",
                    "items": parts.CURSOR,
                    "minItems": 1,
                    "maxItems": MAX_DELETIONS,
                    "uniqueItems": True,
                },
                "The images' cursors, with commas between them: `5,7,9`.",
                required=True,
                explode=False,
            ),
            *SEEN,
        ),
    ),
    Operation(
        "get",
        "/health",
        "checkHealth",
        "See whether the service runs",
        "Needs no token and touches no data.",
        {"200": parts.answer("It runs.", ref("schemas", "Health"))},
        ALWAYS,
        public=True,
    ),
    Operation(
        "get",
        "/openapi.json",
        "describeApi",
        "Read this document",
        "Needs no token.",
        {"200": parts.answer("An OpenAPI 3.1 document.", {"type": "object"})},
        ALWAYS,
        public=True,
    ),
)


def document() -> Fragment:
    """The whole document (OpenAPI Specification 3.1.1), ready for `json.dumps`."""
    return {
        "openapi": "3.1.1",
        "info": {"title": "Image Storage", "version": VERSION, "description": ABOUT},
        "servers": [{"url": SERVER}],
        "security": [{"bearer": []}],
        "paths": _paths(),
        "components": parts.components(_problem_answers()),
    }


def _paths() -> Fragment:
    paths: Fragment = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    return paths


def _described(operation: Operation) -> Fragment:
    described: Fragment = {
        "operationId": operation.id,
        "summary": operation.summary,
        "description": operation.description,
        "parameters": list(operation.parameters),
        "responses": {**operation.answers, **parts.problems(operation.problems)},
    }
    if operation.body is not None:
        described["requestBody"] = operation.body
    if operation.public:
        described["security"] = []
    return described


def _problem_answers() -> list[tuple[str, ...]]:
    """The codes of each problem answer that an operation has, and of those outside of any."""
    groups = [group for op in OPERATIONS for group in parts.by_status(op.problems).values()]
    return [*dict.fromkeys(groups), *((code,) for code in ELSEWHERE)]
