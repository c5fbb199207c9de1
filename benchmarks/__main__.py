"""`make bench`: every benchmark, one after the other; its table goes into docs/performance.md."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT

SCRIPTS = ("page", "cold_start", "append", "sync", "growth", "throughput", "stream", "sweep")
DOCUMENT = ROOT / "docs/performance.md"
BEGIN, END = "<!-- make bench: begin -->", "<!-- make bench: end -->"
LIBRARIES = ("chalice", "botocore", "pynamodb", "httptools", "orjson", "waitress")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "results.jsonl"
        file.touch()
        for script in SCRIPTS:
            print(f"— {script}", file=sys.stderr)
            subprocess.run(
                [sys.executable, "-m", f"benchmarks.{script}"],
                cwd=ROOT,
                env={**os.environ, "BENCH_RESULTS": str(file)},
                check=True,
            )
        results = [json.loads(line) for line in file.read_text().splitlines()]
    write(results)
    return 0 if all(result["passed"] for result in results) else 1


def write(results: list[Any]) -> None:
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    table = ["| Goal | What | Here | Goal | |", "|---|---|---|---|---|", *map(line, results)]
    told = "\n".join([BEGIN, "", machine(), "", *table, "", END])
    DOCUMENT.write_text(f"{before}{told}{after}")


def line(result: Any) -> str:
    sign = "≥" if result["at_least"] else "≤"
    verdict = "" if result["passed"] else "**falls short**"
    what = f"{result['what']}{': ' + result['detail'] if result['detail'] else ''}"
    value, limit = f"{result['value']:.3g}", f"{sign} {result['limit']:g}"
    return f"| {result['goal']} | {what} | {value} | {limit} | {verdict} |"


def machine() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} processors ({platform.machine()}), "
        f"Python {platform.python_version()}, {libraries}; load average at the end {load}."
    )


if __name__ == "__main__":
    sys.exit(main())
