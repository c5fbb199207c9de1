"""What reads cost, added up; and a budget of it as a deadline."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from chalicelib.dynamodb.metering import MeteredDynamo
from chalicelib.model.timing import Deadline
from tests.support import at_once

FAR = Deadline(100.0, lambda: 0.0)
PAST = Deadline(0.0, lambda: 1.0)
READS = ("query", "scan", "get_item")
WRITES = ("put_item", "update_item", "transact_write_items")


class Costly:
    """A `Dynamo` each of whose calls costs half a unit, and tells what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

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
        self.asked.append((operation, request))
        return {"ConsumedCapacity": {"CapacityUnits": 0.5}, "of": operation}


@pytest.mark.parametrize("operation", READS)
def test_reads_are_counted(operation: str) -> None:
    """Each read asks what it cost, is passed on as it is, and is added."""
    inner = Costly()
    metered = MeteredDynamo(inner)
    answer = getattr(metered, operation)(TableName="t")
    assert answer["of"] == operation
    assert inner.asked == [(operation, {"TableName": "t", "ReturnConsumedCapacity": "TOTAL"})]
    getattr(metered, operation)(TableName="t")
    assert metered.read_units == 1.0


@pytest.mark.parametrize("operation", WRITES)
def test_writes_are_passed_on(operation: str) -> None:
    """They cost write units, which are not counted here."""
    inner = Costly()
    metered = MeteredDynamo(inner)
    assert getattr(metered, operation)(TableName="t")["of"] == operation
    assert inner.asked == [(operation, {"TableName": "t"})]
    assert metered.read_units == 0


def test_a_budget_ends_once_it_is_spent() -> None:
    """The first call beyond it finds it passed."""
    metered = MeteredDynamo(Costly())
    budget = metered.budget(1, FAR)
    assert not budget.passed()
    metered.query()
    assert not budget.passed()
    metered.query()
    assert budget.passed()


def test_a_budget_counts_from_when_it_was_made() -> None:
    """What was spent before is not held against it."""
    metered = MeteredDynamo(Costly())
    for _ in range(10):
        metered.query()
    assert not metered.budget(1, FAR).passed()


def test_a_budget_ends_with_its_deadline() -> None:
    """Time may be over sooner than the units."""
    assert MeteredDynamo(Costly()).budget(1, PAST).passed()


class Slow(float):
    """A unit that is added so slowly that another thread comes in between, where it may."""

    meeting = threading.Barrier(2)

    def __radd__(self, sum_so_far: float) -> float:
        with suppress(threading.BrokenBarrierError):
            self.meeting.wait(1)
        return sum_so_far + float(self)


def test_units_of_threads_are_all_counted() -> None:
    """None is lost to another that is added at the same moment."""

    both_read = threading.Barrier(2)

    class Slowly(Costly):
        def query(self, **_request: Any) -> Mapping[str, Any]:
            both_read.wait(30)
            return {"ConsumedCapacity": {"CapacityUnits": Slow(1)}}

    metered = MeteredDynamo(Slowly())
    assert at_once(2, metered.query) == 2
    assert metered.read_units == 2
