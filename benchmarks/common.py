"""What the benchmarks share: images, an endpoint that answers by heart, and fair measuring."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.model.entries import Cursor, Entry, Payload, Row, UserId
from chalicelib.store.items import entry_to_item, row_to_item
from chalicelib.sync.projection import to_row

ROOT = Path(__file__).resolve().parent.parent
USER = UserId("u" * 43)
ROUNDS = 15
"""Rounds of each contender, in turns; the median is told."""

PROMPT = "a photograph of a red fox in deep snow, golden hour, 85mm, shallow depth of field, {}"


def payload(number: int) -> Payload:
    """An image as people make them: a prompt of some 80 letters, all fields."""
    url = f"https://images.example/library/2026/11/{number:012d}/original.png"
    return Payload(PROMPT.format(number), url, "sdxl-turbo", str(10**9 + number), 30)


def entry(number: int) -> Entry:
    moment = "2026-11-22T14:10:00.123Z"
    return Entry(Cursor(number), "i" * 22, moment, number, payload(number))


def row(number: int) -> Row:
    return to_row(entry(number))


def found(items: list[Any], more: bool = False) -> str:
    """What a Query answers."""
    end = {"LastEvaluatedKey": {name: items[-1][name] for name in ("user_id", "cursor")}}
    counts = {"Count": len(items), "ScannedCount": len(items)}
    return json.dumps({"Items": items, **counts, **(end if more else {})}, separators=(",", ":"))


def page_of_rows(first: int, many: int) -> list[Any]:
    return [row_to_item(USER, row(first - n)) for n in range(many)]


def entries_after(cursor: int, many: int) -> list[Any]:
    return [entry_to_item(USER, entry(cursor + n)) for n in range(1, many + 1)]


@contextlib.contextmanager
def answering(
    answers: Mapping[str, str], seconds: float = 0.0, certificate: Path | None = None
) -> Iterator[str]:
    """Serves the answers from a process of its own, each after so many seconds; yields its URL."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answers.json"
        lower = {name.lower(): body for name, body in answers.items()}
        file.write_text(json.dumps({"answers": lower, "seconds": seconds}))
        command = [sys.executable, "-m", "benchmarks.endpoint", str(file)]
        process = subprocess.Popen(
            [*command, *([str(certificate)] if certificate else [])],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:  # which closes its stdin: that ends it
            port = "" if process.stdout is None else process.stdout.readline().strip()
            yield f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
            process.communicate("")


def environment(endpoint: str) -> dict[str, str]:
    """What a function of a stage has, pointed at the endpoint."""
    return {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
        "AWS_SESSION_TOKEN": "t" * 400,  # a function's are about so long
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PRIMARY_TABLE": "primary",
        "PARTITION_TABLE": "partition",
        "IDEMPOTENCY_TABLE": "idempotency",
        "OIDC_ISSUER": "https://issuer.example",
        "OIDC_AUDIENCE": "app",
        "OIDC_JWKS_URL": "https://issuer.example/keys",
    }


def event(method: str, route: str, body: Any = None, **query: str) -> dict[str, Any]:
    """API Gateway's proxy event, as far as Chalice reads it."""
    return {
        "resource": route,
        "path": route,
        "httpMethod": method,
        "requestContext": {
            "resourcePath": route,
            "path": "/api" + route,
            "httpMethod": method,
            "requestId": "r" * 36,
            "authorizer": {"principalId": USER, "expiresAt": str(int(time.time()) + 36_000)},
        },
        "headers": {"content-type": "application/json", "accept-encoding": "gzip"},
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()},
        "pathParameters": None,
        "stageVariables": None,
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


class LambdaContext:
    """What Lambda hands in beside the event."""

    aws_request_id = "r" * 36
    function_name = "read_api"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 30_000


Measure = Callable[[], float]


def cpu(work: Callable[[], object], times: int) -> Measure:
    """CPU seconds of this process for one call, of so many."""
    for _ in range(times // 4 + 1):
        work()

    def measure() -> float:
        began = time.process_time()
        for _ in range(times):
            work()
        return (time.process_time() - began) / times

    return measure


def wall(work: Callable[[], object], times: int) -> Measure:
    """Seconds that one call takes, of so many."""
    work()

    def measure() -> float:
        began = time.perf_counter()
        for _ in range(times):
            work()
        return (time.perf_counter() - began) / times

    return measure


def interleaved(contenders: Mapping[str, Measure], rounds: int = ROUNDS) -> dict[str, float]:
    """The median of each, measured in turns, so that a busy moment hits all alike."""
    measured: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds):
        names = list(contenders) if turn % 2 else list(contenders)[::-1]
        for name in names:
            measured[name].append(contenders[name]())
    return {name: statistics.median(values) for name, values in measured.items()}


@dataclass(frozen=True)
class Result:
    """One line of the table: a ratio or a count, and what it must be."""

    goal: str
    what: str
    value: float
    limit: float
    at_least: bool = False
    detail: str = ""

    @property
    def passed(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def __str__(self) -> str:
        verdict = "pass" if self.passed else "FALLS SHORT"
        sign = "≥" if self.at_least else "≤"
        return (
            f"{self.goal:>3}  {verdict:11}  {self.value:8.3f} {sign} {self.limit:<6g} "
            f"{self.what}{'; ' + self.detail if self.detail else ''}"
        )


def told(result: Result) -> Result:
    """Prints it, and keeps it for `make bench` where that says so."""
    print(result, flush=True)
    if file := os.environ.get("BENCH_RESULTS"):
        with Path(file).open("a") as lines:
            lines.write(json.dumps({**vars(result), "passed": result.passed}) + "\n")
    return result


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3f} ms"
