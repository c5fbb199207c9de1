"""`make package`: the template and the zip of a stage, side by side in ``out/STAGE``."""

import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.bundle import Size, bundle
from deploy.interpreter import interpreter
from deploy.libraries import install
from deploy.refusal import Refusal
from deploy.stages import CONFIG, ROOT, Stage
from deploy.template import additions

ZIP = "deployment.zip"
TEMPLATE = "template.json"

PROJECT = ("app.py", "chalicelib", CONFIG)
"""What Chalice makes the template and the app's own files of. It does not see the lock: it would
fetch some libraries without their hashes, and build others."""


def package(stage: Stage, out: Path) -> Size:
    """Writes `TEMPLATE` and `ZIP` into the folder; the size is the zip's."""
    python = interpreter(stage.python)
    app = importlib.import_module("app").app
    with tempfile.TemporaryDirectory() as scratch:
        made = assemble(stage, Path(scratch), additions(stage, app))
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made.template, out / TEMPLATE)
        return bundle(made.task, python, out / ZIP)


@dataclass(frozen=True, slots=True)
class Assembled:
    """The template, and the folder with the app and all of its libraries as they came."""

    template: Path
    task: Path


def assemble(stage: Stage, scratch: Path, merged: Mapping[str, Any]) -> Assembled:
    """`merged` is added to Chalice's template. The folder `scratch` is empty."""
    more = scratch / "additions.json"
    more.write_text(json.dumps(merged))
    made = Assembled(scratch / "chalice/sam.json", scratch / "task")
    _chalice(stage, _project(scratch), more, made.template.parent)
    install(stage, made.task)
    with zipfile.ZipFile(made.template.with_name(ZIP)) as archive:
        archive.extractall(made.task)
    return made


def _project(scratch: Path) -> Path:
    """A copy of what Chalice may see."""
    project = scratch / "project"
    for name in PROJECT:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, project / name)
    return project


def _chalice(stage: Stage, project: Path, merged: Path, out: Path) -> None:
    """Chalice insists on a region, though the template is for any."""
    chalice = str(Path(sys.executable).with_name("chalice"))
    done = subprocess.run(
        [chalice, "package", "--stage", stage.name, "--merge-template", str(merged), str(out)],
        cwd=project,
        env={"AWS_DEFAULT_REGION": "us-east-1", **os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Refusal(f"Chalice could not package the app:\n{done.stdout}{done.stderr}")
