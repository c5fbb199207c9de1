"""A `Dynamo` in which calls go wrong, by seed, in the ways in which DynamoDB's do.

DynamoDB Local is never throttled, has no transaction conflicts, and its queries never see half of a
transaction; so that is done here, in front of it.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from chalicelib.dynamodb.protocol import Dynamo, Item, Reason, Refused, UnknownOutcome

TORN_SECONDS = 0.03
LATE_SECONDS = 0.2

WRITES = ("put_item", "update_item", "transact_write_items")


@dataclass(frozen=True, slots=True)
class Rates:
    """How likely it is that a call fails or seems to, and that a query takes its time.

    `meanwhile` is what happens during such a query, if it is not to be left to chance.
    """

    fault: float = 0.03
    torn: float = 0.10
    meanwhile: Callable[[], object] | None = None


USUAL = Rates()


class FaultyDynamo:
    """Over another; `counts` says what was done. Close it to let what is late arrive."""

    def __init__(self, inner: Dynamo, seed: str, rates: Rates = USUAL) -> None:
        self._inner = inner
        self._rates = rates
        self._random = Random(seed)
        self._lock = threading.Lock()
        self._late = ThreadPoolExecutor(4)
        self.counts: Counter[str] = Counter()

    def close(self) -> None:
        self._late.shutdown()

    def query(self, **request: Any) -> Mapping[str, Any]:
        return self._call("query", request)

    def scan(self, **request: Any) -> Mapping[str, Any]:
        return self._call("scan", request)

    def get_item(self, **request: Any) -> Mapping[str, Any]:
        return self._call("get_item", request)

    def put_item(self, **request: Any) -> Mapping[str, Any]:
        return self._call("put_item", request)

    def update_item(self, **request: Any) -> Mapping[str, Any]:
        return self._call("update_item", request)

    def transact_write_items(self, **request: Any) -> Mapping[str, Any]:
        return self._call("transact_write_items", request)

    def _call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        call = getattr(self._inner, operation)
        fault = self._fault(operation)
        self._count("calls", fault)
        match fault:
            case "throttled":
                raise UnknownOutcome("ThrottlingException")
            case "never arrived":
                raise UnknownOutcome("ConnectTimeoutError")
            case "conflict":
                raise conflict(operation, request)
            case "reply lost":
                call(**request)
                raise UnknownOutcome("ReadTimeoutError")
            case "arrived late":
                self._late.submit(self._arrive, call, request)
                raise UnknownOutcome("ReadTimeoutError")
            case "torn":
                return self._torn(call, request)
        answer: Mapping[str, Any] = call(**request)
        return answer

    def _fault(self, operation: str) -> str | None:
        is_write = operation in WRITES
        kinds = ["throttled", "never arrived", "reply lost"]
        kinds += ["conflict", "arrived late"] if is_write else []
        with self._lock:
            chance, kind = self._random.random(), self._random.choice(kinds)
        if chance < self._rates.fault:
            return kind
        is_torn = operation == "query" and chance < self._rates.fault + self._rates.torn
        return "torn" if is_torn else None

    def _arrive(self, call: Callable[..., object], request: Mapping[str, Any]) -> None:
        """The write does happen, when its sender has long given it up."""
        time.sleep(self._uniform(LATE_SECONDS))
        with suppress(Refused, UnknownOutcome):
            call(**request)

    def _torn(
        self, call: Callable[..., Mapping[str, Any]], request: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """A query sees each item as of some moment of its own while the query runs.

        So between two answers, each item is as it was in the one or in the other. ("Isolation
        levels" in the DynamoDB developer guide: to a query, transactions are read-committed.)
        """
        earlier = call(**request)
        self._pause()
        later = call(**request)
        seen = {cursor_of(item): item for item in earlier["Items"]}
        new = {cursor_of(item): item for item in later["Items"]}
        seen |= {cursor: item for cursor, item in new.items() if self._uniform(1.0) < 0.5}
        order = sorted(seen, reverse=not request["ScanIndexForward"])[: request["Limit"]]
        self._count("half seen" if any(cursor not in seen for cursor in new) else None)
        return {**earlier, **later, "Items": [seen[cursor] for cursor in order]}

    def _pause(self) -> None:
        if self._rates.meanwhile is not None:
            self._rates.meanwhile()
        else:
            time.sleep(self._uniform(TORN_SECONDS))

    def _uniform(self, bound: float) -> float:
        with self._lock:
            return self._random.uniform(0, bound)

    def _count(self, *what: str | None) -> None:
        with self._lock:
            self.counts.update(kind for kind in what if kind)


def cursor_of(item: Item) -> int:
    return int(item["cursor"]["N"])


def conflict(operation: str, request: Mapping[str, Any]) -> Exception:
    """As DynamoDB words it, behind `Dynamo`: nothing was done."""
    if operation != "transact_write_items":
        return UnknownOutcome("TransactionConflictException")
    others = [Reason("None")] * (len(request["TransactItems"]) - 1)
    return Refused([Reason("TransactionConflict"), *others])
