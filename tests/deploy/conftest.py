"""What the tests of the deployment share: the app as Chalice packages it, once."""

import functools
import json
import os
from collections.abc import Callable
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import pytest
from chalice.package import TemplateDeepMerger

import app
from deploy.package import Assembled, assemble
from deploy.stages import Stage, read_stage
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
def assembled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Assembled]:
    """A stage's template as `chalice package` alone makes it, and all of what is packaged.

    It is made once for all processes of a run, so nobody changes the folder.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    @functools.cache
    def made(stage: str) -> Assembled:
        whole = shared / f"{stage}.json"
        with (shared / f"{stage}.lock").open("w") as lock:
            flock(lock, LOCK_EX)
            if not whole.exists():
                found = assemble(read_stage(stage), tmp_path_factory.mktemp(stage), {})
                whole.write_text(json.dumps([str(found.template), str(found.task)]))
        return Assembled(*map(Path, json.loads(whole.read_text())))

    return made


@pytest.fixture(scope="session")
def template_of(assembled: Callable[[str], Assembled]) -> Callable[[Stage], Template]:
    """A stage's template, merged by Chalice's own rule; the stage may have settings of its own."""

    def merged(stage: Stage) -> Template:
        made: Template = json.loads(assembled(stage.name).template.read_text())
        template: Template = TemplateDeepMerger().merge(additions(stage, app.app), made)
        return template

    return merged


@pytest.fixture(scope="session", params=[DEV, PROD], ids=lambda stage: stage.name)
def template(template_of: Callable[[Stage], Template], request: pytest.FixtureRequest) -> Template:
    """Of each kind of stage."""
    return template_of(request.param)
