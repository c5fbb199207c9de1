"""Whom the functions are for AWS: their credentials, region and address of DynamoDB."""

import re
from collections.abc import Callable, Mapping

from chalicelib.errors import ConfigError
from chalicelib.signing import Credentials

ADDRESS = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?/?")


def credentials_of(environ: Mapping[str, str]) -> Callable[[], Credentials]:
    """What gives the credentials of the moment.

    Lambda puts a function's into its environment, for as long as that process lives. Any other kind
    (containers, profiles, a machine's role) botocore finds, and renews in time.
    """
    access_key, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not access_key or not secret_key:
        return _found_by_botocore()
    fixed = Credentials(access_key, secret_key, environ.get("AWS_SESSION_TOKEN"))
    return lambda: fixed


def _found_by_botocore() -> Callable[[], Credentials]:
    import botocore.session  # half a second, which functions with an environment do not pay

    found = botocore.session.get_session().get_credentials()
    if found is None:
        raise ConfigError("There are no AWS credentials: set AWS_PROFILE, or run `aws configure`.")

    def current() -> Credentials:
        frozen = found.get_frozen_credentials()
        return Credentials(frozen.access_key or "", frozen.secret_key or "", frozen.token)

    return current


def region_of(environ: Mapping[str, str]) -> str:
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise ConfigError("No region is set. Set AWS_DEFAULT_REGION, such as eu-central-1.")
    return region


def endpoint_of(environ: Mapping[str, str], region: str) -> str:
    """The URL of DynamoDB: what AWS's own variables name, else that of the region."""
    for name in ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"):
        if url := environ.get(name):
            return checked(url, name)
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://dynamodb.{region}.{suffix}"


def checked(url: str, variable: str) -> str:
    """The URL; ConfigError where it is more than a scheme, a host and a port, or less."""
    if not ADDRESS.fullmatch(url):
        raise ConfigError(
            f"{variable} must be an address such as https://host or http://host:8000."
        )
    return url
