"""The command line that the Makefile calls: `python -m local run | token | demo | import | invoke
…`."""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from local.dynamodb_local import EngineError
from local.room import DiskFull
from local.workspace import DEFAULT_DATA, DEFAULT_PORT, NotRunning, Workspace, WorkspaceBusy


def main(argv: list[str], environ: Mapping[str, str]) -> int:
    if argv[:1] == ["import"]:
        from local.importer import main as import_images

        return import_images(argv[1:], environ)
    command = _parser().parse_args(argv)
    data = Path(environ.get("DATA") or DEFAULT_DATA)
    try:
        if command.name == "run":
            return _run(data, environ)
        if command.name == "invoke":
            from local.invoke import invoke

            return invoke(data, command.operation, command.event or "{}")
        if command.name == "demo":
            return _demo(data, command.user, environ)
        return _token(data, command.user)
    except (NotRunning, WorkspaceBusy, EngineError, DiskFull, ValueError) as error:
        print(error, file=sys.stderr)
    except OSError as error:
        print(f"{error}. The data folder is {data}; DATA=… chooses another.", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description="Image Storage on your own machine. Environment: PORT (8000), DATA (.local).",
    )
    commands = parser.add_subparsers(dest="name", required=True)
    commands.add_parser("run", help="serve the API, with its database, until stopped")
    token = commands.add_parser("token", help="print a development token")
    token.add_argument("user", help="any name")
    invoke = commands.add_parser("invoke", help="run one of the operator's functions to its end")
    invoke.add_argument("operation", help="its name, such as verify_user")
    invoke.add_argument("event", nargs="?", default="{}", help="JSON; samples are in events/")
    demo = commands.add_parser("demo", help="fill a user's library with drawn images")
    demo.add_argument("user", help="any name")
    commands.add_parser("import", help="save images from a file; see: import --help")
    return parser


def _run(data: Path, environ: Mapping[str, str]) -> int:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    from local.run import run  # takes a second, in which Ctrl-C must be heard

    port = environ.get("PORT") or str(DEFAULT_PORT)
    if not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise ValueError(f"PORT must be a number from 1 to 65535, not {port!r}.")
    return run(data, int(port), stop)


def _token(data: Path, user: str) -> int:
    from local.issuer import Issuer

    print(Issuer(Workspace(data).folder).token(user, time.time()))
    return 0


def _demo(data: Path, user: str, environ: Mapping[str, str]) -> int:
    from local.demo import write_demo
    from local.importer import main as import_images

    path = Workspace(data).folder / "demo.jsonl"
    write_demo(path)
    return import_images([f"--user={user}", "--", str(path)], environ)


sys.exit(main(sys.argv[1:], os.environ))
