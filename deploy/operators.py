"""Policies for people who operate a stage: they name the operations alone.

Whoever may invoke every function can call `api_handler` with any user's key in the event, and so
be anybody. Attach these to operators' roles in place of that.
"""

from collections.abc import Mapping
from typing import Any

from deploy.permissions import logical_id
from deploy.roles import allow, document

CONTENT = ("get_images_for_user", "export_user", "erase_user")
"""What shows a library to whoever invokes it, or deletes it for good."""

UPKEEP = (
    *("sync_user", "verify_user", "verify_all", "rebuild_partition"),
    *("sweep", "migrate", "redrive_dead_letters"),
)

POLICIES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "OperatorPolicy": ("Look after libraries without seeing them", UPKEEP),
    "UserRequestsPolicy": ("See, export and erase the library of a user who asks for it", CONTENT),
}
"""Logical name to what it is for, and the operations that it lets be invoked."""


def policies() -> dict[str, Any]:
    """Without names of their own: IAM's are the account's, and a stage may be in many regions."""
    return {
        name: {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "Description": description,
                "PolicyDocument": document(*map(_invoke, functions)),
            },
        }
        for name, (description, functions) in POLICIES.items()
    }


def _invoke(function: str) -> dict[str, Any]:
    return allow(["lambda:InvokeFunction"], {"Fn::GetAtt": [logical_id(function), "Arn"]})
