"""`make deploy` and `make destroy`, by the AWS CLI: the stack is CloudFormation's alone.

Everything that can be wrong before is looked at before: nothing is changed by a command that is
going to fail.
"""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
from botocore import exceptions

from deploy.package import TEMPLATE
from deploy.refusal import Refusal
from deploy.stages import Stage

UPLOADED = "uploaded.json"
"""The template again, with the place in S3 where the package was uploaded to."""


Outputs = Mapping[str, str]
"""What the stack tells of itself, by the names in the template."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where is deployed to."""

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


def deploy(stage: Stage, template: Path, bucket: str, given: Mapping[str, str]) -> Outputs:
    """Makes the stack as the template says, or leaves it if it is so; answers its outputs.

    A parameter that is not `given` keeps the value that the stack has; a new stack takes the
    template's default.
    """
    overrides = [f"{name}={value}" for name, value in given.items()]
    _aws(
        "deploy",
        {**_place(stage, bucket), "--template-file": template, "--stack-name": stage.stack},
        "--no-fail-on-empty-changeset",
        *["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        *(["--parameter-overrides", *overrides] if overrides else []),
    )
    return outputs(stage)


def _place(stage: Stage, bucket: str) -> Mapping[str, object]:
    return {"--s3-bucket": bucket, "--s3-prefix": stage.stack}


def outputs(stage: Stage) -> Outputs:
    (stack,) = client("cloudformation").describe_stacks(StackName=stage.stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def destroy(stage: Stage) -> None:
    """Deletes the stack and waits until it is gone. A production stage's tables stay."""
    _aws("delete-stack", {"--stack-name": stage.stack})
    _aws("wait stack-delete-complete", {"--stack-name": stage.stack})


def client(service: str) -> Any:
    """botocore's, for the account and region of this process."""
    return botocore.session.get_session().create_client(service)


def _aws(command: str, options: Mapping[str, object], *more: str, quiet: bool = False) -> None:
    """`aws cloudformation`; what it says is shown, or only told when it fails."""
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
