"""Goals 3 and 4: what a function's first request costs, from the packages as they are deployed.

Each start is a new process, which loads AWS's runtime client, then the function, and then has it
answer a request that asks an endpoint over TLS. Each package loads the authorities that it would
believe on AWS: botocore its own list, ours those of Amazon.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.common import (
    ROOT,
    USER,
    Result,
    answering,
    entries_after,
    environment,
    event,
    found,
    interleaved,
    milliseconds,
    page_of_rows,
    told,
)
from deploy.package import ZIP, package
from deploy.stages import read_stage
from tests.web import write_certificate

ROUNDS = 15
RUNTIME_CLIENT = "awslambdaric==4.2.2"
BASELINE = ("pynamodb==6.1.0",)

PYTHON = str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}")
"""Without what is installed beside this script."""

START = """
import json, sys, time
import awslambdaric.bootstrap
name, event = json.loads(sys.argv[1])
if name:
    import app
    class Context:
        aws_request_id = "r" * 36
        function_name = name
        get_remaining_time_in_millis = staticmethod(lambda: 30_000)
    answer = getattr(app, name)(event, Context())
    if answer.get("statusCode", 200) not in (200, 201) or answer.get("batchItemFailures"):
        raise SystemExit(f"{name} answered {answer}")
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([time.process_time(), int(peak.split()[1])]))
"""

ANSWERS = {
    "Query partition": found(page_of_rows(1000, 50), more=True),
    "Query 1 partition": found(page_of_rows(1000, 1), more=True),
    "Query primary": found(entries_after(1000, 1)),
    "Query 1 primary": found(entries_after(999, 1)),
    "PutItem partition": "{}",
    "PutItem primary": "{}",
}
STREAM = {
    "Records": [
        {
            "eventName": "INSERT",
            "eventSourceARN": "arn",
            "dynamodb": {
                "Keys": {"user_id": {"S": USER}, "cursor": {"N": "1001"}},
                "SequenceNumber": "1",
                "ApproximateCreationDateTime": 1,
            },
        }
    ]
}
SAVE = {"prompt": "a red fox", "imageUrl": "https://images.example/1.png"}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("Packaging …", file=sys.stderr)
        runtime = installed(folder / "runtime", RUNTIME_CLIENT)
        theirs, ours = straightforward(folder / "theirs"), product(folder / "ours")
        certificate = folder / "certificate.pem"
        write_certificate(certificate)
        with answering(ANSWERS, certificate=certificate) as url:
            starts = Starts(runtime, environment(url), folder, certificate)
            measure(starts, theirs, ours)


class Starts:
    """Of one process each: its CPU seconds, and the most memory that it had."""

    def __init__(
        self, runtime: Path, variables: Mapping[str, str], folder: Path, certificate: Path
    ) -> None:
        self._runtime = runtime
        self._variables = variables
        self._folder = folder
        self._certificate = certificate
        self.memory: dict[str, list[int]] = {}

    def _trusting(self, task: Path) -> dict[str, str]:
        """Whom the package itself would believe, and the endpoint besides."""
        own = task / "chalicelib/dynamodb/amazon-roots.pem"
        usual = own if own.exists() else task / "botocore/cacert.pem"
        file = self._folder / f"{usual.stem}-and-the-endpoint.pem"
        file.write_bytes(usual.read_bytes() + b"\n" + self._certificate.read_bytes())
        return {"AWS_CA_BUNDLE": str(file)}

    def of(self, label: str, folder: Path, function: str, given: Any) -> float:
        path = os.pathsep.join([str(folder), str(self._runtime)])
        done = subprocess.run(
            [PYTHON, "-S", "-c", START, json.dumps([function, given])],
            cwd=folder,
            env={
                **self._variables,
                **self._trusting(folder),
                "PYTHONPATH": path,
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{label}:\n{done.stdout}{done.stderr}")
        seconds, memory = json.loads(done.stdout.splitlines()[-1])
        self.memory.setdefault(label, []).append(memory)
        return float(seconds)


def measure(starts: Starts, theirs: Path, ours: Path) -> None:
    get, post = event("GET", "/api/images", limit="50"), event("POST", "/api/images", SAVE)
    contenders = {
        "runtime": (ours, "", {}),
        "baseline": (theirs, "app", get),
        "read": (ours, "read_api", get),
        "write": (ours, "app", post),
        "stream": (ours, "on_images", STREAM),
    }
    median = interleaved(
        {
            label: lambda label=label, of=of: starts.of(label, *of)  # type: ignore[misc]
            for label, of in contenders.items()
        },
        ROUNDS,
    )
    above = {label: seconds - median["runtime"] for label, seconds in median.items()}
    memory = {label: sorted(all_of)[len(all_of) // 2] for label, all_of in starts.memory.items()}
    detail = ", ".join(f"{label} {milliseconds(seconds)}" for label, seconds in above.items())
    read, write, stream = (above[name] / above["baseline"] for name in ("read", "write", "stream"))
    told(Result("3", "cold start, read / baseline, CPU", read, 0.10, detail=detail))
    told(
        Result(
            "3",
            "cold start, read / baseline, RSS",
            memory["read"] / memory["baseline"],
            0.6,
            detail=f"{memory['read'] // 1024} / {memory['baseline'] // 1024} MiB",
        )
    )
    told(Result("4", "cold start, write / baseline, CPU", write, 0.45))
    told(Result("4", "cold start, stream / baseline, CPU", stream, 0.45))


def installed(folder: Path, *requirements: str) -> Path:
    command = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*command, "--target", str(folder), *requirements], check=True)
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(folder)], check=True)
    return folder


def straightforward(folder: Path) -> Path:
    """`benchmarks/baseline`, as Chalice packages it by itself."""
    project = folder / "project"
    (project / ".chalice").mkdir(parents=True)
    config = {"version": "2.0", "app_name": "baseline", "stages": {"dev": {}}}
    (project / ".chalice/config.json").write_text(json.dumps(config))
    (project / "requirements.txt").write_text("\n".join(BASELINE))
    shutil.copy(ROOT / "benchmarks/baseline/app.py", project)
    chalice = [sys.executable, "-c", "from chalice.cli import main; main()"]
    subprocess.run(
        [*chalice, "package", str(folder / "out")],
        cwd=project,
        env={**os.environ, "AWS_DEFAULT_REGION": "eu-central-1"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return unpacked(folder / "out/deployment.zip", folder / "task")


def product(folder: Path) -> Path:
    running = ".".join(platform.python_version_tuple()[:2])  # both contenders' Python
    package(replace(read_stage("dev"), python=running), folder / "out")
    return unpacked(folder / "out" / ZIP, folder / "task")


def unpacked(file: Path, folder: Path) -> Path:
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    return folder


if __name__ == "__main__":
    main()
