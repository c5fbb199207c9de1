"""What the tests of the deployment share: the app as Chalice packages it, once."""

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
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what `chalice package` alone makes: sam.json and deployment.zip."""
    out = tmp_path_factory.mktemp("packaged")
    chalice = str(Path(sys.executable).with_name("chalice"))
    subprocess.run(
        [chalice, "package", "--stage", "dev", str(out)],
        cwd=ROOT,
        env={**os.environ, "AWS_DEFAULT_REGION": "us-east-1"},
        check=True,
        capture_output=True,
    )
    return out


@pytest.fixture(scope="session")
def template_of(packaged: Path) -> Callable[[Stage], Template]:
    """A stage's template, merged by Chalice's own rule from one package."""
    made: Template = json.loads((packaged / "sam.json").read_text())

    def merged(stage: Stage) -> Template:
        template: Template = TemplateDeepMerger().merge(additions(stage, app.app), made)
        return template

    return merged


@pytest.fixture(scope="session", params=[DEV, PROD], ids=lambda stage: stage.name)
def template(template_of: Callable[[Stage], Template], request: pytest.FixtureRequest) -> Template:
    """Of each kind of stage."""
    return template_of(request.param)
