"""The issuer whose tokens are accepted: a stage's settings, and their rules.

Apart from `chalicelib.auth.tokens`, so that functions that verify no token need not load its
libraries.
"""

import re
from dataclasses import dataclass

from chalicelib.model.errors import ConfigError

HTTPS = re.compile(r"https://[\w.-]+(:\d+)?(/\S*)?", re.ASCII)
LOOPBACK_HTTP = re.compile(r"http://(127\.0\.0\.1|\[::1\]|localhost)(:\d+)?(/\S*)?", re.ASCII)
JWKS_URL_RULE = (
    "OIDC_JWKS_URL must be an https URL; only on a developer's own machine may it be http, and "
    "only to 127.0.0.1 or localhost."
)


@dataclass(frozen=True, slots=True)
class Oidc:
    """The one issuer whose tokens are accepted; `issuer` and `audience` are compared exactly.

    ConfigError unless the issuer and its JWKS URL (where it publishes its keys) are https URLs, as
    OpenID Connect Discovery 1.0 section 3 has it. One exception: where nothing is `deployed`, on a
    developer's own machine, the keys may come by http from that machine itself, and the issuer may
    have any name. The development issuer needs both, so no configuration enables it elsewhere.
    """

    issuer: str
    audience: str
    jwks_url: str
    deployed: bool = True

    def __post_init__(self) -> None:
        if not self.issuer or not self.audience:
            raise ConfigError("OIDC_ISSUER and OIDC_AUDIENCE must not be empty.")
        if "|" in self.issuer:
            raise ConfigError("OIDC_ISSUER must not contain '|'.")
        secure = HTTPS.fullmatch(self.issuer) and HTTPS.fullmatch(self.jwks_url)
        local = not self.deployed and LOOPBACK_HTTP.fullmatch(self.jwks_url)
        if not (secure or local):
            raise ConfigError(f"OIDC_ISSUER must be an https URL. {JWKS_URL_RULE}")


@dataclass(frozen=True, slots=True)
class SignIn:
    """How the gallery signs people in: as the issuer's public client `client_id`.

    The endpoints are URLs; on a laptop, addresses relative to the page. `audience` is what tokens
    are meant for: if that is the client itself, its ID token is what it calls the API with, else
    the access token.
    """

    issuer: str
    audience: str
    client_id: str
    authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: str = ""
