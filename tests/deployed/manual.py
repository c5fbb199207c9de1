"""docs/operations.md followed to the letter: its commands, run by a shell."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.stages import ROOT
from tests.deployed.emulator import Emulator

MANUAL = (ROOT / "docs/operations.md").read_text()


def follow(beginning: str, instead: Mapping[str, str], emulator: Emulator, desk: Path) -> None:
    """Runs, in the folder `desk`, the commands of the one block that begins so; `instead` are words
    of theirs to what stands in their place here."""
    blocks = re.findall(r"^ *```shell\n(.*?)^ *```", MANUAL, re.DOTALL | re.MULTILINE)
    (commands,) = (block for block in blocks if block.strip().startswith(beginning))
    for theirs, ours in instead.items():
        assert theirs in commands
        commands = commands.replace(theirs, ours)
    tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-ec", commands],
        cwd=desk,
        env={**emulator.environ, "PATH": tools},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
