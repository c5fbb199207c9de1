"""What `make deploy` refuses, and that nothing was changed by then."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.parameters import assignments, check, parameters
from deploy.refusal import Refusal
from deploy.stages import ROOT, Stage, read_stage
from tests.deploy.conftest import DEV, PARAMETERS
from tests.web import HOST, Handler, listening

GIVEN = " ".join(f"{name}={value}" for name, value in PARAMETERS.items())
IDENTITY = b"""<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult>
</GetCallerIdentityResponse>"""


@dataclass
class Aws:
    """Knows one caller and no bucket, and writes down what it is asked."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    status: int = 200


@pytest.fixture
def aws() -> Iterator[Aws]:
    said = Aws()

    class Service(Handler):
        def do_POST(self) -> None:
            said.asked.append(self.asked().decode().split("&")[0])
            self.answer(said.status, IDENTITY)

        def do_HEAD(self) -> None:
            said.asked.append(f"HEAD {self.path}")
            self.answer(404, b"")

    with listening(Service) as port:
        said.url = f"http://{HOST}:{port}"
        yield said


@pytest.fixture
def environ(aws: Aws, tmp_path: Path) -> dict[str, str]:
    """Everything that `make deploy STAGE=dev` needs, but a bucket that is there."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "PARAMETERS": GIVEN,
        "BUCKET": "artifacts",
    }


def refused(command: str, stage: str, environ: dict[str, str]) -> str:
    """The message with which the command ends, before it has packaged anything."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy", command, "--", stage],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr
    return done.stderr


both_commands = pytest.mark.parametrize("command", ["deploy", "destroy"])


@both_commands
def test_a_missing_region(environ: dict[str, str], aws: Aws, command: str) -> None:
    del environ["AWS_DEFAULT_REGION"]
    assert "export AWS_DEFAULT_REGION" in refused(command, "dev", environ)
    assert aws.asked == []


@both_commands
def test_missing_credentials(environ: dict[str, str], aws: Aws, command: str) -> None:
    del environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]
    assert "no AWS credentials" in refused(command, "dev", environ)
    assert aws.asked == []


@both_commands
def test_credentials_that_aws_does_not_take(
    environ: dict[str, str], aws: Aws, command: str
) -> None:
    aws.status = 403
    assert "does not accept the credentials" in refused(command, "dev", environ)
    assert aws.asked == ["Action=GetCallerIdentity"]


def test_a_bucket_that_is_not_there(environ: dict[str, str], aws: Aws) -> None:
    assert "'artifacts' cannot be used" in refused("deploy", "dev", environ)
    assert aws.asked == ["Action=GetCallerIdentity", "HEAD /artifacts"]


def test_parameters_are_looked_at_before_aws_is_asked_anything(
    environ: dict[str, str], aws: Aws
) -> None:
    environ["PARAMETERS"] = GIVEN.replace("https://issuer.example ", "http://issuer.example ")
    message = refused("deploy", "dev", environ)
    assert "OidcIssuer is 'http://issuer.example'; must be an https URL" in message
    assert aws.asked == []


def test_a_stage_that_is_not_there(environ: dict[str, str]) -> None:
    for name in ("local", "nowhere"):
        assert "it has: dev, prod" in refused("deploy", name, environ)


# The rules of parameters, one by one


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OidcIssuer", "issuer.example"),
        ("OidcIssuer", "https://issuer.example/a|b"),
        ("OidcAudience", "two words"),
        ("GalleryUrl", "https://app.example"),
        ("GalleryUrl", "http://app.example/"),
        ("OidcJwksUrl", "http://127.0.0.1/jwks.json"),
        ("CorsOrigins", "*"),
        ("CorsOrigins", "https://app.example/"),
        ("CorsOrigins", "https://a.example,,https://b.example"),
        ("AlarmEmail", "nobody"),
        ("PrimaryTableName", "a/b"),
        ("PrimaryTableName", "ab"),
    ],
)
def test_a_wrong_value_is_named_with_its_rule(name: str, value: str) -> None:
    with pytest.raises(Refusal, match=f"{name} is '.*'; must be"):
        check(parameters(DEV), {name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OidcIssuer", "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Abc"),
        ("OidcAudience", "3f2k9"),
        ("OidcIssuer", ""),
        ("GalleryUrl", "https://app.example/library/"),
        ("GalleryUrl", "http://id.execute-api.localhost:4566/api/"),
        ("CorsOrigins", ""),
        ("CorsOrigins", "https://a.example,http://localhost:5173"),
        ("AlarmEmail", "ops@app.example"),
        ("IdempotencyTableName", "images-2"),
    ],
)
def test_a_right_value_is_taken(name: str, value: str) -> None:
    check(parameters(DEV), {name: value})


@pytest.mark.parametrize("missing", ["OidcAudience", "OidcJwksUrl"])
def test_what_a_named_issuer_lacks_is_named_with_where_to_give_it(missing: str) -> None:
    given = {name: value for name, value in PARAMETERS.items() if name != missing}
    with pytest.raises(Refusal, match=rf"{missing} is missing.*PARAMETERS=\"{missing}=…\""):
        check(parameters(Stage("dev", parameters=given)), {})
    check(parameters(Stage("dev", parameters=given)), {missing: PARAMETERS[missing]})


def test_a_stage_with_no_issuer_named_lacks_nothing() -> None:
    check(parameters(Stage("dev")), {})


def test_a_parameter_that_is_not_there_is_refused() -> None:
    with pytest.raises(
        Refusal, match=r"PARAMETERS: there is no parameter Issuer\. There are: Oidc"
    ):
        check(parameters(DEV), {"Issuer": "https://issuer.example"})
    with pytest.raises(Refusal, match=r"config\.json, stage dev: there is no parameter Issuer"):
        parameters(Stage("dev", parameters={"Issuer": "https://issuer.example"}))


def test_assignments_are_split_at_the_first_equals_sign() -> None:
    assert assignments("A=1  B=x=y") == {"A": "1", "B": "x=y"}
    with pytest.raises(Refusal, match="not 'B'"):
        assignments("A=1 B")


@pytest.mark.parametrize("text", ["A='rate(2 hours)' B=2", 'B=2 "A=rate(2 hours)"'])
def test_a_value_with_a_blank_is_given_in_quotes(text: str) -> None:
    assert assignments(text) == {"A": "rate(2 hours)", "B": "2"}


def test_a_quote_that_is_never_closed_is_refused() -> None:
    with pytest.raises(Refusal, match="quote"):
        assignments("A='rate(2 hours)")


@pytest.mark.parametrize("command", ["package", "deploy", "destroy"])
def test_no_shell_reads_what_the_stage_is_called(command: str, tmp_path: Path) -> None:
    """`make -n` shows the commands without running them."""
    trap = tmp_path / "run"
    for stage in (f"'\"$(touch {trap})\"'", f"'; touch {trap}; '", f"$(shell touch {trap})"):
        shown = subprocess.run(
            ["make", "-n", command, f"STAGE={stage}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert not trap.exists()
        assert f'-m deploy {command} -- "$STAGE"' in shown.stdout


@pytest.mark.parametrize("command", ["package", "deploy", "destroy"])
def test_a_stage_that_looks_like_an_option_is_only_not_there(
    command: str, environ: dict[str, str]
) -> None:
    assert "it has: dev, prod" in refused(command, "-x", environ)


@pytest.mark.parametrize("given", [GIVEN, "nonsense"])
def test_parameters_for_a_package_alone_are_not_passed_over(
    given: str, environ: dict[str, str]
) -> None:
    environ["PARAMETERS"] = given
    assert "make package takes no PARAMETERS" in refused("package", "dev", environ)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        *(("help", name) for name in ("PORT", "DATA", "HOSTS")),
        *(("-Bn simulate", name) for name in ("SEEDS", "ARGS")),
        *(("-Bn soak", "MINUTES"), ("-Bn test-deployed", "STAGED"), ("-Bn bench", "PYTHON")),
    ],
)
def test_make_reads_nothing_in_what_it_is_given(words: str, name: str, tmp_path: Path) -> None:
    """Neither for what it runs (-n only shows that) nor for the environment of it."""
    trap = tmp_path / "run"
    given = f"{name}=$(shell touch {trap})8000"
    subprocess.run(["make", *words.split(), given], cwd=ROOT, capture_output=True, check=True)
    assert not trap.exists()


# The stages


def test_every_stage_of_this_project_can_be_read() -> None:
    dev, prod = read_stage("dev"), read_stage("prod")
    assert (dev.stack, dev.production) == ("image-storage-dev", False)
    assert (prod.stack, prod.production) == ("image-storage-prod", True)


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("production", '"yes"', "true or false"),
        ("bucket", "1", "string"),
        ("python", "3.13", "string"),
        ("parameters", "[]", "object of strings"),
    ],
)
def test_a_stage_with_a_key_of_another_type_is_refused(
    tmp_path: Path, key: str, value: str, kind: str
) -> None:
    (tmp_path / ".chalice").mkdir()
    config = f'{{"stages": {{"x": {{"{key}": {value}}}}}}}'
    (tmp_path / ".chalice/config.json").write_text(config)
    with pytest.raises(Refusal, match=f"{key} of the stage x must be a JSON {kind}"):
        read_stage("x", tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "known"),
    [("python", "3.11", "3.12, 3.13, 3.14"), ("lambda_architecture", "arm", "x86_64, arm64")],
)
def test_a_stage_runs_on_what_lambda_has(tmp_path: Path, key: str, value: str, known: str) -> None:
    (tmp_path / ".chalice").mkdir()
    config = f'{{"stages": {{"x": {{"{key}": "{value}"}}}}}}'
    (tmp_path / ".chalice/config.json").write_text(config)
    with pytest.raises(Refusal, match=f"{key} of the stage x must be one of {known}, not {value}"):
        read_stage("x", tmp_path)


def test_a_production_stage_is_not_deleted_by_a_slip(environ: dict[str, str], aws: Aws) -> None:
    """Its name has to be said twice."""
    message = refused("destroy", "prod", {**environ, "CONFIRM": "prod"})
    assert "make destroy STAGE=prod CONFIRM=image-storage-prod" in message
    assert aws.asked == []
