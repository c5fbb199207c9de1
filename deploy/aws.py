"""`make deploy` and `make destroy`, by the AWS CLI: the stack is CloudFormation's alone.

Everything that can be wrong before is looked at before: nothing is changed by a command that is
going to fail.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import botocore.session
from botocore import exceptions

from deploy.package import TEMPLATE
from deploy.refusal import Refusal
from deploy.stages import CONFIG, Stage

UPLOADED = "uploaded.json"
"""The template again, with the place in S3 where the package was uploaded to."""


def check_account() -> None:
    """Refusal unless there are a region, and credentials that AWS accepts."""
    if not botocore.session.get_session().get_config_variable("region"):
        raise Refusal("No region is set. Set one: export AWS_DEFAULT_REGION=eu-central-1")
    try:
        _client("sts").get_caller_identity()
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError):
        raise Refusal(
            "There are no AWS credentials. Run `aws configure`, or set AWS_PROFILE, or "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        ) from None
    except (exceptions.ClientError, exceptions.BotoCoreError) as error:
        raise Refusal(f"AWS does not accept the credentials: {error}") from error


def check_bucket(bucket: str) -> None:
    """Refusal unless one is named, and can be used."""
    if not bucket:
        raise Refusal(
            f'No bucket is named for the package. Give the stage a "bucket" in {CONFIG}, or say '
            f"BUCKET=…; to make one: aws s3 mb s3://NAME"
        )
    try:
        _client("s3").head_bucket(Bucket=bucket)
    except (exceptions.ClientError, exceptions.BotoCoreError) as error:
        raise Refusal(f"The bucket {bucket!r} cannot be used: {error}") from error


def deploy(stage: Stage, out: Path, bucket: str, given: Mapping[str, str]) -> Mapping[str, str]:
    """Makes the stack as the template says, or leaves it if it is so; answers its outputs.

    A parameter that is not `given` keeps the value that the stack has; a new stack takes the
    template's default.
    """
    uploaded = out / UPLOADED
    s3 = {"--s3-bucket": bucket, "--s3-prefix": stage.stack}
    _aws(
        "package",
        {**s3, "--template-file": out / TEMPLATE, "--output-template-file": uploaded},
        "--use-json",
        quiet=True,
    )
    overrides = [f"{name}={value}" for name, value in given.items()]
    _aws(
        "deploy",
        {**s3, "--template-file": uploaded, "--stack-name": stage.stack},
        "--no-fail-on-empty-changeset",
        *["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        *(["--parameter-overrides", *overrides] if overrides else []),
    )
    return outputs(stage)


def outputs(stage: Stage) -> Mapping[str, str]:
    (stack,) = _client("cloudformation").describe_stacks(StackName=stage.stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def destroy(stage: Stage) -> None:
    """Deletes the stack and waits until it is gone. A production stage's tables stay."""
    _aws("delete-stack", {"--stack-name": stage.stack})
    _aws("wait stack-delete-complete", {"--stack-name": stage.stack})


def _client(service: str) -> Any:
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
