"""AWS credentials, from the environment or from botocore."""

from collections.abc import Callable, Mapping

from chalicelib.dynamodb.signing import Credentials
from chalicelib.model.errors import ConfigError


def credentials_of(environ: Mapping[str, str]) -> Callable[[], Credentials]:
    """Returns a function that gives the current credentials.

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
