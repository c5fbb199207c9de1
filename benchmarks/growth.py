"""Goals 7 and 8: what a read costs as a library grows, and what is paid for in capacity units; on
DynamoDB Local.

A library of 100,000 images is written as the product would write it, but in bulk.
"""

import math
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.common import (
    USER,
    Result,
    cpu,
    interleaved,
    milliseconds,
    payload,
    row,
    told,
)
from chalicelib.bootstrap import build
from chalicelib.botocore_client import client
from chalicelib.dynamodb.client import HttpDynamo
from chalicelib.model.entries import Cursor, UserId
from chalicelib.services import Services
from chalicelib.store.items import row_to_item
from chalicelib.store.table_names import TableNames
from chalicelib.store.tables import create_tables
from local.dynamodb_local import cache_dir, ensure_installed
from tests.databases import database

SMALL, LARGE = UserId("s" * 43), UserId("l" * 43)
SIZES = {SMALL: 100, LARGE: 100_000}
PAGE = 50
TIMES = 60


class Measured(HttpDynamo):
    """Adds up the capacity units of its calls."""

    def __init__(self, inner: HttpDynamo) -> None:
        super().__init__(inner.post, inner._signer, inner._credentials)
        self.read = self.written = 0.0

    def _call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = super()._call(operation, {**request, "ReturnConsumedCapacity": "TOTAL"})
        used = answer["ConsumedCapacity"]
        for one in used if isinstance(used, list) else [used]:
            is_read = operation in ("Query", "GetItem", "Scan")
            self.read += one["CapacityUnits"] if is_read else 0
            self.written += 0 if is_read else one["CapacityUnits"]
        return answer


def main() -> None:
    files = ensure_installed(cache_dir(os.environ), lambda text: print(text, file=sys.stderr))
    with tempfile.TemporaryDirectory() as folder, database(Path(folder), files) as connection:
        os.environ.update(connection.environ(os.environ))
        names = TableNames("images", "partition", "idempotency")
        create_tables(names)
        dynamo = Measured(HttpDynamo.from_environment(os.environ))
        services = build(dynamo, names, emit=lambda _line: None)
        fill(names.partition)
        growth(services)
        capacity(services, dynamo)


def fill(table: str) -> None:
    tables, began = client("dynamodb"), time.monotonic()

    def put(items: Sequence[Any]) -> None:
        puts = [{"PutRequest": {"Item": item}} for item in items]
        tables.batch_write_item(RequestItems={table: puts})

    with ThreadPoolExecutor(4) as threads:
        for user, many in SIZES.items():
            items = [row_to_item(user, row(number)) for number in range(1, many + 1)]
            list(threads.map(put, (items[first : first + 25] for first in range(0, many, 25))))
    seconds = time.monotonic() - began
    print(f"Filled {sum(SIZES.values()):,} rows in {seconds:.0f} s", file=sys.stderr)


def growth(services: Services) -> None:
    """CPU of this process; and the capacity, which DynamoDB Local tells as DynamoDB would."""
    deadline = services.clock.deadline(3600)

    def page(user: UserId, before: int | None) -> Any:
        at = None if before is None else Cursor(before)
        return services.open_partition(user).page(PAGE, at, None, deadline)

    def changes(user: UserId, after: int) -> Any:
        return services.open_partition(user).changes(Cursor(after), PAGE, deadline)

    for what, read, positions in (
        ("first page", page, {SMALL: None, LARGE: None}),
        ("page in the middle", page, {SMALL: 76, LARGE: 50_001}),
        ("last page", page, {SMALL: 51, LARGE: 51}),
        ("changes", changes, {SMALL: 25, LARGE: 50_000}),
    ):
        median = interleaved(
            {
                user: cpu(lambda u=user, at=at, read=read: read(u, at), TIMES)  # type: ignore[misc]
                for user, at in positions.items()
            }
        )
        detail = f"{milliseconds(median[SMALL])} and {milliseconds(median[LARGE])}"
        ratio = median[LARGE] / median[SMALL]
        told(Result("7", f"{what}, of 100,000 images / of 100, CPU", ratio, 1.05, detail=detail))


def capacity(services: Services, dynamo: Measured) -> None:
    deadline, saves = services.clock.deadline(3600), 20

    def save_and_sync(number: int) -> None:
        services.primary.append(USER, [payload(number)], deadline)
        services.syncer.sync(USER, deadline)

    save_and_sync(1)  # which also lists the user in the index, once and for all
    dynamo.read = dynamo.written = 0.0
    for number in range(2, saves + 2):
        save_and_sync(number)
    written, read = dynamo.written / saves, dynamo.read / saves
    told(Result("8", "write units of an image, saved and synced one by one", written, 2))
    told(Result("8", "read units of the same", read, 3))
    dynamo.read = 0.0
    page = services.open_partition(LARGE).page(PAGE, None, None, deadline)
    shown = sum(stored_bytes(row_to_item(LARGE, row(100_000 - n))) for n in range(PAGE))
    told(
        Result(
            "8",
            "read units of a page / its rows' bytes in units of 4 KB",
            dynamo.read / math.ceil(shown / 4096),
            1.1,
            detail=f"{dynamo.read:g} units, {shown:,} bytes, of which images "
            f"{sum(len(image.encode()) for image in page.images):,}",
        )
    )


def stored_bytes(item: Mapping[str, Any]) -> int:
    """By DynamoDB's own rule (developer guide, "DynamoDB item sizes and formats")."""
    return sum(len(name.encode()) + size(attribute) for name, attribute in item.items())


def size(attribute: Mapping[str, str]) -> int:
    ((kind, value),) = attribute.items()
    return len(value.encode()) if kind == "S" else (len(value) + 1) // 2 + 1


if __name__ == "__main__":
    main()
