"""Which change sets are refused: those after which a table would be a new, empty one."""

from typing import Any

import pytest

from deploy.changes import losses

TABLE, POOL = "AWS::DynamoDB::Table", "AWS::Cognito::UserPool"


def change(kind: str, action: str, **more: str) -> dict[str, Any]:
    return {
        "Type": "Resource",
        "ResourceChange": {
            "Action": action,
            "LogicalResourceId": "It",
            "ResourceType": kind,
            **more,
        },
    }


@pytest.mark.parametrize("kind", [TABLE, POOL])
@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("Modify", {"Replacement": "True"}),
        ("Modify", {"Replacement": "Conditional"}),
        ("Remove", {}),
    ],
    ids=["replaced", "perhaps replaced", "removed"],
)
def test_what_holds_data_is_lost(kind: str, action: str, more: dict[str, str]) -> None:
    assert losses([change(kind, action, **more)]) == ["It"]


@pytest.mark.parametrize(
    ("kind", "action", "more"),
    [
        (TABLE, "Add", {}),
        (TABLE, "Modify", {"Replacement": "False"}),
        ("AWS::Lambda::Function", "Modify", {"Replacement": "True"}),
        ("AWS::CloudWatch::Dashboard", "Remove", {}),
    ],
)
def test_nothing_is_lost(kind: str, action: str, more: dict[str, str]) -> None:
    assert losses([change(kind, action, **more), {"Type": "Hook"}]) == []
