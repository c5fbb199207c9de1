"""The stages of `.chalice/config.json`: Chalice's own file, with a few keys of ours in it.

"prod": {
    "api_gateway_stage": "api",        Chalice's: the first part of the API's paths
    "lambda_architecture": "arm64",    Chalice's: or x86_64, its default
    "python": "3.13",                  what the functions run: 3.12, 3.13 (the default) or 3.14
    "production": true,                tables that outlive the stack and refuse deletion
    "hard_isolation": true,            reads go through a role that is bound to one user
    "bucket": "my-artifacts",          where the package is uploaded to
    "parameters": {"OidcIssuer": "https://…", …}    see `deploy.parameters`
}
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from deploy.refusal import Refusal

APP = "image-storage"
ROOT = Path(__file__).resolve().parent.parent
CONFIG = Path(".chalice/config.json")
T = TypeVar("T")
LOCAL = "local"
"""The stage of `chalice local`, which is deployed nowhere."""

PYTHON = "3.13"
PYTHONS = ("3.12", PYTHON, "3.14")
"""Lambda's, on Amazon Linux 2023. What is before is on a system too old for today's libraries."""

LOG_DAYS = 30
"""For which logs are kept."""

ARCHITECTURES = ("x86_64", "arm64")


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    api_stage: str = "api"
    python: str = PYTHON
    architecture: str = ARCHITECTURES[0]
    production: bool = False
    hard_isolation: bool = False
    bucket: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def stack(self) -> str:
        return f"{APP}-{self.name}"


def read_stage(name: str, root: Path = ROOT) -> Stage:
    """Refusal where there is no such stage, or one of our keys is wrong."""
    config = json.loads((root / CONFIG).read_text())
    stages: dict[str, dict[str, Any]] = config["stages"]
    if name not in stages or name == LOCAL:
        known = ", ".join(stage for stage in stages if stage != LOCAL)
        raise Refusal(
            f"{CONFIG} has no stage {name!r} to deploy; it has: {known}. Name one "
            f'(make deploy STAGE=dev), or add yours under "stages".'
        )
    given = stages[name]
    return Stage(
        name=name,
        api_stage=_of(str, given, name, "api_gateway_stage", "api"),
        python=_one_of(PYTHONS, given, name, "python", PYTHON),
        architecture=_one_of(ARCHITECTURES, given, name, "lambda_architecture", ARCHITECTURES[0]),
        production=_of(bool, given, name, "production", False),
        hard_isolation=_of(bool, given, name, "hard_isolation", False),
        bucket=_of(str, given, name, "bucket", ""),
        parameters=_of(dict, given, name, "parameters", {}),
    )


def _of(kind: type[T], given: Mapping[str, Any], stage: str, key: str, default: T) -> T:
    value = given.get(key, default)
    if not isinstance(value, kind):
        raise Refusal(f"{CONFIG}: {key} of the stage {stage} must be a JSON {_JSON[kind]}.")
    return value


def _one_of(
    known: tuple[str, ...], given: Mapping[str, Any], stage: str, key: str, default: str
) -> str:
    value = _of(str, given, stage, key, default)
    if value not in known:
        raise Refusal(
            f"{CONFIG}: {key} of the stage {stage} must be one of {', '.join(known)}, not {value}."
        )
    return value


_JSON: Mapping[type, str] = {str: "string", bool: "true or false", dict: "object of strings"}
