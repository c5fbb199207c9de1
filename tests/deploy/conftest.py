"""What the tests of the deployment share: the app as Chalice packages it, once."""

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chalice.package import TemplateDeepMerger

import app
from deploy.stages import ROOT, Stage
from deploy.template import additions

Template = dict[str, Any]

PARAMETERS = {
    "OidcIssuer": "https://issuer.example",
    "OidcAudience": "image-storage",
    "OidcJwksUrl": "https://issuer.example/jwks.json",
}
DEV = Stage("dev", parameters=PARAMETERS)
PROD = Stage("prod", production=True, hard_isolation=True, parameters=PARAMETERS)


@pytest.fixture(scope="session")
def chalices(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A stage's folder with what `chalice package` alone makes: sam.json and deployment.zip."""

    @functools.cache
    def packaged(stage: str) -> Path:
        out = tmp_path_factory.mktemp(stage)
        subprocess.run(
            [Path(sys.executable).with_name("chalice"), "package", "--stage", stage, out],
            cwd=ROOT,
            env={**os.environ, "AWS_DEFAULT_REGION": "us-east-1"},
            check=True,
            capture_output=True,
        )
        return out

    return packaged


@pytest.fixture(scope="session")
def template_of(chalices: Callable[[str], Path]) -> Callable[[Stage], Template]:
    """A stage's template, merged by Chalice's own rule; the stage may have settings of its own."""

    def merged(stage: Stage) -> Template:
        made: Template = json.loads((chalices(stage.name) / "sam.json").read_text())
        template: Template = TemplateDeepMerger().merge(additions(stage, app.app), made)
        return template

    return merged


@pytest.fixture(scope="session", params=[DEV, PROD], ids=lambda stage: stage.name)
def template(template_of: Callable[[Stage], Template], request: pytest.FixtureRequest) -> Template:
    """Of each kind of stage."""
    return template_of(request.param)
