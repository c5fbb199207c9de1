"""The protocol `Dynamo`: the six calls that the product makes, and their outcomes.

An engine takes the request members of AWS's API reference (``TableName``, ``Key`` …, values as
attribute JSON such as ``{"S": "text"}``) and answers its response members. Whatever goes wrong it
says in the errors below, so that nothing above this seam knows which library carried the call.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from chalicelib.model.errors import Unavailable

Item = Mapping[str, Any]
"""An item as attribute JSON: ``{"cursor": {"N": "7"}, "kind": {"S": "image"}}``."""

CALL_SECONDS = 12.0
"""Seconds that one call may take at most, with the client's own retries."""

MAX_TRANSACTION_ITEMS = 100
MAX_TRANSACTION_BYTES = 4_000_000
"""Limits of TransactWriteItems (DynamoDB developer guide, "Service, account, and table quotas")."""


class Dynamo(Protocol):
    """The six calls; each may raise `Refused` (writes only), `UnknownOutcome` or `CallFailed`."""

    def query(self, **request: Any) -> Mapping[str, Any]: ...

    def scan(self, **request: Any) -> Mapping[str, Any]: ...

    def get_item(self, **request: Any) -> Mapping[str, Any]: ...

    def put_item(self, **request: Any) -> Mapping[str, Any]: ...

    def update_item(self, **request: Any) -> Mapping[str, Any]: ...

    def transact_write_items(self, **request: Any) -> Mapping[str, Any]: ...


class Reason(NamedTuple):
    """Why one write of a refused call was not done.

    `code` is one of the codes of a CancellationReason: ``ConditionalCheckFailed``,
    ``TransactionConflict``, ``ThrottlingError``, ``ProvisionedThroughputExceeded``; or ``None``
    (the word) for a write that had nothing against it but its neighbours. `item` is what stood
    there when the condition failed (ReturnValuesOnConditionCheckFailure=ALL_OLD).
    """

    code: str
    item: Item | None = None


class Refused(Exception):
    """DynamoDB did not do the write, for a reason per write in it; nothing of it was done."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        super().__init__(", ".join(reason.code for reason in reasons))
        self.reasons = tuple(reasons)


class UnknownOutcome(Unavailable):
    """No sure answer: a time-out, a lost reply, a server error. A write may have been done."""


class CallFailed(Exception):
    """A defect: the call is wrong, or is not allowed, and would be the next time. `code` is
    DynamoDB's; its message is left out, since it may quote the item."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
