"""`python -m deploy package | deploy | destroy STAGE`: what the Makefile calls."""

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from deploy import aws, discovery
from deploy.package import TEMPLATE, ZIP, package
from deploy.parameters import assignments, check, parameters
from deploy.refusal import Refusal
from deploy.stages import Stage, read_stage

OUT = Path("out")


def main(argv: list[str], environ: Mapping[str, str]) -> int:
    command = _parser().parse_args(argv)
    try:
        stage = read_stage(command.stage)
        if command.name == "package":
            _package(replace(stage, parameters=discovery.completed(stage.parameters)))
        elif command.name == "deploy":
            _deploy(stage, environ)
        else:
            _destroy(stage, environ)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy", description="One stack per stage.")
    parser.add_argument("name", choices=("package", "deploy", "destroy"))
    parser.add_argument("stage", help="a stage of .chalice/config.json")
    return parser


def _package(stage: Stage) -> Path:
    out = OUT / stage.name
    print(f"Packaging {stage.stack} …")
    size = package(stage, out)
    print(f"{out / ZIP}: {size.bytes:,} bytes, {size.files} files; beside it {TEMPLATE}")
    return out


def _deploy(stage: Stage, environ: Mapping[str, str]) -> None:
    given = discovery.completed({**stage.parameters, **assignments(environ.get("PARAMETERS", ""))})
    bucket = environ.get("BUCKET") or stage.bucket
    check(parameters(stage), given)
    aws.check_account()
    aws.check_bucket(bucket)
    out = _package(stage)
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
