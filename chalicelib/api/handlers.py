"""What each route does: read the request, call the domain, render the answer."""

import json
from dataclasses import dataclass

from chalicelib.api.answer import Answer, json_answer, revalidated
from chalicelib.api.request import Query, Request, cursor_of, idempotency_key, json_body
from chalicelib.api.validation import image_of, images_of
from chalicelib.entries import START, Image, Payload, Row, render
from chalicelib.errors import InvalidInput
from chalicelib.idempotency import idempotent_request
from chalicelib.partition import Partition
from chalicelib.services import Services
from chalicelib.sync import Synced
from chalicelib.timing import Deadline


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way: what it says, and what it may use. The user is the caller's alone."""

    services: Services
    request: Request
    deadline: Deadline

    @property
    def partition(self) -> Partition:
        return self.services.open_partition(self.request.user)

    def append(self, payloads: tuple[Payload, ...], route: str) -> tuple[Image, ...]:
        key = idempotency_key(self.request)
        idempotent = None if key is None else idempotent_request(key, route, payloads)
        return self.services.primary.append(self.request.user, payloads, self.deadline, idempotent)

    def sync(self) -> Synced:
        return self.services.syncer.sync(self.request.user, self.deadline)

    def revalidated(self, body: str) -> Answer:
        return revalidated(json_answer(body), self.request.headers.get("if-none-match"))


def save_image(call: Call) -> Answer:
    Query.of(call.request)
    payload = image_of(json_body(call.request))
    (image,) = call.append((payload,), "image")
    location = f"{call.request.path.rstrip('/')}/{image.cursor}"
    return json_answer(render(image), 201, Location=location)


def save_images(call: Call) -> Answer:
    Query.of(call.request)
    images = call.append(images_of(json_body(call.request)), "batch")
    return json_answer(f'{{"images":[{",".join(map(render, images))}]}}', 201)


def list_images(call: Call) -> Answer:
    query = Query.of(call.request, "limit", "before", "at_least")
    page = call.partition.page(
        query.limit(), query.cursor("before"), query.cursor("at_least"), call.deadline
    )
    body = f'{{"images":[{",".join(page.images)}],"next":{json.dumps(page.next)}'
    if page.cursor is not None:
        body += f',"cursor":{page.cursor},"count":{page.count}'
    return call.revalidated(body + "}")


def list_changes(call: Call) -> Answer:
    query = Query.of(call.request, "after", "limit")
    after = query.cursor("after", least=0) or START
    found = call.partition.changes(after, query.limit(), call.deadline)
    changes = ",".join(map(_change, found.rows))
    up_to_date = json.dumps(found.up_to_date)
    return call.revalidated(
        f'{{"changes":[{changes}],"cursor":{found.cursor},"upToDate":{up_to_date}}}'
    )


def show_image(call: Call, cursor: str) -> Answer:
    Query.of(call.request)
    return call.revalidated(call.partition.image(cursor_of(cursor, "cursor")))


def delete_image(call: Call, cursor: str) -> Answer:
    Query.of(call.request)
    call.services.deleter.delete(call.request.user, cursor_of(cursor, "cursor"), call.deadline)
    return Answer(204, "")


def sync_images(call: Call) -> Answer:
    Query.of(call.request)
    if call.request.body.strip() and json_body(call.request) != {}:
        raise InvalidInput("invalid-json", "Send no body, or {}: a sync takes no arguments.")
    synced = call.sync()
    up_to_date = json.dumps(synced.up_to_date)
    return json_answer(
        f'{{"cursor":{synced.cursor},"applied":{synced.applied},"upToDate":{up_to_date}}}'
    )


def _change(row: Row) -> str:
    if row.image is not None:
        return f'{{"cursor":{row.cursor},"image":{row.image}}}'
    return f'{{"cursor":{row.cursor},"deleted":{row.deletes}}}'
