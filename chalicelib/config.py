"""What a stage configures, read from the environment that an entry point hands in.

A missing or wrong variable is a ConfigError that names it. AWS's own variables are the SDK's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.errors import ConfigError
from chalicelib.oidc import Oidc


@dataclass(frozen=True, slots=True)
class TableNames:
    primary: str
    partition: str
    idempotency: str


def table_names(environ: Mapping[str, str]) -> TableNames:
    return TableNames(
        primary=required(environ, "PRIMARY_TABLE"),
        partition=required(environ, "PARTITION_TABLE"),
        idempotency=required(environ, "IDEMPOTENCY_TABLE"),
    )


def dead_letter_queue(environ: Mapping[str, str]) -> str | None:
    """The URL of the queue of the stream function's event source; None where there is none."""
    return environ.get("DEAD_LETTER_QUEUE_URL") or None


def oidc(environ: Mapping[str, str]) -> Oidc:
    return Oidc(
        issuer=required(environ, "OIDC_ISSUER"),
        audience=required(environ, "OIDC_AUDIENCE"),
        jwks_url=required(environ, "OIDC_JWKS_URL"),
        deployed="AWS_LAMBDA_FUNCTION_NAME" in environ,
    )


def required(environ: Mapping[str, str], name: str) -> str:
    """The variable's value; ConfigError where it is missing or empty."""
    value = environ.get(name, "")
    if not value:
        raise ConfigError(
            f"The environment variable {name} is not set. A deployed stage has it from "
            f".chalice/config.json; on a laptop `make run` sets it."
        )
    return value
