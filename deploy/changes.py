"""What a change set would do to tables: pure decisions, before it is executed."""

from collections.abc import Iterable, Mapping
from typing import Any

Change = Mapping[str, Any]
"""A change as CloudFormation describes it."""

KEPT = ("AWS::DynamoDB::Table", "AWS::Cognito::UserPool")
"""Resources whose content nobody can restore."""


def losses(changes: Iterable[Change]) -> list[str]:
    """The logical names of tables, and of the user pool, in whose place there would be a new, empty
    one, or none. A replacement that CloudFormation is not sure of counts."""
    described = (change["ResourceChange"] for change in changes if "ResourceChange" in change)
    return sorted(
        each["LogicalResourceId"]
        for each in described
        if each["ResourceType"] in KEPT and _is_lost(each)
    )


def _is_lost(change: Mapping[str, Any]) -> bool:
    """CloudFormation API reference, ResourceChange."""
    replacement: str = change.get("Replacement", "False")
    return change["Action"] == "Remove" or replacement != "False"
