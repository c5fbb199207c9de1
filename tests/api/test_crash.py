"""kill -9 of everything in the middle of an import, and start again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from local.dynamodb_local import free_port
from tests.api.server import Server, wait_until_healthy

LINES = 2400


class Machine:
    """One data folder, with the server and the importer as processes that can be killed."""

    def __init__(self, folder: Path) -> None:
        self.server = Server(free_port(), folder / "data", folder / "server.log")
        self.file = folder / "images.jsonl"
        self.environ = {
            **os.environ,
            "DATA": str(self.server.data),
            "PORT": str(self.server.port),
        }
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "local", *arguments]
        with self.server.log.open("ab") as log:
            process = subprocess.Popen(command, env=self.environ, stdout=log, stderr=log)
        self.running.append(process)
        return process

    def serve(self) -> None:
        wait_until_healthy(self.server, self.start("run"))

    def load(self) -> subprocess.Popen[bytes]:
        return self.start("import", "--user", "alice", str(self.file))

    def kill_everything(self) -> None:
        """kill -9 of the server, of its database and of the importer, at once."""
        database = int((self.server.data / "dynamodb" / "engine.pid").read_text())
        for pid in [database, *(process.pid for process in self.running)]:
            os.kill(pid, signal.SIGKILL)
        for process in self.running:
            process.wait()
        self.running.clear()

    def stop(self) -> None:
        for process in self.running:
            process.terminate()
            process.wait()

    def changes(self) -> list[str]:
        """Every prompt of alice's partition, in order of cursors, which are checked to be 1 … n."""
        prompts: list[str] = []
        with self.server.client("alice") as client:
            while True:
                answer = client.get(f"/api/images/changes?after={len(prompts)}&limit=200").json()
                prompts += [change["image"]["prompt"] for change in answer["changes"]]
                assert answer["cursor"] == len(prompts)
                if answer["upToDate"]:
                    return prompts


@pytest.fixture
def machine(tmp_path: Path):  # type: ignore[no-untyped-def]
    machine = Machine(tmp_path)
    yield machine
    machine.stop()


def test_nothing_acknowledged_is_lost_and_nothing_is_doubled(machine: Machine) -> None:
    """After kill -9 of all processes, twice, the import ends with every line once, in order."""
    prompts = [f"prompt {number}" for number in range(1, LINES + 1)]
    machine.file.write_text(
        "".join(
            json.dumps({"prompt": prompt, "imageUrl": "https://images.example/1.png"}) + "\n"
            for prompt in prompts
        )
    )
    for goal in (200, 1000):
        machine.serve()
        importer = machine.load()
        wait_for(machine, goal, importer)
        machine.kill_everything()
    machine.serve()
    importer = machine.load()
    assert importer.wait(120) == 0
    with machine.server.client("alice") as client:
        synced = client.post("/api/images/sync").json()
    assert (synced["cursor"], synced["upToDate"]) == (LINES, True)
    assert machine.changes() == prompts


def wait_for(machine: Machine, count: int, importer: subprocess.Popen[bytes]) -> None:
    """Until so many images can be read, while the import is still going on."""
    deadline = time.monotonic() + 60
    with machine.server.client("alice") as client:
        while time.monotonic() < deadline:
            assert importer.poll() is None, "the import ended before it could be killed"
            try:
                if client.get("/api/images?limit=1").json()["count"] >= count:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.02)
    pytest.fail("the import made no progress")
