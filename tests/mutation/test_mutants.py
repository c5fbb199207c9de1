"""The tests have teeth: each named breakage, made in a copy of the code, turns a test red."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.engine import Connection
from tests.mutation.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
COPIED = ("app.py", "chalicelib", "local", "tests", "pyproject.toml", ".chalice")
DIED = re.compile(r"^E +(AttributeError|NameError|ImportError|SyntaxError)", re.MULTILINE)
"""What a breakage that is no working program dies of; that would prove nothing."""

SOME_FAILED = 1
"""pytest's exit code when tests were run and some failed; other codes mean that none were run."""


def copy(target: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            shutil.copy(source, target / name)


def mutate(folder: Path, mutant: Mutant) -> None:
    path = folder / mutant.file
    code = path.read_text()
    assert code.count(mutant.old) == 1, f"{mutant.name}: {mutant.file} has changed; mend the mutant"
    imports = "from dataclasses import replace\n" if "replace(" in mutant.new else ""
    head, docstring, rest = code.replace(mutant.old, mutant.new).split('"""', 2)
    path.write_text(f'{head}"""{docstring}"""\n{imports}{rest}')


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_mutant_is_killed(mutant: Mutant, engine: Connection, tmp_path: Path) -> None:
    """With the breakage in the code, its tests are red."""
    copy(tmp_path)
    mutate(tmp_path, mutant)
    tests = mutant.tests.split()
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environ = engine.environ(os.environ) | {"TEST_DYNAMODB_ENDPOINT": engine.endpoint}
    done = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == SOME_FAILED, done.stdout[-3000:]
    assert not DIED.search(done.stdout), f"it does not run at all:\n{done.stdout[-3000:]}"
