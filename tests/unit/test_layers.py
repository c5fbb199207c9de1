"""What may load what: the deployed functions pay for every import at their cold start."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOMAIN = sorted((ROOT / "chalicelib").glob("*.py"))


def imported(path: Path) -> set[str]:
    """The modules that the file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", DOMAIN, ids=lambda path: path.stem)
def test_the_domain_knows_neither_http_nor_chalice(path: Path) -> None:
    """Whatever serves it, the domain is the same."""
    assert not [
        name for name in imported(path) if name.split(".")[0] == "chalice" or ".api" in name
    ]


def test_who_knows_botocore() -> None:
    """What carries calls says so by its name; all else speaks through the seams."""
    users = [
        path.stem
        for path in DOMAIN
        if any(name.split(".")[0] in ("botocore", "boto3") for name in imported(path))
    ]
    assert users == ["botocore_engine", "botocore_letters", "botocore_reader"]


def test_functions_that_verify_no_token_load_no_token_library() -> None:
    """Importing the app does not load what only the authorizer needs."""
    code = "import app, sys; print('jwt' in sys.modules, 'cryptography' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"]
