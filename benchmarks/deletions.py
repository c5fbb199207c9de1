"""What a page of 50 costs after 10,000 deletions: calls, bytes and read units, on DynamoDB Local.

The partitions are written in bulk, with the rows that the product gives such a history.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.common import row
from benchmarks.growth import Measured
from chalicelib.bootstrap import build, new_mark
from chalicelib.botocore_client import client
from chalicelib.dynamodb.client import HttpDynamo
from chalicelib.dynamodb.connections import Reply
from chalicelib.model.entries import START, Cursor, Row, UserId
from chalicelib.store.items import row_to_item
from chalicelib.store.table_names import TableNames
from chalicelib.store.tables import create_tables
from chalicelib.store.tail_cache import Tail
from local.dynamodb_local import cache_dir, ensure_installed
from tests.databases import database

PAGE = 50
DELETED = 10_000
LEFT = 100
"""Images that are left of a library."""


@dataclass
class Log:
    """Rows as the product writes them: live counts, marks, skips."""

    rows: list[Row]
    live: int = 0

    def save(self, many: int = 1) -> None:
        for _ in range(many):
            self.live += 1
            self._add(replace(row(len(self.rows) + 1), count=self.live))

    def delete(self, cursor: int) -> None:
        gone = self.rows[cursor - 1]
        self.live -= 1
        self._add(Row(Cursor(len(self.rows) + 1), self.live, deletes=Cursor(cursor)))
        self.rows[cursor - 1] = replace(gone, image=None)

    def _add(self, new: Row) -> None:
        deleted = [] if new.deletes is None else [new.deletes]
        skip = self._tail().skip_after(deleted)
        self.rows.append(replace(new, mark=new_mark(), skip=skip))

    def _tail(self) -> Tail:
        if not self.rows:
            return Tail(START, 0)
        last = self.rows[-1]
        return Tail(last.cursor, last.count, last.skip, last.kind == "image")


def oldest_deleted() -> Log:
    log = Log([])
    log.save(DELETED + LEFT)
    for cursor in range(1, DELETED + 1):
        log.delete(cursor)
    return log


def newest_deleted() -> Log:
    log = Log([])
    log.save(LEFT + DELETED)
    for cursor in range(LEFT + DELETED, LEFT, -1):
        log.delete(cursor)
    return log


def newest_deleted_upwards() -> Log:
    log = Log([])
    log.save(LEFT + DELETED)
    for cursor in range(LEFT + 1, LEFT + DELETED + 1):
        log.delete(cursor)
    return log


def each_deleted_at_once() -> Log:
    log = Log([])
    log.save(LEFT)
    for _ in range(DELETED):
        log.save()
        log.delete(len(log.rows))
    return log


def every_second_deleted() -> Log:
    log = Log([])
    log.save(2 * DELETED)
    for cursor in range(1, 2 * DELETED, 2):
        log.delete(cursor)
    return log


READS: Sequence[tuple[str, Callable[[], Log], int | None]] = (
    ("the 10,000 oldest deleted: first page", oldest_deleted, None),
    ("the same: last page, 25 images and 10,000 tombstones", oldest_deleted, DELETED + 26),
    ("the 10,000 newest deleted, from the newest on: first page", newest_deleted, None),
    ("the same, from the oldest of them on: first page", newest_deleted_upwards, None),
    ("10,000 deleted, each before the next was saved: first page", each_deleted_at_once, None),
    ("every second of 20,000 deleted: first page", every_second_deleted, None),
    ("the same: a page in the middle", every_second_deleted, DELETED),
)


def main() -> None:
    files = ensure_installed(cache_dir(os.environ), lambda text: print(text, file=sys.stderr))
    with tempfile.TemporaryDirectory() as folder, database(Path(folder), files) as connection:
        os.environ.update(connection.environ(os.environ))
        names = TableNames("images", "partition", "idempotency")
        create_tables(names)
        users: dict[Callable[[], Log], UserId] = {}
        for what, log, before in READS:
            if log not in users:
                users[log] = UserId(str(len(users)) * 43)
                fill(names.partition, users[log], log().rows)
            print(f"| {what} | {' | '.join(cost(names, users[log], before))} |", flush=True)


def cost(names: TableNames, user: UserId, before: int | None) -> Sequence[str]:
    """Images, calls, bytes that DynamoDB answered, read units."""
    dynamo = Measured(HttpDynamo.from_environment(os.environ))
    post, replies = dynamo.post, list[Reply]()

    def counting(headers: Mapping[str, str], body: bytes) -> Reply:
        replies.append(post(headers, body))
        return replies[-1]

    dynamo.post = counting
    services = build(dynamo, names, emit=lambda _line: None)
    at = None if before is None else Cursor(before)
    partition = services.open_partition(user)
    page = partition.page(PAGE, at, None, services.clock.deadline(60))
    answered = sum(len(reply.body) for reply in replies)
    return str(len(page.images)), str(len(replies)), f"{answered:,}", f"{dynamo.read:g}"


def fill(table: str, user: UserId, rows: Sequence[Row]) -> None:
    tables = client("dynamodb")

    def put(some: Sequence[Row]) -> None:
        puts = [{"PutRequest": {"Item": row_to_item(user, one)}} for one in some]
        tables.batch_write_item(RequestItems={table: puts})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(put, (rows[first : first + 25] for first in range(0, len(rows), 25))))


if __name__ == "__main__":
    main()
