"""The reading routes: each reads the request, asks the partition, and renders the answer."""

import json

from chalicelib.api.answer import Answer
from chalicelib.api.call import Call
from chalicelib.api.request import Query, cursor_of
from chalicelib.model.entries import START, Row


def list_images(call: Call) -> Answer:
    query = Query.of(call.request, "limit", "before", "mark", "at_least")
    page = call.partition.page(
        query.limit(),
        query.cursor("before"),
        query.cursor("at_least"),
        call.deadline,
        query.mark("before"),
    )
    next_mark = json.dumps(None if page.next is None else page.next_mark)
    body = f'{{"images":[{",".join(page.images)}],"next":{page.next or "null"}'
    body += f',"nextMark":{next_mark}'
    if page.cursor is not None:
        body += f',"cursor":{page.cursor},"mark":{json.dumps(page.mark)},"count":{page.count}'
    return call.revalidated(body + "}")


def list_changes(call: Call) -> Answer:
    query = Query.of(call.request, "after", "mark", "limit")
    after = query.cursor("after", least=0) or START
    found = call.partition.changes(after, query.limit(), call.deadline, query.mark("after"))
    changes = ",".join(map(_change, found.rows))
    up_to_date = json.dumps(found.up_to_date)
    return call.revalidated(
        f'{{"changes":[{changes}],"cursor":{found.cursor},"mark":{json.dumps(found.mark)},'
        f'"upToDate":{up_to_date}}}'
    )


def show_image(call: Call, cursor: str) -> Answer:
    Query.of(call.request)
    return call.revalidated(call.partition.image(cursor_of(cursor, "cursor")))


def _change(row: Row) -> str:
    if row.image is not None:
        return f'{{"cursor":{row.cursor},"image":{row.image}}}'
    return f'{{"cursor":{row.cursor},"deleted":{row.deletes}}}'
