"""Where the emulator is known not to do as AWS does: what a deployed stage is given for it.

Each takes what it gives from the stage itself, so what is wrong there is wrong here too.
`event_source` is the largest of them.
"""

import json
from typing import Any

from tests.deployed.stack import API_STAGE, Stack


def use_gateway_responses(stack: Stack) -> None:
    """Puts the template's gateway responses in force.

    On AWS they are, as a part of the API's definition; the emulator leaves that part out.
    """
    definition = stack.resources()["RestAPI"]["Properties"]["Body"]
    gateway = stack.emulator.client("apigateway")
    for kind, response in definition["x-amazon-apigateway-gateway-responses"].items():
        gateway.put_gateway_response(restApiId=stack.api_id, responseType=kind, **response)
    gateway.create_deployment(restApiId=stack.api_id, stageName=API_STAGE)


def let_the_stream_be_read(stack: Stack) -> None:
    """Lets the redrive function make the calls to the stream that its own policy allows.

    AWS judges them by the stream's ARN; the emulator by `*`, which no policy of ours allows.
    """
    iam = stack.emulator.client("iam")
    role = stack.physical_id("RedriveDeadLettersRole")
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    (statement,) = (each for each in policy["Statement"] if "/stream/" in each["Resource"])
    widened = {**policy, "Statement": [{**statement, "Resource": "*"}]}
    put_policy(stack, role, "in_the_emulator", widened)


def addresses(stack: Stack, front: str) -> dict[str, str]:
    """Parameters for a stack with an issuer of its own, whose addresses at AWS lead nowhere here.

    `front` is the emulator by https.
    """
    keys = f"{stack.outputs()['UserPoolId']}/.well-known/jwks.json"
    return {
        "GalleryUrl": stack.gallery,
        "OidcJwksUrl": f"{front}/{keys}",
        "OidcAuthorizationEndpoint": f"{front}/oauth2/authorize",
        "OidcTokenEndpoint": f"{front}/oauth2/token",
        "OidcEndSessionEndpoint": f"{front}/logout",
    }


def judge_by_the_tag_alone(stack: Stack) -> None:
    """Lets the bound role read for whomever its session names.

    That it reads that user's keys alone is for AWS to enforce: the emulator tells a policy the
    session's tag, but not `dynamodb:LeadingKeys`, without which ours allows nothing. So what is
    deployed is looked at, and then replaced by what the emulator can judge.
    """
    iam = stack.emulator.client("iam")
    role, name = stack.physical_id("ReaderRole"), "own_partition"
    policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    (statement,) = policy["Statement"]
    assert statement["Condition"] == {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["${aws:PrincipalTag/user_id}"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    tagged = {**statement, "Condition": {"Null": {"aws:PrincipalTag/user_id": "false"}}}
    put_policy(stack, role, name, {**policy, "Statement": [tagged]})


def put_policy(stack: Stack, role: str, name: str, policy: dict[str, Any]) -> None:
    stack.emulator.client("iam").put_role_policy(
        RoleName=role, PolicyName=name, PolicyDocument=json.dumps(policy)
    )
