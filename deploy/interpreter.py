"""Finds the Python that a stage runs in Lambda. This code itself may run in another."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.refusal import Refusal

UV = Path(sys.executable).with_name("uv")


def interpreter(version: str, environ: Mapping[str, str] = os.environ) -> Path:
    """This machine's Python of that version: bytecode of another one is of no use to Lambda."""
    done = subprocess.run(
        [UV, "python", "find", "--system", f"cpython@{version}"],
        env={**environ, "PATH": os.pathsep.join([*_of_pyenv(version, environ), environ["PATH"]])},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Refusal(
            f"The stage runs Python {version}, which this machine does not have. Install it beside "
            f"yours, and give your command again: {UV} python install {version}\n{done.stderr}"
        )
    return Path(done.stdout.strip())


def _of_pyenv(version: str, environ: Mapping[str, str]) -> list[str]:
    """Where pyenv keeps it. What pyenv has on the PATH runs the chosen version alone."""
    root = Path(environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return [str(folder) for folder in sorted(root.glob(f"versions/{version}.*/bin"))]
