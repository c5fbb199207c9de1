"""`python -m deploy python | package | deploy | destroy STAGE`: what the Makefile calls."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from deploy import aws, discovery
from deploy.api_logs import ensure_api_logs
from deploy.bucket import check_bucket, ensure_bucket, own_bucket
from deploy.interpreter import interpreter
from deploy.package import TEMPLATE, ZIP, package
from deploy.parameters import assignments, check, parameters
from deploy.refusal import Refusal
from deploy.stages import CONFIG, Stage, read_stage

OUT = Path("out")


def main(argv: list[str], environ: Mapping[str, str]) -> int:
    command = _parser().parse_args(argv)
    try:
        COMMANDS[command.name](read_stage(command.stage), environ)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy", description="One stack per stage.")
    parser.add_argument("name", choices=COMMANDS)
    parser.add_argument("stage", help="a stage of .chalice/config.json")
    return parser


def _python(stage: Stage, _environ: Mapping[str, str]) -> None:
    print(interpreter(stage.python))


def _package_alone(stage: Stage, environ: Mapping[str, str]) -> None:
    if environ.get("PARAMETERS", "").strip():
        raise Refusal(
            "make package takes no PARAMETERS: they are given when the stack is made. Write them "
            f'under "parameters" of the stage in {CONFIG} to have them in the template, or give '
            "them to the command that deploys it."
        )
    _package(replace(stage, parameters=discovery.completed(stage.parameters)))


def _package(stage: Stage) -> Path:
    out = OUT / stage.name
    print(f"Packaging {stage.stack} …")
    size = package(stage, out)
    print(f"{out / ZIP}: {size.bytes:,} bytes, {size.files} files; beside it {TEMPLATE}")
    return out


def _deploy(stage: Stage, environ: Mapping[str, str]) -> None:
    given = discovery.completed({**stage.parameters, **assignments(environ.get("PARAMETERS", ""))})
    named = environ.get("BUCKET") or stage.bucket
    # 1. Look at everything that can be wrong.
    check(parameters(stage), given)
    account = aws.check_account()
    s3 = aws.client("s3")
    if named:
        check_bucket(s3, named, account.number)
    # 2. Package, and upload.
    out = _package(stage)
    bucket = named or own_bucket(account.number, account.region)
    if not named:
        ensure_bucket(s3, bucket, account.number, account.region)
    template = aws.upload(stage, out, bucket)
    # 3. Make the stack; its own issuer learns where the gallery is.
    ensure_api_logs(aws.client, account.region)
    may_lose = environ.get("CONFIRM") == stage.stack
    outputs = aws.deploy(stage, template, bucket, given, may_lose=may_lose)
    if "UserPoolId" in outputs and "GalleryUrl" not in outputs:
        print("Telling the issuer where the gallery is …")
        gallery = {"GalleryUrl": outputs["EndpointURL"]}
        outputs = aws.deploy(stage, template, bucket, {**given, **gallery})
    _tell(outputs, account.region)


def _tell(outputs: Mapping[str, str], region: str) -> None:
    for name, value in outputs.items():
        print(f"{name}: {value}")
    if "UserPoolId" in outputs:
        print(FIRST_USER.format(region=region, **outputs))


FIRST_USER = r"""
To make a user, whom Cognito sends a password for the first sign-in (put the address in twice):

    aws cognito-idp admin-create-user --region {region} --user-pool-id {UserPoolId} \
      --username you@app.example \
      --user-attributes Name=email,Value=you@app.example Name=email_verified,Value=true

Then sign in at {GalleryUrl}"""


def _destroy(stage: Stage, environ: Mapping[str, str]) -> None:
    if stage.production and environ.get("CONFIRM") != stage.stack:
        raise Refusal(
            f"{stage.stack} is a production stage. If you mean it: "
            f"make destroy STAGE={stage.name} CONFIRM={stage.stack}"
        )
    aws.check_account()
    aws.destroy(stage)
    if stage.production:
        print("Its tables are still there, with all data; they are no part of any stack now.")


COMMANDS: Mapping[str, Callable[[Stage, Mapping[str, str]], object]] = {
    "python": _python,
    "package": _package_alone,
    "deploy": _deploy,
    "destroy": _destroy,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
