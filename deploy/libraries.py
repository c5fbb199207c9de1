"""The libraries that are deployed, as the lock has them: each file is held against its hash.

They are fetched for Lambda, whatever machine this is. Sources are never built: what runs while a
library is built is in no lock.
"""

import subprocess
from pathlib import Path

from deploy.interpreter import UV
from deploy.refusal import Refusal
from deploy.stages import ROOT, Stage

LOCK = ROOT / "requirements.txt"

PLATFORMS = {"x86_64": "x86_64-manylinux_2_34", "arm64": "aarch64-manylinux_2_34"}
"""uv's names of what Lambda runs from Python 3.12 on: Amazon Linux 2023, whose glibc is 2.34."""


def install(stage: Stage, folder: Path, lock: Path = LOCK) -> None:
    """Installs the libraries into the folder."""
    target = ["--target", str(folder), "--python-version", stage.python]
    platform = ["--python-platform", PLATFORMS[stage.architecture]]
    checked = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy"]
    done = subprocess.run(
        [UV, "pip", "install", *target, *platform, *checked, "--requirements", lock],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Refusal(f"The libraries of {lock.name} could not be fetched:\n{done.stderr}")
