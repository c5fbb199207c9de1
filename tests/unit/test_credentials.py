"""Whom functions are for AWS, by its own variables."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from chalicelib.dynamodb.credentials import credentials_of
from chalicelib.dynamodb.signing import Credentials
from chalicelib.model.errors import ConfigError

KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.mark.parametrize(
    ("environ", "token"),
    [(KEYS, None), ({**KEYS, "AWS_SESSION_TOKEN": "token"}, "token")],
)
def test_lambda_has_them_in_the_environment(environ: Mapping[str, str], token: str | None) -> None:
    assert credentials_of(environ)() == Credentials("AKID", "secret", token)


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No credentials in the environment or in files, and no machine's role."""
    for name in (*KEYS, "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return monkeypatch


def test_others_are_found_by_the_sdk(nowhere: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Such as those of a profile."""
    (tmp_path / "AWS_SHARED_CREDENTIALS_FILE").write_text(
        "[mine]\naws_access_key_id = A\naws_secret_access_key = B\naws_session_token = C\n"
    )
    nowhere.setenv("AWS_PROFILE", "mine")
    assert credentials_of({})() == Credentials("A", "B", "C")


@pytest.mark.usefixtures("nowhere")
def test_without_any_it_is_said_what_to_do() -> None:
    with pytest.raises(ConfigError, match="AWS_PROFILE"):
        credentials_of({})
