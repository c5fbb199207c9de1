"""What a stage configures. Only `chalicelib.bootstrap` and the entry points read an environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.errors import ConfigError
from chalicelib.oidc import Oidc


@dataclass(frozen=True, slots=True)
class TableNames:
    primary: str
    partition: str
    idempotency: str


@dataclass(frozen=True, slots=True)
class Settings:
    tables: TableNames
    oidc: Oidc

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Reads the variables named below; ConfigError names the first that is missing."""
        return cls(
            tables=TableNames(
                primary=required(environ, "PRIMARY_TABLE"),
                partition=required(environ, "PARTITION_TABLE"),
                idempotency=required(environ, "IDEMPOTENCY_TABLE"),
            ),
            oidc=Oidc(
                issuer=required(environ, "OIDC_ISSUER"),
                audience=required(environ, "OIDC_AUDIENCE"),
                jwks_url=required(environ, "OIDC_JWKS_URL"),
                deployed="AWS_LAMBDA_FUNCTION_NAME" in environ,
            ),
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
