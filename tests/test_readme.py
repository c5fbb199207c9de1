"""The README is a path that runs: its `sh` blocks are what a newcomer types."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def running(command: str, environ: dict[str, str], url: str) -> Iterator[None]:
    """The command in a process group of its own, once it answers; ended by SIGTERM to make."""
    with subprocess.Popen(
        command,
        shell=True,
        cwd=ROOT,
        env=environ,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            wait_until_answered(url, process)
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def wait_until_answered(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "it ended before it served"
        try:
            with urllib.request.urlopen(url) as answer:
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("it did not serve in a minute")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A port and a data folder of this test's own; the images file goes beside them."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return inherited | {"PORT": str(free_port()), "DATA": str(tmp_path / "data")}


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's commands need curl")
def test_a_newcomer_gets_from_the_first_command_to_a_saved_and_imported_image(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Each block, in order, does what the README says that it does."""
    serve, save, load = BLOCKS
    port = environ["PORT"]
    with running(serve, environ, f"http://127.0.0.1:{port}/api/health"):
        listed = shell(save.replace(":8000", f":{port}"), environ)
        (image,) = json.loads(listed[listed.index('{"images"') :])["images"]
        assert image["prompt"] == "a red fox in the snow"
        shell(load.replace("/tmp/images", f"{tmp_path}/images"), environ)
        token, _curl, look = save.replace(":8000", f":{port}").split("\n\n")
        listed = shell(f"{token}\n{look}", environ)
        prompts = [image["prompt"] for image in json.loads(listed)["images"]]
        assert prompts == ["a harbour", "a lighthouse", "a red fox in the snow"]


def shell(script: str, environ: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
