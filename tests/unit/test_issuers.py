"""The tokens of the issuers that people have, each in its own shape, as docs/issuers.md sets it."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from chalicelib.auth.oidc import Oidc
from chalicelib.auth.tokens import Authenticator, JwksKeys
from chalicelib.model.errors import Unauthenticated
from chalicelib.model.user_keys import user_id
from tests.unit.test_auth import ABSENT, NOW, Json, changed, compact, jwk, jwks, signed_with

TENANT = "6f1b2a34-0000-4000-8000-1234567890ab"
SUBJECT = "00000000-1111-2222-3333-444444444444"


@dataclass(frozen=True)
class Shape:
    """What an issuer signs. `claims` are besides iss, sub, exp and iat."""

    issuer: str
    audience: str
    header: Json
    claims: Json
    subject: str = SUBJECT
    key: str = "rsa"


RS256 = {"alg": "RS256", "kid": "rsa", "typ": "JWT"}
COGNITO = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEf123"
ENTRA_CLAIMS = {
    "aud": "api-client-id",
    "nbf": NOW - 5,
    "azp": "gallery-client-id",
    "azpacr": "0",
    "oid": TENANT,
    "rh": "0.AAAA",
    "scp": "library",
    "tid": TENANT,
    "uti": "AbC",
    "ver": "2.0",
}
KEYCLOAK_CLAIMS = {
    "jti": SUBJECT,
    "aud": ["image-storage", "account"],
    "typ": "Bearer",
    "azp": "gallery",
    "sid": SUBJECT,
    "acr": "1",
    "allowed-origins": ["https://app.example"],
    "realm_access": {"roles": ["offline_access"]},
    "scope": "openid profile",
}

SHAPES = {
    "Cognito, ID token": Shape(
        COGNITO,
        "client-id",
        {"alg": "RS256", "kid": "rsa"},
        {"aud": "client-id", "token_use": "id", "cognito:username": "alice", "auth_time": NOW - 5},
    ),
    "Cognito, access token": Shape(
        COGNITO,
        "client-id",
        {"alg": "RS256", "kid": "rsa"},
        {"client_id": "client-id", "token_use": "access", "scope": "openid", "username": "alice"},
    ),
    "Auth0": Shape(
        "https://tenant.eu.auth0.com/",
        "https://api.example",
        RS256,
        {
            "aud": ["https://api.example", "https://tenant.eu.auth0.com/userinfo"],
            "azp": "gallery-client-id",
            "scope": "openid",
        },
        subject="auth0|65f0c0ffee",
    ),
    "Auth0, RFC 9068": Shape(
        "https://tenant.eu.auth0.com/",
        "https://api.example",
        {**RS256, "typ": "at+jwt"},
        {"aud": "https://api.example", "client_id": "gallery-client-id", "jti": "AbC"},
        subject="google-oauth2|1234567890",
    ),
    "Clerk": Shape(
        "https://clerk.app.example",
        "https://app.example",
        {**RS256, "cat": "cl_B7d4PD111AAA"},
        {
            "azp": "https://app.example",
            "fva": [7, -1],
            "jti": "AbC",
            "nbf": NOW - 10,
            "sid": "sess_AbC",
            "sts": "active",
            "v": 2,
        },
        subject="user_2AbCdEf",
    ),
    "Entra": Shape(
        f"https://login.microsoftonline.com/{TENANT}/v2.0", "api-client-id", RS256, ENTRA_CLAIMS
    ),
    "Entra, version 1.0": Shape(
        f"https://sts.windows.net/{TENANT}/",
        "api://image-storage",
        {**RS256, "x5t": "rsa"},
        {
            **{name: ENTRA_CLAIMS[name] for name in ("nbf", "oid", "scp", "tid")},
            "aud": "api://image-storage",
            "appid": "gallery-client-id",
            "ver": "1.0",
        },
    ),
    "Keycloak": Shape(
        "https://sso.example/realms/gallery", "image-storage", RS256, KEYCLOAK_CLAIMS
    ),
    "Keycloak, without an audience": Shape(
        "https://sso.example/realms/gallery",
        "gallery",
        RS256,
        {name: value for name, value in KEYCLOAK_CLAIMS.items() if name != "aud"},
    ),
    "Firebase": Shape(
        "https://securetoken.google.com/my-project",
        "my-project",
        RS256,
        {
            "aud": "my-project",
            "auth_time": NOW - 5,
            "user_id": "AbCdEf",
            "firebase": {"identities": {}, "sign_in_provider": "password"},
        },
        subject="AbCdEf",
    ),
    "Supabase": Shape(
        "https://abcdefgh.supabase.co/auth/v1",
        "authenticated",
        {"alg": "ES256", "kid": "p256", "typ": "JWT"},
        {
            "aud": "authenticated",
            "role": "authenticated",
            "aal": "aal1",
            "amr": [{"method": "password", "timestamp": NOW - 5}],
            "session_id": SUBJECT,
            "is_anonymous": False,
        },
        key="p256",
    ),
}


def user_of(shape: Shape, **changes: Any) -> str:
    """Whom the app takes the caller for; the issuer publishes its keys beside others."""
    standard = {"iss": shape.issuer, "sub": shape.subject, "exp": NOW + 3600, "iat": NOW - 5}
    claims = changed({**standard, **shape.claims}, changes)
    sign = signed_with(shape.key, shape.header["alg"])
    published = jwks(jwk("rsa", alg=ABSENT), jwk("p256", key_ops=["verify"]), jwk("ed448"))
    keys = JwksKeys("https://keys.example", lambda _url: published, lambda: NOW)
    oidc = Oidc(shape.issuer, shape.audience, "https://keys.example")
    bearer = f"Bearer {compact(shape.header, claims, sign)}"
    return Authenticator(oidc, keys, lambda: NOW).caller(bearer).user


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_their_tokens_sign_in(shape: Shape) -> None:
    assert user_of(shape) == user_id(shape.issuer, shape.subject)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_their_tokens_for_others_do_not(shape: Shape) -> None:
    """A token is refused where another audience or another issuer is expected."""
    with pytest.raises(Unauthenticated):
        user_of(replace(shape, audience="another"))
    with pytest.raises(Unauthenticated):
        user_of(shape, iss=shape.issuer.rstrip("/") + "x")


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_their_logout_tokens_do_not(shape: Shape) -> None:
    with pytest.raises(Unauthenticated):
        user_of(shape, events={})
