"""`make invoke`: runs one of the operator's functions on the running local server's database."""

import json
import logging
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chalice.local import LambdaContext

from chalicelib.api.request import NotStrict, read_strictly
from chalicelib.dynamodb.protocol import CALL_SECONDS
from chalicelib.model.errors import ImageStorageError, InvalidEvent, LogDamaged
from chalicelib.operations import OPERATIONS
from local.dead_letters import FileDeadLetters
from local.pump import streams_client
from local.room import Room
from local.terminal import log_to_terminal, show_metrics
from local.workspace import NotRunning, try_lock

READING = frozenset({"get_images_for_user", "verify_user", "verify_all", "export_user"})
"""Operations that change nothing, and so need no room on the disk."""

ROUND_SECONDS = 2.0
"""Seconds that one call may take. Then a line of progress is shown, and the function is invoked
again."""


def invoke(data: Path, name: str, event: str) -> int:
    """Runs the operation to its end; its answer goes to stdout. Answers the exit code."""
    log_to_terminal(logging.WARNING)
    if name not in OPERATIONS:
        print(f"There is no {name}. Choose one of: {', '.join(OPERATIONS)}.", file=sys.stderr)
        return 2
    try:
        answer = run_to_its_end(function_of(data, name), name, parsed(event))
    except InvalidEvent as error:
        print(f"{name} was given a wrong event. {error}", file=sys.stderr)
        return 2
    except ImageStorageError as error:
        print(f"{name} ended with {explained(error)}", file=sys.stderr)
        return 1
    show(name, answer)
    return 0


def explained(error: ImageStorageError) -> str:
    """What went wrong, and what to do next."""
    what = f"{type(error).__name__}. {error}".rstrip(". ")
    if isinstance(error, LogDamaged):
        return f'{what}. See "A damaged log" in docs/operations.md.'
    return f"{what}. Nothing is lost; give the same command again."


def function_of(data: Path, name: str) -> Any:
    """The very function that Lambda would call, composed for the running server's database."""
    os.environ.update(environment_of(data))
    if name not in READING:
        Room(data).require()
    import app

    letters = FileDeadLetters(data / "dead-letters.jsonl", streams_client())
    vars(app)["dead_letters"] = lambda: letters
    vars(app)["emit"] = show_metrics  # stdout is the answer's alone
    return getattr(app, name)


def environment_of(data: Path) -> Mapping[str, str]:
    """Reads the environment that the running server left in its folder; NotRunning if there is
    none."""
    lock = try_lock(data / "server.lock") if data.is_dir() else None
    if lock is not None:
        lock.close()
    if lock is not None or not (data / "env").exists():
        raise NotRunning(f"No server runs on {data}. Start one in another terminal: make run")
    return exports_in(data / "env")


def exports_in(file: Path) -> Mapping[str, str]:
    """The variables that a file of shell lines exports."""
    words = shlex.split(file.read_text(encoding="utf-8"))
    return dict(word.split("=", 1) for word in words if word != "export")


def parsed(event: str) -> Any:
    """Reads the event as strictly as the API reads a body: it may not name a field twice."""
    try:
        return read_strictly(os.fsencode(event))
    except NotStrict as error:
        raise InvalidEvent("event", f"Give strict JSON: {error}") from None


def run_to_its_end(function: Any, name: str, event: Any) -> dict[str, Any]:
    """Invokes the operation until it is done. Joins the lists of all answers, such as images, and
    names each damaged place once."""
    lists: dict[str, list[Any]] = {}
    while True:
        context = LambdaContext(name, 256, int((CALL_SECONDS + ROUND_SECONDS) * 1000))
        answer: dict[str, Any] = function(event, context)
        for member, value in answer.items():
            if isinstance(value, list):
                found = lists.setdefault(member, [])
                found.extend(place for place in value if member != "damage" or place not in found)
        if answer["done"]:
            return answer | lists
        event = answer["resume"]
        print(f"{name}: {progress(answer)} …", file=sys.stderr, flush=True)


def progress(answer: Mapping[str, Any]) -> str:
    """The counts so far, and where a user's log was reached."""
    numbers = {k: v for k, v in answer.items() if isinstance(v, int | float) and k != "done"}
    return ", ".join(f"{name} {number}" for name, number in numbers.items()) or "more to do"


def show(name: str, answer: dict[str, Any]) -> None:
    """The answer as JSON; an export as JSON Lines, which `make import` takes."""
    if name != "export_user":
        print(json.dumps(answer, indent=2, ensure_ascii=False))
        return
    for image in answer.pop("images"):
        print(json.dumps(image, ensure_ascii=False))
    print(json.dumps(answer), file=sys.stderr)
