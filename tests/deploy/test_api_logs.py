"""The role in which API Gateway writes access logs: made once for an account and region."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import botocore.session
import pytest
from botocore.stub import ANY, Stubber

from deploy.api_logs import ensure_api_logs

NAME = "image-storage-api-logs-eu-central-1"
ARN = f"arn:aws-us-gov:iam::123456789012:role/{NAME}"
POLICY = "arn:aws-us-gov:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
ROLE = {
    "Path": "/",
    "RoleName": NAME,
    "RoleId": "AROA1234567890123456",
    "Arn": ARN,
    "CreateDate": "2026-11-25",
}
SET = {"patchOperations": [{"op": "replace", "path": "/cloudwatchRoleArn", "value": ARN}]}


@pytest.fixture
def clients() -> Mapping[str, Any]:
    keys: dict[str, Any] = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    session = botocore.session.get_session()
    names = ("apigateway", "iam")
    return {name: session.create_client(name, "eu-central-1", **keys) for name in names}


@pytest.fixture
def stubs(clients: Mapping[str, Any]) -> Iterator[Mapping[str, Stubber]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Stubber(of)) for name, of in clients.items()}


def ensure(clients: Mapping[str, Any], stubs: Mapping[str, Stubber]) -> list[float]:
    """The seconds that it waited."""
    waited: list[float] = []
    ensure_api_logs(clients.__getitem__, "eu-central-1", waited.append)
    for stub in stubs.values():
        stub.assert_no_pending_responses()
    return waited


def test_whatever_role_there_is_stays(
    clients: Mapping[str, Any], stubs: Mapping[str, Stubber]
) -> None:
    """Another stack's, or the account's owner's."""
    stubs["apigateway"].add_response("get_account", {"cloudwatchRoleArn": "arn:of:others"}, {})
    assert ensure(clients, stubs) == []


def test_a_new_role_is_waited_for(clients: Mapping[str, Any], stubs: Mapping[str, Stubber]) -> None:
    stubs["apigateway"].add_response("get_account", {}, {})
    policy = {"RoleName": NAME, "AssumeRolePolicyDocument": ANY}
    stubs["iam"].add_response("create_role", {"Role": ROLE}, policy)
    stubs["iam"].add_response("attach_role_policy", {}, {"RoleName": NAME, "PolicyArn": POLICY})
    stubs["apigateway"].add_client_error("update_account", "BadRequestException")
    stubs["apigateway"].add_response("update_account", {}, SET)
    assert ensure(clients, stubs) == [3]


def test_a_role_that_was_not_completed_is(
    clients: Mapping[str, Any], stubs: Mapping[str, Stubber]
) -> None:
    """Somebody ended the earlier command in between."""
    stubs["apigateway"].add_response("get_account", {}, {})
    stubs["iam"].add_client_error("create_role", "EntityAlreadyExists")
    stubs["iam"].add_response("get_role", {"Role": ROLE}, {"RoleName": NAME})
    stubs["iam"].add_response("attach_role_policy", {}, {"RoleName": NAME, "PolicyArn": POLICY})
    stubs["apigateway"].add_response("update_account", {}, SET)
    assert ensure(clients, stubs) == []
