"""What a refused append means: the pure rules, without a table."""

import pytest

from chalicelib.dynamodb.protocol import Reason
from chalicelib.store.primary import Verdict, judge

OURS = Reason("ConditionalCheckFailed", {"idem": {"S": "ours"}})
ANOTHERS = Reason("ConditionalCheckFailed", {"idem": {"S": "another"}})
CONFLICT = Reason("TransactionConflict")
FREE = Reason("None")


@pytest.mark.parametrize(
    ("reasons", "verdict"),
    [
        ([OURS], Verdict.COMMITTED),
        ([OURS, OURS, OURS], Verdict.COMMITTED),
        ([ANOTHERS], Verdict.TAKEN),
        ([ANOTHERS, FREE], Verdict.TAKEN),
        ([FREE, ANOTHERS], Verdict.TAKEN),
        ([CONFLICT], Verdict.UNSETTLED),
        ([FREE, FREE], Verdict.UNSETTLED),
        ([OURS, CONFLICT], Verdict.UNSETTLED),
        ([CONFLICT, OURS], Verdict.UNSETTLED),
        ([OURS, FREE], Verdict.UNSETTLED),
    ],
)
def test_what_a_refusal_means(reasons: list[Reason], verdict: Verdict) -> None:
    """Success only if all is ours; another's entry moves us on; all else is asked again."""
    assert judge(reasons, "ours") is verdict
