"""What is filled in of an issuer that is named, and what is refused, before anything is sent."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from deploy import discovery
from deploy.discovery import completed
from deploy.parameters import check, parameters
from deploy.refusal import Refusal
from deploy.stages import Stage
from tests.unit.test_auth import jwk, jwks

ISSUER = "https://issuer.example/realm"
DOCUMENT: dict[str, Any] = {
    "issuer": ISSUER,
    "jwks_uri": "https://keys.example/jwks",
    "authorization_endpoint": "https://issuer.example/authorize",
    "token_endpoint": "https://issuer.example/token",
    "end_session_endpoint": "https://issuer.example/logout",
    "response_types_supported": ["code"],
}
KEYS = jwks(jwk("rsa"))
FOUND = {
    "OidcJwksUrl": "https://keys.example/jwks",
    "OidcAuthorizationEndpoint": "https://issuer.example/authorize",
    "OidcTokenEndpoint": "https://issuer.example/token",
    "OidcEndSessionEndpoint": "https://issuer.example/logout",
}
NAMED = {"OidcIssuer": ISSUER, "OidcAudience": "image-storage"}


class Web:
    """Has an issuer's documents, by their address; notes what it is asked for."""

    def __init__(self, changes: Mapping[str, Any] | None = None, keys: bytes = KEYS) -> None:
        document = {**DOCUMENT, **(changes or {})}
        said = {name: value for name, value in document.items() if value is not ...}
        at = str(document["issuer"]).rstrip("/") + discovery.WELL_KNOWN
        self.pages = {at: json.dumps(said).encode(), "https://keys.example/jwks": keys}
        self.asked: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.pages:
            raise OSError("HTTP Error 404: Not Found")
        return self.pages[url]


def refusal(given: Mapping[str, str], web: Web) -> str:
    with pytest.raises(Refusal) as refused:
        completed(given, web)
    return str(refused.value)


def test_the_issuer_and_the_audience_are_enough() -> None:
    """All the rest is the issuer's word, and makes a stage that can be deployed."""
    web = Web()
    given = completed(NAMED, web)
    assert given == {**NAMED, **FOUND}
    assert web.asked == [ISSUER + discovery.WELL_KNOWN, "https://keys.example/jwks"]
    check(parameters(Stage("dev")), given)


def test_the_gallerys_client_is_the_audience_if_none_is_named() -> None:
    """It calls the API with its ID tokens then, which are meant for itself."""
    given = completed({"OidcIssuer": ISSUER, "OidcClientId": "gallery"}, Web())
    assert given == {"OidcIssuer": ISSUER, "OidcClientId": "gallery", **FOUND} | {
        "OidcAudience": "gallery"
    }
    both = {**NAMED, "OidcClientId": "gallery"}
    assert completed(both, Web())["OidcAudience"] == "image-storage"


@pytest.mark.parametrize(
    ("issuer", "audience"),
    [
        ("https://securetoken.google.com/my-project", "my-project"),
        ("https://abcdefgh.supabase.co/auth/v1", "authenticated"),
    ],
)
def test_some_issuers_addresses_tell_the_audience(issuer: str, audience: str) -> None:
    assert completed({"OidcIssuer": issuer}, Web({"issuer": issuer}))["OidcAudience"] == audience


@pytest.mark.parametrize("issuer", [ISSUER, "https://supabase.co.evil.example/auth/v1"])
def test_an_audience_that_nobody_tells_has_to_be_named(issuer: str) -> None:
    """The message says where to find it."""
    given = completed({"OidcIssuer": issuer}, Web({"issuer": issuer}))
    with pytest.raises(Refusal, match=r"OidcAudience is missing: .* docs/issuers\.md"):
        check(parameters(Stage("dev")), given)


def test_what_is_given_is_kept() -> None:
    """A parameter goes before what the issuer says."""
    own = {"OidcJwksUrl": "https://cache.example/jwks", "OidcEndSessionEndpoint": ""}
    web = Web({"jwks_uri": "nothing that is a URL"})
    given = {**NAMED, "OidcClientId": "gallery", **own}
    assert completed(given, web) == {**FOUND, **given}
    assert len(web.asked) == 1


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"CorsOrigins": "https://app.example"},
        {"OidcClientId": "gallery"},
        {"OidcIssuer": ""},
        {**NAMED, "OidcJwksUrl": "https://keys.example/jwks"},
        {**NAMED, "OidcClientId": "gallery", **FOUND},
    ],
)
def test_nothing_is_asked_where_nothing_is_missing(given: Mapping[str, str]) -> None:
    """Such a stage is packaged and deployed without the issuer's help."""
    web = Web()
    assert completed(given, web) == given
    assert web.asked == []


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("https://tenant.eu.auth0.com", "https://tenant.eu.auth0.com/"),
        ("https://sso.example/realms/a/", "https://sso.example/realms/a"),
        ("https://sso.example/realms/A", "https://sso.example/realms/a"),
    ],
)
def test_an_issuer_by_nearly_its_name_is_refused_with_its_name(named: str, said: str) -> None:
    """No token would ever fit."""
    web = Web({"issuer": said})
    web.pages[named.rstrip("/") + discovery.WELL_KNOWN] = json.dumps(
        {**DOCUMENT, "issuer": said}
    ).encode()
    assert repr(said) in refusal({"OidcIssuer": named}, web)
    assert completed({**NAMED, "OidcIssuer": said}, web)["OidcJwksUrl"] == FOUND["OidcJwksUrl"]


def test_an_issuer_of_several_tenants_is_refused() -> None:
    """As Entra's "common" is: its tokens carry their tenant's own issuer."""
    named = "https://login.microsoftonline.com/common/v2.0"
    web = Web()
    web.pages[named + discovery.WELL_KNOWN] = json.dumps(
        {**DOCUMENT, "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"}
    ).encode()
    assert "several tenants" in refusal({"OidcIssuer": named}, web)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"issuer": None}, "calls itself None"),
        ({"issuer": ["https://issuer.example/realm"]}, "calls itself ["),
        ({"jwks_uri": ...}, "does not say where its keys are"),
        ({"jwks_uri": "http://keys.example/jwks"}, "jwks_uri is no https URL"),
        ({"jwks_uri": 7}, "jwks_uri is no https URL"),
        ({"jwks_uri": "https://keys.example/nowhere"}, "cannot verify tokens"),
        ({"token_endpoint": "javascript:alert(1)"}, "token_endpoint is no https URL"),
        ({"authorization_endpoint": {}, "jwks_uri": ...}, "does not say where its keys are"),
    ],
)
def test_a_wrong_document_is_refused(changes: Mapping[str, Any], says: str) -> None:
    """Nothing of it is taken."""
    web = Web(changes)
    web.pages[ISSUER + discovery.WELL_KNOWN] = next(iter(web.pages.values()))
    assert says in refusal(NAMED, web)


@pytest.mark.parametrize("page", [b"", b"<html>", b"[]", b'"x"', b"[" * 100_000, b"\xff"])
def test_what_is_no_document_is_refused(page: bytes) -> None:
    """With what to do instead, and without a traceback."""
    web = Web()
    web.pages[ISSUER + discovery.WELL_KNOWN] = page
    assert "Check OidcIssuer" in refusal(NAMED, web)


def test_an_issuer_that_is_not_there_is_refused() -> None:
    web = Web()
    web.pages.clear()
    assert "OidcJwksUrl yourself" in refusal(NAMED, web)


@pytest.mark.parametrize("keys", [b"{}", jwks(), jwks({"kty": "oct", "k": "c2VjcmV0"})])
def test_keys_that_verify_nothing_are_refused(keys: bytes) -> None:
    """As those of a project that still signs with a shared secret: nobody could ever sign in."""
    assert "shared secret" in refusal(NAMED, Web(keys=keys))


@pytest.mark.parametrize("issuer", ["http://issuer.example", "issuer.example", "urn:x", "https://"])
def test_an_issuer_that_is_no_https_url_is_not_asked(issuer: str) -> None:
    """The rule of the parameter refuses it, with its own words."""
    web = Web()
    given = completed({**NAMED, "OidcIssuer": issuer}, web)
    assert web.asked == []
    with pytest.raises(Refusal, match=r"OidcIssuer is .* must be an https URL"):
        check(parameters(Stage("dev")), {**given, "OidcJwksUrl": "https://keys.example/"})
