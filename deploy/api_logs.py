"""The role in which API Gateway writes access logs. An account has one for a region, not for a
stage."""

import json
import time
from collections.abc import Callable
from typing import Any

from botocore import exceptions

from deploy.stages import APP

POLICY = "service-role/AmazonAPIGatewayPushToCloudWatchLogs"
TRIES = 10
"""IAM's new roles are known everywhere after some seconds."""

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "apigateway.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def ensure_api_logs(
    client: Callable[[str], Any], region: str, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Gives API Gateway a role for logs, unless the account has set one already."""
    gateway = client("apigateway")
    if gateway.get_account().get("cloudwatchRoleArn"):
        return
    arn = _make_role(client("iam"), f"{APP}-api-logs-{region}")
    path = "/cloudwatchRoleArn"
    for tries_left in reversed(range(TRIES)):
        try:
            gateway.update_account(patchOperations=[{"op": "replace", "path": path, "value": arn}])
            return
        except exceptions.ClientError:
            if not tries_left:
                raise
            sleep(3)


def _make_role(iam: Any, name: str) -> str:
    """Its ARN. One that an earlier call made is completed."""
    try:
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    except iam.exceptions.EntityAlreadyExistsException:
        role = iam.get_role(RoleName=name)
    arn = str(role["Role"]["Arn"])
    partition = arn.split(":")[1]
    iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:{partition}:iam::aws:policy/{POLICY}")
    return arn
