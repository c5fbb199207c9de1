"""Reads a stage's settings from the environment that an entry point passes in.

A missing or wrong variable is a ConfigError that names it. AWS's own variables are the SDK's.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from chalicelib.model.errors import ConfigError
from chalicelib.store.table_names import TableNames
from chalicelib.telemetry.metrics import NAMESPACE

if TYPE_CHECKING:
    from chalicelib.auth.oidc import Oidc, SignIn


def table_names(environ: Mapping[str, str]) -> TableNames:
    return TableNames(
        primary=required(environ, "PRIMARY_TABLE"),
        partition=required(environ, "PARTITION_TABLE"),
        idempotency=required(environ, "IDEMPOTENCY_TABLE"),
    )


def dead_letter_queue(environ: Mapping[str, str]) -> str | None:
    """The URL of the queue of the stream function's event source; None where there is none."""
    return environ.get("DEAD_LETTER_QUEUE_URL") or None


def sweep_read_units(environ: Mapping[str, str]) -> int | None:
    """The read units that a scheduled sweep may spend; None where the sweep's own default is
    meant."""
    text = environ.get("SWEEP_READ_UNITS")
    if text and not re.fullmatch("[0-9]{1,9}", text):
        raise ConfigError(
            "SWEEP_READ_UNITS must be a whole number, such as 10000. A deployed stage has it from "
            "its parameter SweepReadUnits."
        )
    return int(text) if text else None


def metrics_namespace(environ: Mapping[str, str]) -> str:
    """The CloudWatch namespace that the stage counts in."""
    return environ.get("METRICS_NAMESPACE") or NAMESPACE


def reader_role(environ: Mapping[str, str]) -> str | None:
    """The ARN of the role in which partitions are read; None without hard isolation."""
    return environ.get("READER_ROLE_ARN") or None


def cors_origins(environ: Mapping[str, str]) -> frozenset[str]:
    """The origins whose pages may call the API, such as ``https://app.example``."""
    return frozenset(filter(None, environ.get("CORS_ORIGINS", "").split(",")))


def issuer(environ: Mapping[str, str]) -> str:
    return required(environ, "OIDC_ISSUER")


def oidc(environ: Mapping[str, str]) -> "Oidc":
    from chalicelib.auth.oidc import Oidc

    return Oidc(
        issuer=required(environ, "OIDC_ISSUER"),
        audience=required(environ, "OIDC_AUDIENCE"),
        jwks_url=required(environ, "OIDC_JWKS_URL"),
        deployed="AWS_LAMBDA_FUNCTION_NAME" in environ,
    )


def sign_in(environ: Mapping[str, str]) -> "SignIn | None":
    """For the gallery; None for a stage that names no client of its issuer for it."""
    from chalicelib.auth.oidc import SignIn

    client = environ.get("OIDC_CLIENT_ID")
    if not client:
        return None
    return SignIn(
        issuer=required(environ, "OIDC_ISSUER"),
        audience=required(environ, "OIDC_AUDIENCE"),
        client_id=client,
        authorization_endpoint=required(environ, "OIDC_AUTHORIZATION_ENDPOINT"),
        token_endpoint=required(environ, "OIDC_TOKEN_ENDPOINT"),
        end_session_endpoint=environ.get("OIDC_END_SESSION_ENDPOINT", ""),
    )


def drawn_images(environ: Mapping[str, str]) -> str | None:
    """How the URLs of placeholder images begin, which the local server draws; on a laptop alone."""
    return environ.get("DRAWN_IMAGES") or None


def demo_command(environ: Mapping[str, str]) -> str | None:
    """The command that fills a library with placeholder images, without the user's name; on a
    laptop alone."""
    return environ.get("DEMO_COMMAND") or None


def required(environ: Mapping[str, str], name: str) -> str:
    """The variable's value; ConfigError where it is missing or empty."""
    value = environ.get(name, "")
    if not value:
        raise ConfigError(
            f"The environment variable {name} is not set. A deployed stage has it from "
            f".chalice/config.json; on a laptop `make run` sets it."
        )
    return value
