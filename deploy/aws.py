"""`make deploy` and `make destroy`, by the AWS CLI: the stack is CloudFormation's alone.

Everything that can be wrong before is looked at before: nothing is changed by a command that is
going to fail.
"""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
from botocore import exceptions

from deploy.changes import losses
from deploy.package import TEMPLATE
from deploy.refusal import Refusal
from deploy.stages import APP, Stage

UPLOADED = "uploaded.json"
"""The template again, with the place in S3 where the package was uploaded to."""


Outputs = Mapping[str, str]
"""The stack's outputs, by their names in the template."""


@dataclass(frozen=True, slots=True)
class Account:
    """The AWS account and region to deploy to."""

    number: str
    region: str


def check_account() -> Account:
    """Refusal unless there are a region, and credentials that AWS accepts."""
    region = botocore.session.get_session().get_config_variable("region")
    if not region:
        raise Refusal("No region is set. Set one: export AWS_DEFAULT_REGION=eu-central-1")
    try:
        return Account(client("sts").get_caller_identity()["Account"], region)
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError):
        raise Refusal(
            "There are no AWS credentials. Run `aws configure`, or set AWS_PROFILE, or "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        ) from None
    except (exceptions.ClientError, exceptions.BotoCoreError) as error:
        raise Refusal(f"AWS does not accept the credentials: {error}") from error


def upload(stage: Stage, out: Path, bucket: str) -> Path:
    """The template for `deploy`: it names the place in S3 where the package is now."""
    uploaded = out / UPLOADED
    _aws(
        "package",
        {
            **_place(stage, bucket),
            "--template-file": out / TEMPLATE,
            "--output-template-file": uploaded,
        },
        "--use-json",
        quiet=True,
    )
    return uploaded


def deploy(
    stage: Stage, template: Path, bucket: str, given: Mapping[str, str], *, may_lose: bool = False
) -> Outputs:
    """Makes the stack as the template says, or leaves it if it is so; answers its outputs.

    A parameter that is not `given` keeps the value that the stack has; a new stack takes the
    template's default. Refusal of a change that loses a table's content, unless `may_lose`.
    """
    said = _aws(
        "deploy",
        {**_place(stage, bucket), "--template-file": template, "--stack-name": stage.stack},
        *["--no-execute-changeset", "--no-fail-on-empty-changeset"],
        *["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        *["--tags", *_pairs({"Application": APP, "Stage": stage.name})],
        *(["--parameter-overrides", *_pairs(given)] if given else []),
        quiet=True,
    )
    change_set = re.search(r"--change-set-name (\S+)", said)
    if change_set is None:
        print(f"No changes to deploy: {stage.stack} is up to date.")
    else:
        _execute(stage, change_set[1], may_lose=may_lose)
    if stage.production:
        _protect(stage, is_on=True)
    return outputs(stage)


def _execute(stage: Stage, change_set: str, *, may_lose: bool) -> None:
    cloudformation = client("cloudformation")
    pages = cloudformation.get_paginator("describe_change_set").paginate(ChangeSetName=change_set)
    lost = losses(change for page in pages for change in page["Changes"])
    if lost and not may_lose:
        cloudformation.delete_change_set(ChangeSetName=change_set)
        raise Refusal(
            f"This would put new, empty ones in place of {', '.join(lost)}, and nothing was "
            f"changed. If you mean it: CONFIRM={stage.stack}"
        )
    print(f"Deploying {stage.stack} …")
    (stack,) = cloudformation.describe_stacks(StackName=stage.stack)["Stacks"]
    kind = "create" if stack["StackStatus"] == "REVIEW_IN_PROGRESS" else "update"
    cloudformation.execute_change_set(ChangeSetName=change_set)
    try:
        cloudformation.get_waiter(f"stack_{kind}_complete").wait(
            StackName=stage.stack, WaiterConfig={"Delay": 5, "MaxAttempts": 720}
        )
    except exceptions.WaiterError as error:
        raise Refusal(
            f"The stack's {kind} failed. What happened: aws cloudformation describe-stack-events "
            f"--stack-name {stage.stack}"
        ) from error


def _protect(stage: Stage, *, is_on: bool) -> None:
    client("cloudformation").update_termination_protection(
        StackName=stage.stack, EnableTerminationProtection=is_on
    )


def _pairs(values: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in values.items()]


def _place(stage: Stage, bucket: str) -> Mapping[str, object]:
    return {"--s3-bucket": bucket, "--s3-prefix": stage.stack}


def outputs(stage: Stage) -> Outputs:
    (stack,) = client("cloudformation").describe_stacks(StackName=stage.stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def destroy(stage: Stage) -> None:
    """Deletes the stack and waits until it is gone. A production stage's tables stay."""
    if stage.production:
        _protect(stage, is_on=False)
    _aws("delete-stack", {"--stack-name": stage.stack})
    _aws("wait stack-delete-complete", {"--stack-name": stage.stack})


def client(service: str) -> Any:
    """Returns botocore's client, for the account and region of this process."""
    return botocore.session.get_session().create_client(service)


def _aws(command: str, options: Mapping[str, object], *more: str, quiet: bool = False) -> str:
    """`aws cloudformation`; what it says is shown, or answered, and told when it fails."""
    named = [str(word) for option in options.items() for word in option]
    aws = str(Path(sys.executable).with_name("aws"))
    done = subprocess.run(
        [aws, "cloudformation", *command.split(), *named, *more],
        capture_output=quiet,
        text=True,
        check=False,
    )
    if done.returncode:
        said = f":\n{done.stdout}{done.stderr}" if quiet else ", as it says above."
        raise Refusal(f"aws cloudformation {command} failed{said}")
    return done.stdout or ""
