"""The policies of a template with sample names in place of what only a deployed stack knows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deploy.permissions import logical_id
from tests.deploy.conftest import Template

ACCOUNT = "123456789012"
REGIONAL = f"us-east-1:{ACCOUNT}"
ARNS = {
    ("AWS::DynamoDB::Table", "Arn"): f"arn:aws:dynamodb:{REGIONAL}:table/{{}}",
    ("AWS::DynamoDB::Table", "StreamArn"): f"arn:aws:dynamodb:{REGIONAL}:table/{{}}/stream/2026",
    ("AWS::SQS::Queue", "Arn"): f"arn:aws:sqs:{REGIONAL}:{{}}",
    ("AWS::Logs::LogGroup", "Arn"): f"arn:aws:logs:{REGIONAL}:log-group:{{}}:*",
    ("AWS::Serverless::Function", "Arn"): f"arn:aws:lambda:{REGIONAL}:function:{{}}",
    ("AWS::IAM::Role", "Arn"): f"arn:aws:iam::{ACCOUNT}:role/{{}}",
}
"""What the attribute of a resource of that type looks like, by the resource's logical name."""

Leave = tuple[str, str]
"""An action, and the ARN that it is allowed on."""


@dataclass(frozen=True)
class Stack:
    """A stage's template. `is_bound` says that the stage has hard isolation."""

    template: Template
    is_bound: bool

    @property
    def resources(self) -> dict[str, Any]:
        found: dict[str, Any] = self.template["Resources"]
        return found

    def of_type(self, *kinds: str) -> dict[str, Any]:
        return {
            name: resource["Properties"]
            for name, resource in self.resources.items()
            if resource["Type"].startswith(kinds)
        }

    def role_of(self, function: str) -> str:
        """The logical name of the role that the function runs in."""
        role, attribute = self.resources[logical_id(function)]["Properties"]["Role"]["Fn::GetAtt"]
        assert attribute == "Arn"
        return str(role)

    def arn(self, name: str, attribute: str = "Arn") -> str:
        return ARNS[self.resources[name]["Type"], attribute].format(name)

    def trust(self, role: str) -> Any:
        return self.resolved(self.resources[role]["Properties"]["AssumeRolePolicyDocument"])

    def policies(self, role: str) -> list[Any]:
        """The documents of all the policies that the role has, in itself or attached to it."""
        inline = self.resources[role]["Properties"]["Policies"]
        attached = [
            policy
            for policy in self.of_type("AWS::IAM::Policy").values()
            if {"Ref": role} in policy["Roles"]
        ]
        return [self.resolved(policy["PolicyDocument"]) for policy in [*inline, *attached]]

    def managed(self, policy: str) -> Any:
        """The document of a policy that is attached to nobody yet."""
        return self.resolved(self.resources[policy]["Properties"]["PolicyDocument"])

    def statements(self, role: str) -> list[dict[str, Any]]:
        return [statement for policy in self.policies(role) for statement in policy["Statement"]]

    def leaves(self, role: str) -> set[Leave]:
        """What the role allows, under whichever condition."""
        return {leave for statement in self.statements(role) for leave in leaves_of(statement)}

    def resolved(self, value: Any) -> Any:
        match value:
            case {"Fn::GetAtt": [name, attribute]}:
                return self.arn(name, attribute)
            case {"Fn::Sub": text}:
                return re.sub(r"\${(\w+)\.(\w+)}", lambda found: self.arn(*found.groups()), text)
            case dict():
                return {key: self.resolved(member) for key, member in value.items()}
            case list():
                return [self.resolved(member) for member in value]
        return value


def leaves_of(statement: dict[str, Any]) -> Iterator[Leave]:
    assert statement.keys() - {"Condition"} == {"Effect", "Action", "Resource"}, statement
    assert statement["Effect"] == "Allow"
    assert isinstance(statement["Action"], list)
    assert isinstance(statement["Resource"], str)
    for action in statement["Action"]:
        yield action, statement["Resource"]
