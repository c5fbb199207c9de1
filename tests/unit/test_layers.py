"""What may load what: the deployed functions pay for every import at their cold start."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib import VERSION

ROOT = Path(__file__).parents[2]
CHALICELIB = ROOT / "chalicelib"
MODULES = sorted(CHALICELIB.rglob("*.py"))
DOMAIN = [path for path in MODULES if path.parent.name not in ("api", "operations")]

ROOMS = (
    *("model", "dynamodb", "telemetry", "store", "sync", "auth"),
    *("config", "services", "bootstrap", "operations", "api"),
)
"""The folders of chalicelib, and the modules beside them: each may import from those before it."""

OUTSIDE = ("", "botocore_client")
"""Modules that import nothing of ours."""


def room_of(path: Path) -> str:
    return path.relative_to(CHALICELIB).with_suffix("").parts[0].replace("__init__", "")


def imported(path: Path) -> set[str]:
    """The modules that the file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_a_module_imports_from_its_own_room_and_those_below(path: Path) -> None:
    order = (*OUTSIDE, *ROOMS)
    ours = [name.split(".") for name in imported(path) if name.startswith("chalicelib.")]
    own = order.index(room_of(path))
    assert not [".".join(name) for name in ours if order.index(name[1]) > own]


@pytest.mark.parametrize("path", DOMAIN, ids=lambda path: f"{path.parent.name}.{path.stem}")
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
    assert users == ["botocore_client", "credentials", "reader_role", "sqs_dead_letters"]


SOURCES = ("chalicelib", "deploy", "local", "tests", "benchmarks", "docs", "gallery/src")


def test_no_two_modules_differ_by_case_alone() -> None:
    """On the disks of macOS and Windows each would be the other, whatever its suffix."""
    paths = [path for folder in SOURCES for path in (ROOT / folder).rglob("*") if path.is_file()]
    names = {path.relative_to(ROOT).with_suffix("") for path in paths}
    assert len({str(name).lower() for name in names}) == len(names)


def test_there_is_one_version() -> None:
    manifest = json.loads((ROOT / "gallery" / "package.json").read_text())
    assert manifest["version"] == VERSION


COMPOSES_AND_READS = """
import os, sys
os.environ |= dict.fromkeys(("PRIMARY_TABLE", "PARTITION_TABLE", "IDEMPOTENCY_TABLE"), "t") | {
    "OIDC_ISSUER": "https://issuer.example",
    "OIDC_AUDIENCE": "app",
    "OIDC_JWKS_URL": "https://issuer.example/keys",
    "AWS_ACCESS_KEY_ID": "AKID",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "eu-central-1",
}
import app
from chalicelib.dynamodb.protocol import UnknownOutcome
app.dynamo().post = lambda headers, body: exec("raise UnknownOutcome('nobody')", globals())
try:
    app.services().open_partition("alice").tail()
except UnknownOutcome:
    pass
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def test_functions_load_neither_an_sdk_nor_a_token_library() -> None:
    """A function that reads or writes tables pays for what it uses: only the authorizer checks
    tokens, and only what asks SQS, STS or the stream has botocore."""
    done = subprocess.run(
        [sys.executable, "-c", COMPOSES_AND_READS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "chalicelib" in loaded
    assert "httptools" in loaded
    assert not loaded & {"jwt", "cryptography", "botocore", "boto3", "pynamodb", "urllib3"}
