"""`make package`: the template and the zip of a stage, side by side in ``out/STAGE``."""

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.bundle import Size, shrink
from deploy.refusal import Refusal
from deploy.stages import ROOT, Stage
from deploy.template import additions

ZIP = "deployment.zip"
TEMPLATE = "template.json"

NO_WHEEL = "Could not install dependencies"
"""Chalice only warns, and would take the incomplete package from its cache the next time."""

CACHE = ".chalice/deployments"


def package(stage: Stage, out: Path) -> Size:
    """Writes `TEMPLATE` and `ZIP` into the folder; the size is the zip's."""
    app = importlib.import_module("app").app
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch)
        merged = made / "additions.json"
        merged.write_text(json.dumps(additions(stage, app)))
        _chalice(stage, merged, made)
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made / "sam.json", out / TEMPLATE)
        return shrink(made / ZIP, out / ZIP)


def _chalice(stage: Stage, merged: Path, made: Path) -> None:
    """Chalice insists on a region, though the template is for any."""
    chalice = str(Path(sys.executable).with_name("chalice"))
    done = subprocess.run(
        [chalice, "package", "--stage", stage.name, "--merge-template", str(merged), str(made)],
        cwd=ROOT,
        env={"AWS_DEFAULT_REGION": "us-east-1", **os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode or NO_WHEEL in said:
        shutil.rmtree(ROOT / CACHE, ignore_errors=True)
        raise Refusal(f"Chalice could not package the app:\n{said}")
