"""A `Dynamo` that adds up what its reads cost, so that background work can keep to a budget."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.dynamodb.protocol import Dynamo
from chalicelib.model.timing import Deadline


class MeteredDynamo:
    """`read_units` counts consumed read capacity units, as DynamoDB tells them with each read.

    Threads may share it.
    """

    def __init__(self, inner: Dynamo) -> None:
        self._inner = inner
        self.read_units = 0.0
        self._adding = threading.Lock()

    def budget(self, read_units: float, deadline: Deadline) -> Deadline:
        """Returns a deadline that also passes once so many more read units are spent."""
        return Deadline(self.read_units + read_units, lambda: self.read_units, sooner=deadline)

    def query(self, **request: Any) -> Mapping[str, Any]:
        return self._read(self._inner.query, request)

    def scan(self, **request: Any) -> Mapping[str, Any]:
        return self._read(self._inner.scan, request)

    def get_item(self, **request: Any) -> Mapping[str, Any]:
        return self._read(self._inner.get_item, request)

    def put_item(self, **request: Any) -> Mapping[str, Any]:
        return self._inner.put_item(**request)

    def update_item(self, **request: Any) -> Mapping[str, Any]:
        return self._inner.update_item(**request)

    def transact_write_items(self, **request: Any) -> Mapping[str, Any]:
        return self._inner.transact_write_items(**request)

    def _read(
        self, call: Callable[..., Mapping[str, Any]], request: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        answer = call(**request, ReturnConsumedCapacity="TOTAL")
        with self._adding:
            self.read_units += answer["ConsumedCapacity"]["CapacityUnits"]
        return answer
