"""What is installed and deployed: each file that is fetched is held against a hash in a lock."""

import re
import sys
from pathlib import Path

import pytest

from deploy import libraries
from deploy.interpreter import interpreter
from deploy.refusal import Refusal
from deploy.stages import PYTHONS, ROOT
from tests.deploy.conftest import DEV

LOCKS = ("requirements.txt", "requirements-dev.txt", "requirements-emulator.txt")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_hashes_of_all_that_it_names(name: str) -> None:
    """And no registry's address: whose it is fetched from is the reader's own affair."""
    text = (ROOT / name).read_text()
    pins = [pin for pin in re.split(r"\n(?=\S)", text) if not pin.startswith("#")]
    assert [pin.split("\n")[0] for pin in pins if not HASH.search(pin)] == []
    assert "://" not in text


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_what_is_asked_for(name: str) -> None:
    """Each version that the .in file names: `make lock` was not forgotten."""
    wanted = (ROOT / name).with_suffix(".in").read_text().splitlines()
    pins = [line.split(" ")[0] for line in wanted if "==" in line.split("#")[0]]
    lock = (ROOT / name).read_text()
    assert pins
    assert [pin for pin in pins if f"\n{plain(pin)} " not in lock] == []


def plain(pin: str) -> str:
    """``PyJWT[crypto]==2`` as a lock names it."""
    return re.sub(r"\[.*?\]", "", pin).lower()


@pytest.mark.parametrize(
    "instead", ["", f"--hash=sha256:{'0' * 64}"], ids=["no hash", "another hash"]
)
def test_a_library_that_is_not_the_locks_is_not_packaged(tmp_path: Path, instead: str) -> None:
    """Whether its file is another one, or nobody said which it should be."""
    (pin,) = re.findall(r"^six==\S+", libraries.LOCK.read_text(), re.MULTILINE)
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"{pin} {instead}\n")
    with pytest.raises(Refusal, match=r"[Hh]ash"):
        libraries.install(DEV, tmp_path / "task", lock)


def test_a_python_that_is_not_here_is_named_with_the_command_that_brings_it(tmp_path: Path) -> None:
    """Bytecode of another would be ignored by Lambda, and libraries of another not load."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    other = next(version for version in PYTHONS if version != running)
    nothing = dict.fromkeys(("PATH", "PYENV_ROOT", "UV_PYTHON_INSTALL_DIR"), str(tmp_path))
    with pytest.raises(Refusal, match=rf"runs Python {other}.*uv python install {other}"):
        interpreter(other, nothing)


def test_a_python_of_pyenvs_is_found_though_another_is_chosen(tmp_path: Path) -> None:
    """What pyenv has on the PATH runs the chosen one, and fails for others."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    home = Path(sys.base_prefix) / "bin"
    shims, kept = tmp_path / "shims", tmp_path / f"versions/{running}.0/bin"
    for folder in (shims, kept.parent):
        folder.mkdir(parents=True)
    kept.symlink_to(home)
    shim = shims / f"python{running}"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    environ = {
        "PATH": str(shims),
        "PYENV_ROOT": str(tmp_path),
        "UV_PYTHON_INSTALL_DIR": str(tmp_path / "none"),
        "UV_NO_CACHE": "1",
    }
    assert interpreter(running, environ).samefile(Path(sys.executable).resolve())
