"""The tests have teeth: each named breakage, made in a copy of the code, turns a test red."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.engine import Connection
from tests.mutation.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
COPIED = ("app.py", "chalicelib", "deploy", "local", "tests", "pyproject.toml", ".chalice")
DIED = re.compile(r"^E +(AttributeError|NameError|ImportError|SyntaxError)", re.MULTILINE)
"""What a breakage that is no working program dies of; that would prove nothing."""

AT_ONCE = 2

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


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: pytest's exit code, and what it printed."""

    code: int
    output: str


@pytest.fixture(scope="session")
def verdicts(
    request: pytest.FixtureRequest, engine: Connection, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Verdict]]]:
    """Those mutants that are asked for, two at a time."""
    wanted = {item.callspec.id for item in request.session.items if hasattr(item, "callspec")}
    folder = tmp_path_factory.mktemp("mutants")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            mutant.name: pool.submit(judge, mutant, engine, folder / mutant.name)
            for mutant in MUTANTS
            if mutant.name in wanted
        }
        pool.shutdown(cancel_futures=True)


def judge(mutant: Mutant, engine: Connection, folder: Path) -> Verdict:
    """Runs the mutant's tests on it, in a process and a folder of their own."""
    folder.mkdir()
    copy(folder)
    mutate(folder, mutant)
    tests = mutant.tests.split()
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environ = engine.environ(os.environ) | {
        "TEST_DYNAMODB_ENDPOINT": engine.endpoint,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # they need none, and take seconds to load
    }
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=False
    )
    shutil.rmtree(folder)
    return Verdict(done.returncode, done.stdout)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_mutant_is_killed(mutant: Mutant, verdicts: Mapping[str, Future[Verdict]]) -> None:
    """With the breakage in the code, its tests are red."""
    verdict = verdicts[mutant.name].result()
    assert verdict.code == SOME_FAILED, verdict.output[-3000:]
    assert not DIED.search(verdict.output), f"it does not run at all:\n{verdict.output[-3000:]}"
