"""The Python that a stage runs in Lambda. This code itself may run in another."""

import subprocess
import sys
from pathlib import Path

from deploy.refusal import Refusal

UV = Path(sys.executable).with_name("uv")


def interpreter(version: str) -> Path:
    """This machine's Python of that version: bytecode of another one is of no use to Lambda."""
    done = subprocess.run(
        [UV, "python", "find", "--no-project", f"cpython@{version}"],
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
