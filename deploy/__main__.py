"""`python -m deploy python | package | deploy | destroy STAGE`: what the Makefile calls."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy import aws
from deploy.interpreter import interpreter
from deploy.package import TEMPLATE, ZIP, package
from deploy.parameters import assignments, check, parameters
from deploy.refusal import Refusal
from deploy.stages import Stage, read_stage

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


def _package(stage: Stage, _environ: Mapping[str, str]) -> Path:
    out = OUT / stage.name
    print(f"Packaging {stage.stack} …")
    size = package(stage, out)
    print(f"{out / ZIP}: {size.bytes:,} bytes, {size.files} files; beside it {TEMPLATE}")
    return out


def _deploy(stage: Stage, environ: Mapping[str, str]) -> None:
    given = {**stage.parameters, **assignments(environ.get("PARAMETERS", ""))}
    bucket = environ.get("BUCKET") or stage.bucket
    check(parameters(stage), given)
    aws.check_account()
    aws.check_bucket(bucket)
    interpreter(stage.python)
    out = _package(stage, environ)
    for name, value in aws.deploy(stage, out, bucket, given).items():
        print(f"{name}: {value}")


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
    "package": _package,
    "deploy": _deploy,
    "destroy": _destroy,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
