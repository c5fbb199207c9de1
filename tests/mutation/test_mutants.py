"""The tests have teeth: each named breakage, made in a copy of the code, turns a test red."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from local.dynamodb_local import Connection
from tests.mutation.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
COPIED = (
    *("app.py", "chalicelib", "deploy", "local", "tests"),
    *("pyproject.toml", "requirements.txt", ".chalice"),
)
GALLERY = "gallery/"
NODE_MODULES = Path("gallery/node_modules")

DIED = re.compile(r"^E +(AttributeError|NameError|ImportError|SyntaxError)", re.MULTILINE)
"""What a breakage that is no working program dies of; that would prove nothing."""

SCRIPT_DIED = re.compile(
    r"is not (?:a function|a constructor|defined|iterable)|Cannot (?:read|set) propert|"
    r"before initialization|Assignment to constant"
)
"""The same of the gallery, as a test of Vitest or the browser's page tells it."""

VITEST_FAILED = re.compile(r"^ *Tests +\d+ failed", re.MULTILINE)

AT_ONCE = 2

SOME_FAILED = 1
"""pytest's exit code when tests were run and some failed; other codes mean that none were run."""


def copy(target: Path, mutant: Mutant) -> None:
    of_gallery = mutant.file.startswith(GALLERY)
    for name in (*COPIED, GALLERY) if of_gallery else COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", NODE_MODULES.name)
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            shutil.copy(source, target / name)
    if of_gallery:
        link_packages(target / NODE_MODULES)


def link_packages(target: Path) -> None:
    """One by one: what tools keep beside the packages is the copy's own."""
    target.mkdir()
    for package in (ROOT / NODE_MODULES).glob("[!.]*"):
        (target / package.name).symlink_to(package)


def mutate(folder: Path, mutant: Mutant) -> None:
    path = folder / mutant.file
    code = path.read_text()
    assert code.count(mutant.old) == 1, f"{mutant.name}: {mutant.file} has changed; mend the mutant"
    mutated = code.replace(mutant.old, mutant.new)
    if path.suffix == ".py" and "replace(" in mutant.new:
        head, docstring, rest = mutated.split('"""', 2)
        mutated = f'{head}"""{docstring}"""\nfrom dataclasses import replace\n{rest}'
    path.write_text(mutated)


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: pytest's exit code, or what it would be, and what was printed."""

    code: int
    output: str


@pytest.fixture(scope="session")
def verdicts(
    request: pytest.FixtureRequest, engine: Connection, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Verdict]]]:
    """Those mutants that are asked for, two at a time; beside them two of the browser's, which wait
    for most of their time."""
    wanted = {item.callspec.id for item in request.session.items if hasattr(item, "callspec")}
    folder = tmp_path_factory.mktemp("mutants")
    with ThreadPoolExecutor(AT_ONCE) as usual, ThreadPoolExecutor(AT_ONCE) as in_browser:
        yield {
            mutant.name: pool.submit(judge, mutant, engine, folder / mutant.name)
            for mutant in MUTANTS
            if mutant.name in wanted
            for pool in [in_browser if mutant.tests.startswith("tests/browser/") else usual]
        }
        for pool in (usual, in_browser):
            pool.shutdown(cancel_futures=True)


def judge(mutant: Mutant, engine: Connection, folder: Path) -> Verdict:
    """Runs the mutant's tests on it, in a process and a folder of their own."""
    folder.mkdir()
    copy(folder, mutant)
    mutate(folder, mutant)
    if mutant.tests.startswith(GALLERY):
        verdict = by_vitest(mutant, folder)
    else:
        verdict = by_pytest(mutant, engine, folder)
    shutil.rmtree(folder)
    return verdict


def by_pytest(mutant: Mutant, engine: Connection, folder: Path) -> Verdict:
    if mutant.file.startswith(GALLERY):
        built = run_node(folder, "vite/bin/vite.js", "build")
        assert built.returncode == 0, built.stderr
    tests = shlex.split(mutant.tests)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environ = engine.environ(os.environ) | {
        "TEST_DYNAMODB_ENDPOINT": engine.endpoint,
        "PATIENCE": "8000",  # what a broken gallery never shows is waited for in vain
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # they need none, and take seconds to load
    }
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300, check=False
    )
    return Verdict(done.returncode, done.stdout)


def by_vitest(mutant: Mutant, folder: Path) -> Verdict:
    """Its own exit code is the same where a file could not be run at all."""
    tests = mutant.tests.removeprefix(GALLERY).split()
    done = run_node(folder, "vitest/vitest.mjs", "run", "--bail=1", *tests)
    output = done.stdout + done.stderr
    return Verdict(SOME_FAILED if VITEST_FAILED.search(output) else 0, output)


def run_node(folder: Path, script: str, *arguments: str) -> CompletedProcess[str]:
    """Runs a package's program in the copy's gallery."""
    node = Path(sys.executable).parent / "node"
    return subprocess.run(
        [node, ROOT / NODE_MODULES / script, *arguments],
        cwd=folder / GALLERY,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_mutant_is_killed(mutant: Mutant, verdicts: Mapping[str, Future[Verdict]]) -> None:
    """With the breakage in the code, its tests are red."""
    verdict = verdicts[mutant.name].result()
    assert verdict.code == SOME_FAILED, verdict.output[-3000:]
    died = SCRIPT_DIED if mutant.file.startswith(GALLERY) else DIED
    assert not died.search(verdict.output), f"it does not run at all:\n{verdict.output[-3000:]}"
