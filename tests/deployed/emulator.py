"""AWS on this machine: ministack, with IAM enforced, in a Python environment of its own."""

import functools
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
import httpx
from botocore.config import Config

from local.dynamodb_local import REGION, Connection, free_port
from local.workspace import Credentials

OPERATOR = Credentials("test", "test")
"""May do everything. The functions have their roles' own credentials."""

PATIENT = Config(read_timeout=120, retries={"mode": "standard", "total_max_attempts": 1})
"""A function is invoked once, however long its cold start takes."""

HOST = "localhost"
"""What the emulator calls itself: hosts below this name are this machine to every browser."""

START_SECONDS = 60
STOP_SECONDS = 20


@dataclass(frozen=True)
class Emulator:
    """A running one. `log` is the file with all that it and the functions in it write."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        """For other processes: AWS is the emulator, and nothing else."""
        return Connection(self.url, OPERATOR).environ(os.environ)

    def client(self, service: str) -> Any:
        return client_at(self.url, service)


@functools.cache
def client_at(url: str, service: str) -> Any:
    to_it = Connection(url, OPERATOR).client_args()
    return botocore.session.get_session().create_client(service, **to_it, config=PATIENT)


@contextmanager
def emulating(python: Path, folder: Path, trusted: Path) -> Iterator[Emulator]:
    """Starts one that keeps everything in the folder; ends it, and the functions, afterwards.

    `python` is its environment's. The functions run in it too, with its boto3 as Lambda's runtime
    has one; they trust the certificate in the file `trusted` and no other.
    """
    emulator = Emulator(free_port(), folder / "emulator.log")
    with emulator.log.open("wb") as log:
        process = subprocess.Popen(
            [python, "-m", "ministack"],
            cwd=folder,
            env=emulator_environ(emulator, folder, trusted),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until_healthy(emulator, process)
        yield emulator
    finally:
        end_group(process)


def emulator_environ(emulator: Emulator, folder: Path, trusted: Path) -> dict[str, str]:
    """The functions inherit these variables, so none may lead them astray."""
    inherited = {
        name: value for name, value in emulator.environ.items() if not name.startswith("AWS_")
    }
    return inherited | {
        "AUTH": "true",  # IAM's policies are enforced
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": HOST,
        "GATEWAY_PORT": str(emulator.port),
        "MINISTACK_REGION": REGION,
        "AWS_ACCESS_KEY_ID": OPERATOR.access_key_id,
        "AWS_SECRET_ACCESS_KEY": OPERATOR.secret_access_key,
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "TMPDIR": str(folder),
        "SSL_CERT_FILE": str(trusted),
        # These would listen beyond this machine.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }


def wait_until_healthy(emulator: Emulator, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            httpx.get(f"{emulator.url}/_ministack/health", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"The emulator did not start:\n{emulator.log.read_text()}")


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Ends it in good order, and then whatever is left of the session that it leads."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
