"""The README is a path that runs: its `sh` blocks are what a newcomer types."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.dynamodb_local import free_port
from tests.api.server import Server, wait_until_healthy

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@contextmanager
def running(command: str, environ: dict[str, str], log: Path) -> Iterator[None]:
    """The command in a process group of its own, once it answers; ended by SIGTERM to make."""
    server = Server(int(environ["PORT"]), Path(environ["DATA"]), log)
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command,
            shell=True,
            cwd=ROOT,
            env=environ,
            start_new_session=True,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            wait_until_healthy(server, process)
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def images_when(wanted: int, look: str, environ: dict[str, str]) -> list[dict[str, str]]:
    """What the README's listing shows once it has so many images: the stream takes its time."""
    deadline = time.monotonic() + 30
    while True:
        answer = shell(look, environ)
        images: list[dict[str, str]] = json.loads(answer[answer.index('{"images"') :])["images"]
        if len(images) >= wanted or time.monotonic() > deadline:
            return images


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A port and a data folder of this test's own; the images file goes beside them."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MAKE") and name != "ARGS"
    }
    return inherited | {"PORT": str(free_port()), "DATA": str(tmp_path / "data")}


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's commands need curl")
def test_a_newcomer_gets_from_the_first_command_to_a_saved_and_imported_image(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Each block, in order, does what the README says that it does."""
    serve, demo, save, load, operate = BLOCKS
    port = environ["PORT"]
    with running(serve, environ, tmp_path / "server.log"):
        assert "2000 saved" in shell(f"{demo} 2>&1", environ)
        token, save, look = save.replace(":8000", f":{port}").split("\n\n")
        shell(f"{token}\n{save}", environ)
        (image,) = images_when(1, f"{token}\n{look}", environ)
        assert image["prompt"] == "a red fox in the snow"
        shell(load.replace("/tmp/images", f"{tmp_path}/images"), environ)
        images = images_when(3, f"{token}\n{look}", environ)
        prompts = [image["prompt"] for image in images]
        assert prompts == ["a harbour", "a lighthouse", "a red fox in the snow"]
        verified = shell(operate, environ)
        assert '"compared": 0' not in verified
        assert '"equal": true' in verified


def shell(script: str, environ: dict[str, str]) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
