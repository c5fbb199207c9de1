"""One emulator, one issuer and one deployed stack for all tests: a plugin of pytest."""

import os
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.deployed.allowances import let_the_stream_be_read, use_gateway_responses
from tests.deployed.emulator import Emulator, emulating
from tests.deployed.https import fronting
from tests.deployed.people import GALLERY, Arrive, Directory, arrivals
from tests.deployed.place import Deployed
from tests.deployed.stack import API_STAGE, Project, Stack
from tests.web import write_certificate

LOG = pytest.StashKey[Path]()
LOG_LINES = 100

STAGES: Mapping[str, Mapping[str, Any]] = {
    "dev": {"api_gateway_stage": API_STAGE},
    "bound": {"api_gateway_stage": API_STAGE, "hard_isolation": True},
    "fresh": {"api_gateway_stage": API_STAGE},
    "kept": {"api_gateway_stage": API_STAGE, "production": True},
    "restored": {"api_gateway_stage": API_STAGE, "production": True},
}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("https") / "certificate.pem"
    write_certificate(path)
    return path


@pytest.fixture(scope="session")
def emulator(
    tmp_path_factory: pytest.TempPathFactory, certificate: Path, pytestconfig: pytest.Config
) -> Iterator[Emulator]:
    python = Path(os.environ["EMULATOR"]).absolute()
    with emulating(python, tmp_path_factory.mktemp("emulator"), certificate) as started:
        pytestconfig.stash[LOG] = started.log
        yield started


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What fails shows the end of the emulator's log."""
    report = yield
    if report.failed and LOG in item.config.stash:
        lines = item.config.stash[LOG].read_text(errors="replace").splitlines()
        report.sections.append(("emulator", "\n".join(lines[-LOG_LINES:])))
    return report


@pytest.fixture(scope="session")
def directory(emulator: Emulator) -> Directory:
    return Directory.create(emulator)


@pytest.fixture(scope="session")
def parameters(
    emulator: Emulator, directory: Directory, certificate: Path
) -> Iterator[Mapping[str, str]]:
    """The stages': they take the directory's tokens."""
    with fronting(emulator.url, certificate) as url:
        yield {
            "OidcIssuer": directory.issuer,
            "OidcAudience": directory.app,
            "OidcClientId": directory.app,
            "OidcJwksUrl": url + directory.keys_path,
            "OidcAuthorizationEndpoint": f"{url}/oauth2/authorize",
            "OidcTokenEndpoint": f"{url}/oauth2/token",
            "OidcEndSessionEndpoint": f"{url}/logout",
            "CorsOrigins": GALLERY,
        }


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, emulator: Emulator) -> Project:
    return Project.copy(tmp_path_factory.mktemp("project"), emulator, STAGES)


@pytest.fixture(scope="session")
def stack(project: Project, parameters: Mapping[str, str], emulator: Emulator) -> Stack:
    project.configure("dev", parameters)
    project.deploy("dev")
    stack = Stack("image-storage-dev", emulator)
    use_gateway_responses(stack)
    let_the_stream_be_read(stack)
    return stack


@pytest.fixture(scope="session")
def deployed(stack: Stack, directory: Directory, parameters: Mapping[str, str]) -> Deployed:
    """The shared stack, to people with a browser."""
    directory.lead_back_to(stack.gallery)
    return Deployed(stack, directory, parameters["OidcTokenEndpoint"])


@pytest.fixture
def arrives(stack: Stack, directory: Directory) -> Iterator[Arrive]:
    """At the shared stack."""
    with arrivals(directory, stack.url) as arrive:
        yield arrive
