"""The writing routes: each reads the request, calls the product, and renders the answer."""

import json
from collections.abc import Sequence

from chalicelib.api.answer import Answer, json_answer
from chalicelib.api.call import Call
from chalicelib.api.request import Query, cursor_of, idempotency_key, invalid_parameter, json_body
from chalicelib.api.validation import image_of, images_of
from chalicelib.model.entries import Cursor, Image, Payload, Position, render
from chalicelib.model.errors import FieldError, ImageNotFound, InvalidInput
from chalicelib.store.idempotency import idempotent_request
from chalicelib.store.removal import MAX_DELETIONS


def save_image(call: Call) -> Answer:
    Query.of(call.request)
    payload = image_of(json_body(call.request))
    (image,) = append_images(call, (payload,), "image")
    location = f"{call.request.path.rstrip('/')}/{image.cursor}"
    return json_answer(render(image), 201, Location=location)


def save_images(call: Call) -> Answer:
    Query.of(call.request)
    images = append_images(call, images_of(json_body(call.request)), "batch")
    return json_answer(f'{{"images":[{",".join(map(render, images))}]}}', 201)


def delete_image(call: Call, cursor: str) -> Answer:
    query = Query.of(call.request, "at", "mark")
    return _deleted(call, query, [cursor_of(cursor, "cursor")])


def delete_images(call: Call) -> Answer:
    query = Query.of(call.request, "cursors", "at", "mark")
    try:
        return _deleted(call, query, query.cursors("cursors", MAX_DELETIONS))
    except ImageNotFound as missing:
        detail = "Nothing was deleted: some cursors name no image; see errors."
        raise InvalidInput("not-found", detail, [_no_image(c) for c in missing.cursors]) from None


def _deleted(call: Call, query: Query, cursors: Sequence[Cursor]) -> Answer:
    at, mark = query.cursor("at", least=0), query.mark("at")
    if at is not None and "mark" not in query.values:
        raise invalid_parameter("at", "Give it together with mark, or leave it out.")
    seen = Position(at, mark) if at is not None and mark else None
    call.services.deleter.delete(call.request.user, cursors, call.deadline, seen)
    return Answer(204, "")


def _no_image(cursor: int) -> FieldError:
    return FieldError("parameter", "cursors", f"Leave out {cursor}: there is no such image.")


def sync_images(call: Call) -> Answer:
    Query.of(call.request)
    if call.request.body.strip() and json_body(call.request) != {}:
        raise InvalidInput("invalid-json", "Send no body, or {}: a sync takes no arguments.")
    synced = call.services.syncer.sync(call.request.user, call.deadline)
    up_to_date = json.dumps(synced.up_to_date)
    return json_answer(
        f'{{"cursor":{synced.cursor},"applied":{synced.applied},"upToDate":{up_to_date}}}'
    )


def append_images(call: Call, payloads: tuple[Payload, ...], route: str) -> tuple[Image, ...]:
    key = idempotency_key(call.request)
    idempotent = None if key is None else idempotent_request(key, route, payloads)
    return call.services.primary.append(call.request.user, payloads, call.deadline, idempotent)
