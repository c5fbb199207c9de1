"""Reads an issuer's settings once, at deployment, by OpenID Connect Discovery 1.0.

A deployed function reads nothing of it: it is told the parameters, and fetches keys alone.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.auth.tokens import fetch_jwks, parse_jwks
from deploy.parameters import HTTPS, SIGN_IN_ENDPOINTS
from deploy.refusal import Refusal

Fetch = Callable[[str], bytes]
"""The bounded document at an https URL; OSError if it cannot be had."""

WELL_KNOWN = "/.well-known/openid-configuration"
MEMBERS = {"OidcJwksUrl": "jwks_uri", **SIGN_IN_ENDPOINTS}
"""Parameter to the member of the discovery document that it is."""

FETCH_SECONDS = 10.0
"""Seconds for all of a fetch."""

AUDIENCES = {
    r"https://securetoken\.google\.com/(?P<project>[^/]+)": r"\g<project>",  # Firebase
    r"https://[a-z0-9]+\.supabase\.co/auth/v1": "authenticated",
}
"""Issuers that use one audience for all tokens, which their own address tells."""


def fetch(url: str) -> bytes:
    return fetch_jwks(url, FETCH_SECONDS)


def completed(given: Mapping[str, str], fetch: Fetch = fetch) -> dict[str, str]:
    """The parameters with what the issuer named in them says of itself; what is given stays.

    Nothing is asked where all that is needed is given. Refusal where the issuer does not say what
    is missing, or is not whom it is taken for. An issuer that is no https URL is left to `check`.
    """
    issuer = given.get("OidcIssuer", "")
    if not re.fullmatch(HTTPS, issuer) or _is_complete(given):
        return {**_audience(given), **given}
    return {**_audience(given), **_discovered(issuer, given, fetch), **given}


def _is_complete(given: Mapping[str, str]) -> bool:
    """An end_session_endpoint may be missing: not every issuer has one."""
    signs_in = {"OidcAuthorizationEndpoint", "OidcTokenEndpoint"}
    needed = {"OidcJwksUrl", *(signs_in if given.get("OidcClientId") else ())}
    return needed <= given.keys()


def _audience(given: Mapping[str, str]) -> dict[str, str]:
    """Of the gallery's client, if one is named: it then calls the API with its ID tokens."""
    issuer, client = given.get("OidcIssuer", ""), given.get("OidcClientId")
    if issuer and client:
        return {"OidcAudience": client}
    for pattern, said in AUDIENCES.items():
        if match := re.fullmatch(pattern, issuer):
            return {"OidcAudience": match.expand(said)}
    return {}


def _discovered(issuer: str, given: Mapping[str, str], fetch: Fetch) -> dict[str, str]:
    document = _document(issuer, fetch)
    _check_issuer(issuer, document)
    said = {name: document[member] for name, member in MEMBERS.items() if document.get(member)}
    for name in said.keys() - given.keys():
        if not isinstance(said[name], str) or not re.fullmatch(HTTPS, said[name]):
            raise Refusal(f"The issuer's {MEMBERS[name]} is no https URL. {_by_hand(name)}")
    if "OidcJwksUrl" not in given:
        _check_keys(said, fetch)
    return said


def _document(issuer: str, fetch: Fetch) -> dict[str, Any]:
    """Section 4.1: a slash at the issuer's end is not doubled."""
    url = issuer.rstrip("/") + WELL_KNOWN
    try:
        document = json.loads(fetch(url))
    except (OSError, ValueError, RecursionError) as error:
        raise Refusal(
            f"What the issuer says of itself cannot be read at {url} ({error}). Check OidcIssuer. "
            f"If this issuer has no such document: {_by_hand('OidcJwksUrl')}"
        ) from error
    if not isinstance(document, dict):
        raise Refusal(f"What stands at {url} is not an issuer's description. Check OidcIssuer.")
    return document


def _check_issuer(issuer: str, document: Mapping[str, Any]) -> None:
    """Section 4.3: or another's keys could be put in its place."""
    said = document.get("issuer")
    if said == issuer:
        return
    if isinstance(said, str) and "{" in said:
        raise Refusal(
            f"OidcIssuer is {issuer!r}, which stands for several tenants ({said}). Name one: put "
            "its id in the place of that word."
        )
    raise Refusal(
        f"OidcIssuer is {issuer!r}, but the issuer there calls itself {said!r}. Tokens carry its "
        "name to the letter, a slash at the end included: give OidcIssuer as the issuer does."
    )


def _check_keys(said: Mapping[str, str], fetch: Fetch) -> None:
    if "OidcJwksUrl" not in said:
        raise Refusal(f"The issuer does not say where its keys are. {_by_hand('OidcJwksUrl')}")
    try:
        parse_jwks(fetch(said["OidcJwksUrl"]))
    except (OSError, ValueError, RecursionError) as error:
        raise Refusal(
            f"The issuer's keys at {said['OidcJwksUrl']} cannot verify tokens: {error}. An issuer "
            "that signs with a shared secret (HS256) has to be switched to RSA or elliptic keys; "
            "docs/issuers.md tells where."
        ) from error


def _by_hand(name: str) -> str:
    return f"Give {name} yourself, beside OidcIssuer; docs/issuers.md tells its value."
