"""Bearer tokens: what is accepted, and that everything else is refused, each for its own reason.

Tokens are real: made here from real keys, byte by byte, so that they can also be wrong in ways
that no library would sign.
"""

import base64
import hmac
import http.server
import json
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import get_default_algorithms

from chalicelib.auth import tokens as auth
from chalicelib.auth.oidc import Oidc
from chalicelib.auth.tokens import Authenticator, Caller, JwksKeys, fetch_jwks
from chalicelib.model.errors import ConfigError, KeysUnavailable, Unauthenticated
from chalicelib.model.user_keys import user_id
from tests.web import Handler, listening, write_certificate

NOW = 1_800_000_000
ISSUER = "https://issuer.example/tenant"
AUDIENCE = "image-storage"
JWKS_URL = "https://issuer.example/keys"
OIDC = Oidc(ISSUER, AUDIENCE, JWKS_URL)
ABSENT: Any = object()
Json = dict[str, Any]

CLAIMS: Json = {"iss": ISSUER, "sub": "alice", "aud": AUDIENCE, "exp": NOW + 3600, "iat": NOW - 5}
HEADER: Json = {"alg": "RS256", "kid": "rsa", "typ": "JWT"}

NOT_ONE_TOKEN = "Send one signed token as 'Authorization: Bearer <token>'."
BAD_HEADER = "The token's header cannot be read."
CRITICAL = "The token's header asks for an extension (crit)."
UNKNOWN_KEY = "The token is not signed with a key that its issuer publishes."
ALGORITHM = "The token's algorithm is not one of its key's."
SIGNATURE = "The token's signature is not its issuer's."
NOT_CLAIMS = "The token's claims are not a JSON object."
OTHER_ISSUER = "The token is from another issuer."
OTHER_AUDIENCE = "The token is meant for another audience."
TIMES = "The token needs an end (exp), and its times must be Unix seconds."
EXPIRED = "The token has expired. Get a new one."
TOO_EARLY = "The token is not valid yet."
TYPE = "The token's type (typ) is not one that signs somebody in."
PENDING = "The token's session is not active yet (sts); finish signing in."
EVENTS = "The token tells of events; it signs nobody in."
SUBJECT = "The token needs a subject (sub) of 1 to 255 characters."


# Keys, and tokens made with them


@cache
def private_key(name: str) -> Any:
    """The same name is the same key throughout the run."""
    make: dict[str, Callable[[], Any]] = {
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "rsa-ps384": lambda: rsa.generate_private_key(65537, 2048),
        "rsa-1024": lambda: rsa.generate_private_key(65537, 1024),
        "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
        "k256": lambda: ec.generate_private_key(ec.SECP256K1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "ed448": ed448.Ed448PrivateKey.generate,
        "stranger": lambda: rsa.generate_private_key(65537, 2048),
    }
    return make[name]()


def family(name: str) -> str:
    """An algorithm that can handle the key, to borrow its signing and its JWK format from."""
    families = {"p256": "ES256", "p384": "ES384", "p521": "ES512", "k256": "ES256K"}
    return families.get(name, "EdDSA" if name.startswith("ed") else "RS256")


def jwk(name: str, **changes: Any) -> Json:
    """The public key as its issuer would publish it, with some members changed or ABSENT."""
    public = get_default_algorithms()[family(name)].to_jwk(
        private_key(name).public_key(), as_dict=True
    )
    return changed({**public, "key_ops": ABSENT, "kid": name, "use": "sig"}, changes)


def jwks(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


def changed(base: Json, changes: Json) -> Json:
    return {k: v for k, v in {**base, **changes}.items() if v is not ABSENT}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed_with(name: str, algorithm: str) -> Callable[[bytes], bytes]:
    return lambda text: get_default_algorithms()[algorithm].sign(text, private_key(name))


def compact(header: object, claims: object, sign: Callable[[bytes], bytes]) -> str:
    text = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
    return text + "." + b64(sign(text.encode()))


def token(claims: Json | None = None, header: Json | None = None, key: str = "rsa") -> str:
    """The good token, with some claims or header members changed or ABSENT, and really signed."""
    head = changed({**HEADER, "kid": key, "alg": family(key)}, header or {})
    algorithm = head["alg"] if head.get("alg") in auth.RSA_ALGORITHMS else family(key)
    return compact(head, changed(CLAIMS, claims or {}), signed_with(key, algorithm))


# An issuer


class FakeClock:
    """A clock that moves when told to. Seconds."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


class FakeIssuer:
    """Answers its JWKS URL with `document`, or fails if that is an error; notes what was asked."""

    def __init__(self, document: bytes | Exception) -> None:
        self.document = document
        self.asked: list[str] = []

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if isinstance(self.document, Exception):
            raise self.document
        return self.document


PUBLISHED = ("rsa", "p256", "p384", "p521", "ed25519")


def published() -> bytes:
    return jwks(*(jwk(name) for name in PUBLISHED), jwk("rsa-ps384", alg="PS384"))


def authenticator(document: bytes | None = None) -> Authenticator:
    clock = FakeClock()
    issuer = FakeIssuer(document or published())
    return Authenticator(OIDC, JwksKeys(JWKS_URL, issuer.fetch, clock), clock)


def caller(authorization: str, document: bytes | None = None) -> Caller:
    return authenticator(document).caller(authorization)


def is_accepted(authorization: str, document: bytes | None = None) -> bool:
    return caller(authorization, document).expires_at >= NOW


def refusal(authorization: str, document: bytes | None = None) -> str:
    with pytest.raises(Unauthenticated) as refused:
        caller(authorization, document)
    return refused.value.reason


# What is accepted


def test_a_good_token_names_its_user_and_its_end() -> None:
    """A token that is in order answers the hashed user and the second at which it ends."""
    assert caller("Bearer " + token()) == Caller(user_id(ISSUER, "alice"), NOW + 3600)


@pytest.mark.parametrize(
    "authorization",
    ["bearer {}", "BEARER {}", "Bearer   {}"],
)
def test_the_scheme_is_case_insensitive_and_followed_by_spaces(authorization: str) -> None:
    """RFC 9110: the scheme's case does not matter, and one or more spaces end it."""
    assert caller(authorization.format(token())).expires_at == NOW + 3600


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        ("rsa", "RS256"),
        ("rsa", "RS384"),
        ("rsa", "RS512"),
        ("rsa", "PS256"),
        ("rsa", "PS384"),
        ("rsa", "PS512"),
        ("rsa-ps384", "PS384"),
        ("p256", "ES256"),
        ("p384", "ES384"),
        ("p521", "ES512"),
        ("ed25519", "EdDSA"),
    ],
)
def test_each_algorithm_of_the_list_is_accepted_with_its_key(key: str, algorithm: str) -> None:
    """Every algorithm on the list verifies a token of the kind of key that it belongs to."""
    assert is_accepted("Bearer " + token(key=key, header={"alg": algorithm}))


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"aud": ["other", AUDIENCE]}, id="one of several audiences"),
        pytest.param({"aud": ABSENT, "token_use": "access", "client_id": AUDIENCE}, id="cognito"),
        pytest.param({"token_use": "access"}, id="cognito access token with an audience"),
        pytest.param({"token_use": "id"}, id="cognito id token"),
        pytest.param({"sts": "active"}, id="active session of clerk"),
        pytest.param({"aud": ABSENT, "azp": AUDIENCE}, id="azp without an audience"),
        pytest.param({"azp": "other"}, id="made for another app, and meant for us"),
        pytest.param({"exp": NOW + 1}, id="one second before its end"),
        pytest.param({"exp": NOW + 0.5}, id="a fraction of a second before its end"),
        pytest.param({"nbf": NOW + 30}, id="nbf within the leeway"),
        pytest.param({"iat": NOW + 30}, id="iat within the leeway"),
        pytest.param({"iat": ABSENT}, id="without iat"),
        pytest.param({"sub": "x" * 255}, id="longest subject"),
        pytest.param({"sub": "Zoë 😀"}, id="subject beyond ASCII"),
        pytest.param({"sub": "\ud800"}, id="subject that is not valid Unicode"),
    ],
)
def test_a_good_variant_is_accepted(claims: Json) -> None:
    """The nearest good neighbour of each refused token is accepted."""
    assert is_accepted("Bearer " + token(claims))


@pytest.mark.parametrize(
    "kind",
    [ABSENT, "JWT", "jwt", "at+jwt", "AT+JWT", "application/jwt", "application/at+jwt"],
    ids=lambda typ: "absent" if typ is ABSENT else repr(typ),
)
def test_the_types_of_the_list_are_accepted(kind: Any) -> None:
    """A token that any OpenID Connect issuer would give an app."""
    assert is_accepted("Bearer " + token(header={"typ": kind}))


def test_a_token_without_kid_is_for_the_only_key() -> None:
    """A token without a key id is accepted when the issuer has one usable key."""
    only = jwks(jwk("rsa"), jwk("p256", use="enc"))
    assert is_accepted("Bearer " + token(header={"kid": ABSENT}), only)


def test_a_key_may_leave_use_and_alg_out() -> None:
    """RFC 7517: `use`, `alg` and the document's other members are optional."""
    assert is_accepted("Bearer " + token(), jwks(jwk("rsa", use=ABSENT, alg=ABSENT)))


# What is refused


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        pytest.param({"exp": NOW}, EXPIRED, id="expired this second"),
        pytest.param({"exp": NOW - 1}, EXPIRED, id="expired"),
        pytest.param({"exp": ABSENT}, TIMES, id="no exp"),
        pytest.param({"exp": None}, TIMES, id="exp null"),
        pytest.param({"exp": str(NOW + 3600)}, TIMES, id="exp as text"),
        pytest.param({"exp": True}, TIMES, id="exp a boolean"),
        pytest.param({"exp": float("nan")}, TIMES, id="exp NaN"),
        pytest.param({"exp": float("inf")}, TIMES, id="exp infinite"),
        pytest.param({"exp": 10**400}, TIMES, id="exp beyond any float"),
        pytest.param({"nbf": NOW + 31}, TOO_EARLY, id="nbf beyond the leeway"),
        pytest.param({"nbf": "soon"}, TIMES, id="nbf as text"),
        pytest.param({"iat": NOW + 31}, TOO_EARLY, id="iat beyond the leeway"),
        pytest.param({"iat": None}, TIMES, id="iat null"),
        pytest.param({"iss": ABSENT}, OTHER_ISSUER, id="no issuer"),
        pytest.param({"iss": ISSUER + "/"}, OTHER_ISSUER, id="issuer with a slash more"),
        pytest.param({"iss": ISSUER.upper()}, OTHER_ISSUER, id="issuer in capitals"),
        pytest.param({"iss": [ISSUER]}, OTHER_ISSUER, id="issuer in a list"),
        pytest.param({"aud": ABSENT}, OTHER_AUDIENCE, id="no audience"),
        pytest.param({"aud": None}, OTHER_AUDIENCE, id="audience null"),
        pytest.param({"aud": "other"}, OTHER_AUDIENCE, id="other audience"),
        pytest.param({"aud": AUDIENCE + "-2"}, OTHER_AUDIENCE, id="audience with ours inside"),
        pytest.param({"aud": ["a", "b"]}, OTHER_AUDIENCE, id="other audiences"),
        pytest.param({"aud": []}, OTHER_AUDIENCE, id="no audiences"),
        pytest.param({"aud": {AUDIENCE: 1}}, OTHER_AUDIENCE, id="audience an object"),
        pytest.param({"token_use": "refresh"}, OTHER_AUDIENCE, id="another token_use"),
        pytest.param({"token_use": None}, OTHER_AUDIENCE, id="token_use null"),
        pytest.param({"token_use": ["id"]}, OTHER_AUDIENCE, id="token_use a list"),
        pytest.param(
            {"aud": ABSENT, "token_use": "access", "client_id": "other"},
            OTHER_AUDIENCE,
            id="cognito access token of another client",
        ),
        pytest.param(
            {"aud": "other", "token_use": "access", "client_id": AUDIENCE},
            OTHER_AUDIENCE,
            id="cognito access token for another audience",
        ),
        pytest.param(
            {"aud": ABSENT, "token_use": "id", "client_id": AUDIENCE},
            OTHER_AUDIENCE,
            id="cognito id token without audience",
        ),
        pytest.param({"aud": ABSENT, "client_id": AUDIENCE}, OTHER_AUDIENCE, id="client_id alone"),
        pytest.param(
            {"aud": "other", "azp": AUDIENCE}, OTHER_AUDIENCE, id="azp beside another aud"
        ),
        pytest.param({"aud": None, "azp": AUDIENCE}, OTHER_AUDIENCE, id="azp beside aud null"),
        pytest.param({"aud": ABSENT, "azp": "other"}, OTHER_AUDIENCE, id="another azp"),
        pytest.param({"aud": ABSENT, "azp": [AUDIENCE]}, OTHER_AUDIENCE, id="azp a list"),
        pytest.param(
            {"aud": ABSENT, "token_use": "access", "azp": AUDIENCE},
            OTHER_AUDIENCE,
            id="cognito access token with azp",
        ),
        pytest.param({"events": {}}, EVENTS, id="security event token"),
        pytest.param(
            {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}},
            EVENTS,
            id="logout token without its typ",
        ),
        pytest.param({"events": None}, EVENTS, id="events null"),
        pytest.param({"sts": "pending"}, PENDING, id="pending session of Clerk"),
        pytest.param({"sub": ABSENT}, SUBJECT, id="no subject"),
        pytest.param({"sub": ""}, SUBJECT, id="empty subject"),
        pytest.param({"sub": "x" * 256}, SUBJECT, id="subject too long"),
        pytest.param({"sub": 7}, SUBJECT, id="subject a number"),
        pytest.param({"sub": ["alice"]}, SUBJECT, id="subject a list"),
    ],
)
def test_wrong_claims_are_refused(claims: Json, reason: str) -> None:
    """A token with exactly this wrong in its claims, and truly signed, is refused for it."""
    assert refusal("Bearer " + token(claims)) == reason


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        pytest.param({"crit": ["b64"], "b64": True}, CRITICAL, id="crit that PyJWT supports"),
        pytest.param({"crit": ["exp"], "exp": 1}, BAD_HEADER, id="crit that nobody supports"),
        pytest.param({"crit": []}, BAD_HEADER, id="empty crit"),
        *(
            pytest.param({"typ": kind}, TYPE, id=f"typ {kind!r}")
            for kind in (
                *("logout+jwt", "secevent+jwt", "dpop+jwt", "token-introspection+jwt", "JWE"),
                *("application/logout+jwt", "text/jwt", "jwt ", "", None, 7, ["JWT"]),
            )
        ),
        pytest.param({"cty": "JWT"}, TYPE, id="a token inside"),
        pytest.param({"b64": False}, BAD_HEADER, id="detached payload"),
        pytest.param({"kid": "nobody"}, UNKNOWN_KEY, id="unknown kid"),
        pytest.param({"kid": ABSENT}, UNKNOWN_KEY, id="no kid, several keys"),
        pytest.param({"kid": 7}, BAD_HEADER, id="kid a number"),
        pytest.param({"kid": None}, BAD_HEADER, id="kid null"),
        pytest.param({"alg": ABSENT}, ALGORITHM, id="no alg"),
        pytest.param({"alg": ""}, ALGORITHM, id="empty alg"),
        pytest.param({"alg": "rs256"}, ALGORITHM, id="alg in small letters"),
        pytest.param({"alg": ["RS256"]}, ALGORITHM, id="alg a list"),
        pytest.param({"alg": "RS1"}, ALGORITHM, id="alg off the list"),
        pytest.param({"alg": "none"}, ALGORITHM, id="none, with a signature"),
        pytest.param({"kid": "p256"}, ALGORITHM, id="RS256 with an EC key"),
        pytest.param({"kid": "ed25519"}, ALGORITHM, id="RS256 with an Ed25519 key"),
        pytest.param({"kid": "rsa-ps384"}, ALGORITHM, id="RS256 with a key for PS384"),
        pytest.param({"kid": "rsa-ps384", "alg": "PS384"}, SIGNATURE, id="another's kid"),
    ],
)
def test_wrong_headers_are_refused(header: Json, reason: str) -> None:
    """A token with exactly this wrong in its header, and truly signed, is refused for it."""
    assert refusal("Bearer " + token(header=header)) == reason


def test_an_ec_key_does_not_verify_the_algorithm_of_another_curve() -> None:
    """A P-256 key verifies ES256 and no other, whatever the header says."""
    wrong = compact({"alg": "ES384", "kid": "p256"}, CLAIMS, signed_with("p256", "ES256"))
    assert refusal("Bearer " + wrong) == ALGORITHM


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", ""])
@pytest.mark.parametrize("signature", ["", ".", ".AA"])
def test_an_unsigned_token_is_refused(alg: str, signature: str) -> None:
    """`alg: none` is refused however it is spelt, without a signature or with any."""
    text = compact({"alg": alg, "kid": "rsa"}, CLAIMS, lambda _: b"").rstrip(".")
    assert refusal("Bearer " + text + signature) in {NOT_ONE_TOKEN, ALGORITHM}


def test_a_stranger_cannot_sign() -> None:
    """A token signed with any key but the one it names is refused."""
    forged = compact(HEADER, CLAIMS, signed_with("stranger", "RS256"))
    assert refusal("Bearer " + forged) == SIGNATURE


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_changed_token_is_refused(part: int) -> None:
    """Changing any of a signed token's three parts makes it worthless."""
    parts = token().split(".")
    other = token({"sub": "mallory"}, {"typ": "jwt"}).split(".")
    parts[part] = other[part]
    assert refusal("Bearer " + ".".join(parts)) == SIGNATURE


def test_keys_in_the_token_are_ignored() -> None:
    """A key, certificate or address that a token brings along is neither used nor fetched."""
    issuer = FakeIssuer(published())
    keys = JwksKeys(JWKS_URL, issuer.fetch, FakeClock())
    own = {
        "jwk": jwk("stranger", kid="rsa"),
        "jku": "https://evil.example/keys",
        "x5u": "https://evil.example/certificate",
        "x5c": ["MIIB"],
    }
    forged = compact({**HEADER, **own}, CLAIMS, signed_with("stranger", "RS256"))
    with pytest.raises(Unauthenticated, match="signature"):
        Authenticator(OIDC, keys, FakeClock()).caller("Bearer " + forged)
    assert Authenticator(OIDC, keys, FakeClock()).caller("Bearer " + token(header=own)).user
    assert issuer.asked == [JWKS_URL]


@pytest.mark.parametrize("claims", [[], "alice", 7, None, [CLAIMS]])
def test_claims_that_are_no_object_are_refused(claims: object) -> None:
    """Whatever JSON is signed, only an object is taken for claims."""
    assert refusal("Bearer " + compact(HEADER, claims, signed_with("rsa", "RS256"))) == NOT_CLAIMS


@pytest.mark.parametrize("payload", [b"{", b"\xff\xfe\xfd", b"[" * 5000])
def test_claims_that_are_no_json_are_refused(payload: bytes) -> None:
    """Text that is not JSON, or is nested beyond reason, is refused even if it is signed."""
    text = b64(json.dumps(HEADER).encode()) + "." + b64(payload)
    signature = b64(signed_with("rsa", "RS256")(text.encode()))
    assert refusal(f"Bearer {text}.{signature}") == NOT_CLAIMS


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "{}",
        "Basic {}",
        "Bearer{}",
        "Bearer\t{}",
        " Bearer {}",
        "Bearer {} ",
        "Bearer {}\n",
        "Bearer {} {}",
        "Bearer {},{}",
        "Bearer {}, Bearer {}",
        "Bearer {}=",
        "Bearer {}.AA",
        "Bearer a.b",
        "Bearer é.b.c",
        "Bearer é{}",
    ],
)
def test_anything_but_one_bearer_token_is_refused(authorization: str) -> None:
    """The header's value is the scheme, spaces and one token, and nothing around them."""
    assert refusal(authorization.replace("{}", token())) == NOT_ONE_TOKEN


def test_the_length_of_a_token_is_bounded() -> None:
    """A header's value of 10,240 characters is read, one more is refused unread."""
    longest = "Bearer" + " " * (10_240 - 6 - len(token())) + token()
    assert is_accepted(longest)
    assert refusal(longest.replace("Bearer ", "Bearer  ")) == NOT_ONE_TOKEN


# HMAC with the public key: every form in which an attacker can have its bytes


def secrets_of(name: str) -> Iterator[tuple[str, bytes]]:
    """Every byte string that a verifier might take a public key for."""
    public = private_key(name).public_key()
    spki = PublicFormat.SubjectPublicKeyInfo
    yield "pem", public.public_bytes(Encoding.PEM, spki)
    yield "pem-stripped", public.public_bytes(Encoding.PEM, spki).strip()
    yield "der", public.public_bytes(Encoding.DER, spki)
    yield "jwk", json.dumps(jwk(name)).encode()
    yield "jwk-compact", json.dumps(jwk(name), separators=(",", ":"), sort_keys=True).encode()
    yield "jwks", published()
    yield "nothing", b""
    for member in ("n", "x", "y"):
        if member in jwk(name):
            text = str(jwk(name)[member])
            yield f"{member}-text", text.encode()
            yield f"{member}-bytes", base64.urlsafe_b64decode(text + "==")
    if name != "ed25519":
        yield "openssh", public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    if name == "rsa":
        yield "pkcs1-pem", public.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
        yield "pkcs1-der", public.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    if name == "p256":
        yield "point", public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


FORMS = [(key, form) for key in ("rsa", "p256", "ed25519") for form, _ in secrets_of(key)]


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize(("key", "form"), FORMS, ids=lambda part: str(part))
def test_an_hmac_with_the_public_key_is_refused(key: str, form: str, alg: str) -> None:
    """A token signed with what everybody can read, in any form, is refused for its algorithm."""
    secret, digest = dict(secrets_of(key))[form], "sha" + alg[2:]
    forged = compact(
        {"alg": alg, "kid": key}, CLAIMS, lambda text: hmac.digest(secret, text, digest)
    )
    assert refusal("Bearer " + forged) == ALGORITHM


def test_a_symmetric_key_of_the_issuer_is_no_key() -> None:
    """A key set's symmetric key (kty oct), which everybody can read, verifies nothing."""
    leaked = {"kty": "oct", "kid": "oct", "alg": "HS256", "k": b64(b"k" * 32)}
    forged = compact(
        {"alg": "HS256", "kid": "oct"}, CLAIMS, lambda text: hmac.digest(b"k" * 32, text, "sha256")
    )
    assert refusal("Bearer " + forged, jwks(jwk("rsa"), leaked)) == UNKNOWN_KEY


# Refusals say nothing of the token


@pytest.mark.parametrize(
    "authorization",
    [
        lambda: "Bearer " + token({"sub": "s3cret", "iss": "s3cret"}),
        lambda: "Bearer " + token({"exp": "s3cret"}),
        lambda: "Bearer " + token(header={"crit": ["s3cret"]}),
        lambda: "Bearer " + token(header={"alg": "s3cret"}),
        lambda: "Bearer " + token(header={"kid": "s3cret"}),
        lambda: "Bearer s3cret",
        lambda: "Bearer czNjcmV0.czNjcmV0.czNjcmV0",
    ],
    ids=["claims", "time", "crit", "alg", "kid", "no token", "no header"],
)
def test_a_refusal_and_its_traceback_hold_nothing_of_the_token(
    authorization: Callable[[], str],
) -> None:
    """Neither the reason nor the traceback that a log may hold repeats any of the token."""
    with pytest.raises(Unauthenticated) as refused:
        caller(authorization())
    text = "".join(traceback.format_exception(refused.value))
    assert "s3cret" not in text
    assert "czNjcmV0" not in text


@given(st.text() | st.text().map(lambda text: "Bearer " + text))
@settings(deadline=None)
def test_any_text_is_refused_in_order(text: str) -> None:
    """No text whatever makes the authenticator fail in another way than by refusing."""
    assert refusal(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=5,
)


@given(st.sampled_from(["alg", "kid", "crit", "b64", "typ", "jwk"]), json_values)
@settings(deadline=None)
def test_any_header_is_refused_in_order(name: str, value: object) -> None:
    """No header of a forged token makes the authenticator fail in another way than by refusing."""
    assert refusal("Bearer " + compact({**HEADER, name: value}, CLAIMS, lambda _: b"forged"))


@given(st.sampled_from([*CLAIMS, "nbf", "token_use", "client_id"]), json_values)
@settings(deadline=None)
def test_any_claim_is_judged_in_order(name: str, value: object) -> None:
    """Whatever stands in a signed claim, the token is accepted or refused, and nothing else."""
    with suppress(Unauthenticated):
        assert is_accepted("Bearer " + token({name: value}, key="ed25519"))


# The user


def test_a_user_is_a_fixed_length_key_of_issuer_and_subject() -> None:
    """The key is the unpadded base64url SHA-256 of `iss|sub` (fixed here for ever)."""
    assert user_id(ISSUER, "alice") == "mCQjpRRE2TXAW_hgi3TtreQjAecOpeXpOby64Nbu54Y"
    assert len(user_id(ISSUER, "x" * 255)) == 43


def test_users_differ_by_issuer_and_by_subject() -> None:
    """Another issuer's subject of the same name is another user, and so is any other spelling."""
    pairs = [(ISSUER, "a"), (ISSUER, "A"), (ISSUER, "a "), (ISSUER + "2", "a"), (ISSUER, "|a")]
    assert len({user_id(*pair) for pair in pairs}) == len(pairs)


# Which issuers can be configured


@pytest.mark.parametrize("deployed", [True, False])
def test_an_issuer_is_https_throughout(deployed: bool) -> None:
    """An https issuer with an https JWKS URL is accepted everywhere."""
    assert Oidc(ISSUER, AUDIENCE, JWKS_URL, deployed).deployed is deployed


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8001/keys", "http://localhost/keys", "http://[::1]:8001/keys"],
)
def test_only_what_is_not_deployed_may_have_local_keys(url: str) -> None:
    """Keys by http from the machine itself are for development: refused as soon as deployed."""
    assert Oidc("urn:any:name", AUDIENCE, url, deployed=False).jwks_url == url
    with pytest.raises(ConfigError, match="OIDC_JWKS_URL"):
        Oidc("urn:any:name", AUDIENCE, url)
    with pytest.raises(ConfigError, match="OIDC_JWKS_URL"):
        Oidc(ISSUER, AUDIENCE, url)


@pytest.mark.parametrize("deployed", [True, False])
@pytest.mark.parametrize(
    ("issuer", "audience", "jwks_url"),
    [
        ("", AUDIENCE, JWKS_URL),
        (ISSUER, "", JWKS_URL),
        (ISSUER, AUDIENCE, ""),
        ("urn:any:name", AUDIENCE, JWKS_URL),
        ("http://issuer.example", AUDIENCE, JWKS_URL),
        ("https://", AUDIENCE, JWKS_URL),
        (ISSUER + "|", AUDIENCE, JWKS_URL),
        (ISSUER, AUDIENCE, "http://issuer.example/keys"),
        (ISSUER, AUDIENCE, "http://127.0.0.1.evil.example/keys"),
        (ISSUER, AUDIENCE, "http://127.0.0.1@evil.example/keys"),
        (ISSUER, AUDIENCE, "http://localhost\\@evil.example/keys"),
        (ISSUER, AUDIENCE, "http://10.0.0.1/keys"),
        (ISSUER, AUDIENCE, "https://user:password@issuer.example/keys"),
        (ISSUER, AUDIENCE, "file:///keys.json"),
        (ISSUER, AUDIENCE, JWKS_URL + "\n"),
    ],
)
def test_an_unsafe_issuer_cannot_be_configured(
    issuer: str, audience: str, jwks_url: str, deployed: bool
) -> None:
    """Names and addresses that do not prove where keys come from are errors at start."""
    with pytest.raises(ConfigError, match="OIDC_"):
        Oidc(issuer, audience, jwks_url, deployed)


@pytest.mark.parametrize(
    ("issuer", "reason"), [("urn:a|b", r"OIDC_ISSUER .* '\|'"), ("", r"OIDC_ISSUER .* empty")]
)
def test_some_issuers_are_refused_locally_too(issuer: str, reason: str) -> None:
    """Any name will do locally, but none that is empty or holds the bar of a user's key."""
    with pytest.raises(ConfigError, match=reason):
        Oidc(issuer, AUDIENCE, "http://127.0.0.1:8001/keys", deployed=False)


# Keys: which of a set are used


@pytest.mark.parametrize(
    "useless",
    [
        pytest.param(lambda: jwk("p256", use="enc"), id="for encryption"),
        pytest.param(lambda: jwk("p256", alg="ES384"), id="alg of another curve"),
        pytest.param(lambda: jwk("p256", alg="ECDH-ES"), id="alg for encryption"),
        pytest.param(lambda: jwk("p256", alg=["ES256"]), id="alg a list"),
        pytest.param(lambda: jwk("p256", kty="RSA"), id="kty of another kind"),
        pytest.param(lambda: jwk("p256", kty=["EC"]), id="kty a list"),
        pytest.param(lambda: jwk("p256", x="!"), id="not base64"),
        pytest.param(lambda: jwk("p256", x=5), id="not text"),
        pytest.param(lambda: jwk("p256", x="A" * 43), id="not on the curve"),
        pytest.param(lambda: jwk("p256", kid=7), id="kid a number"),
        pytest.param(lambda: jwk("k256", kid="p256"), id="a curve off the list"),
        pytest.param(lambda: jwk("ed448", kid="p256", alg="EdDSA"), id="Ed448"),
        pytest.param(lambda: jwk("rsa-1024", kid="p256"), id="a short RSA key"),
        pytest.param(lambda: jwk("p256", alg="none"), id="alg none"),
        pytest.param(lambda: {"kid": "p256", "kty": "oct"}, id="symmetric, and empty"),
        pytest.param(lambda: {"kid": "p256"}, id="no key at all"),
        pytest.param(lambda: "p256", id="not an object"),
        pytest.param(lambda: None, id="null"),
    ],
)
def test_a_useless_key_is_skipped(useless: Callable[[], object]) -> None:
    """A key that cannot or must not verify tokens is as if absent: another is the only one."""
    keys = jwks(useless(), jwk("rsa"))
    assert is_accepted("Bearer " + token(header={"kid": ABSENT}), keys)
    assert refusal("Bearer " + token(key="p256"), keys) == UNKNOWN_KEY


def test_a_published_private_key_is_skipped() -> None:
    """Whoever can read the key set could sign with a private key in it, so it verifies nothing."""
    private = json.loads(get_default_algorithms()["ES256"].to_jwk(private_key("p256")))
    keys = jwks({**private, "kid": "p256"}, jwk("rsa"))
    assert refusal("Bearer " + token(key="p256"), keys) == UNKNOWN_KEY


def test_a_short_rsa_key_does_not_verify_its_own_tokens() -> None:
    """RFC 7518: a token of a 1,024-bit RSA key is refused though its signature is right."""
    keys = jwks(jwk("rsa-1024"), jwk("rsa"))
    assert refusal("Bearer " + token(key="rsa-1024"), keys) == UNKNOWN_KEY


# Keys: when they are fetched


class KeyStory:
    """An issuer, a clock and the keys between them, for telling what happens in order."""

    def __init__(self, document: bytes | Exception) -> None:
        self.clock = FakeClock()
        self.issuer = FakeIssuer(document)
        self.keys = JwksKeys(JWKS_URL, self.issuer.fetch, self.clock)

    def after(self, seconds: float, kid: str, answer: bytes | Exception | None = None) -> str:
        """Whether the key is found so much later, and how often the issuer has been asked."""
        self.clock.now += seconds
        self.issuer.document = self.issuer.document if answer is None else answer
        try:
            found = "found" if self.keys.find(kid) else "unknown"
        except KeysUnavailable:
            found = "unavailable"
        return f"{found} {len(self.issuer.asked)}"


def test_keys_are_fetched_once_and_again_when_they_are_old() -> None:
    """Nothing is fetched before the first token, then every 300 seconds at most."""
    story = KeyStory(jwks(jwk("rsa")))
    assert story.issuer.asked == []
    assert story.after(0, "rsa") == "found 1"
    assert story.after(299, "rsa") == "found 1"
    assert story.after(1, "rsa") == "found 2"
    assert story.after(299, "rsa") == "found 2"


def test_a_withdrawn_key_is_forgotten_when_keys_are_old() -> None:
    """A key that the issuer withdraws verifies nothing once the keys have been fetched again."""
    story = KeyStory(jwks(jwk("rsa"), jwk("p256")))
    assert story.after(0, "p256") == "found 1"
    assert story.after(300, "p256", jwks(jwk("rsa"))) == "unknown 2"


def test_a_new_key_is_found_after_the_pause() -> None:
    """A key that the issuer adds is fetched when a token names it, 30 seconds after the last."""
    story = KeyStory(jwks(jwk("rsa")))
    assert story.after(0, "rsa") == "found 1"
    assert story.after(29, "p256", jwks(jwk("rsa"), jwk("p256"))) == "unknown 1"
    assert story.after(1, "p256") == "found 2"


def test_made_up_key_ids_do_not_hammer_the_issuer() -> None:
    """However many unknown keys are asked for, one fetch in 30 seconds is all they cause."""
    story = KeyStory(jwks(jwk("rsa")))
    answers = {story.after(0.29, f"kid-{number}") for number in range(100)}
    assert answers == {"unknown 1"}
    assert story.after(30, "another") == "unknown 2"
    assert story.after(0, "rsa") == "found 2"


FAILURES = [
    pytest.param(OSError("no route"), id="unreachable"),
    pytest.param(TimeoutError("timed out"), id="time-out"),
    pytest.param(b"", id="nothing"),
    pytest.param(b"<html>", id="not JSON"),
    pytest.param(b"\xff", id="not text"),
    pytest.param(b"[" * 100_000, id="nested beyond reason"),
    pytest.param(b"[]", id="not an object"),
    pytest.param(b"{}", id="no keys member"),
    pytest.param(b'{"keys": {}}', id="keys not a list"),
    pytest.param(jwks(), id="no keys"),
    pytest.param(jwks({"kty": "oct", "k": "AAAA"}), id="no usable key"),
]


@pytest.mark.parametrize("failure", FAILURES)
def test_the_last_good_keys_serve_through_an_outage(failure: bytes | Exception) -> None:
    """While the issuer fails, known keys go on, and it is asked only every 30 seconds."""
    story = KeyStory(jwks(jwk("rsa")))
    assert story.after(0, "rsa") == "found 1"
    assert story.after(300, "rsa", failure) == "found 2"
    assert story.after(29, "rsa") == "found 2"
    assert story.after(0, "p256") == "unknown 2"
    assert story.after(1, "rsa") == "found 3"
    assert story.after(86_400, "rsa") == "found 4"
    assert story.after(30, "p256", jwks(jwk("p256"))) == "found 5"


@pytest.mark.parametrize("failure", FAILURES)
def test_without_any_keys_no_token_is_judged(failure: bytes | Exception) -> None:
    """Before the first good answer no token is refused: there are no keys yet, and soon a retry."""
    story = KeyStory(failure)
    assert story.after(0, "rsa") == "unavailable 1"
    assert story.after(2.9, "rsa") == "unavailable 1"
    assert story.after(0.1, "rsa") == "unavailable 2"
    assert story.after(3, "rsa", jwks(jwk("rsa"))) == "found 3"


def test_the_pause_begins_when_the_fetch_has_ended() -> None:
    """A time-out of some seconds does not use up the pause that follows it."""
    clock = FakeClock()
    asked = []

    def slow_failure(url: str) -> bytes:
        asked.append(url)
        clock.now += 3
        raise TimeoutError

    keys = JwksKeys(JWKS_URL, slow_failure, clock)
    for _ in range(2):
        with pytest.raises(KeysUnavailable):
            keys.find("rsa")
    assert len(asked) == 1


def test_an_outage_is_logged_without_what_the_issuer_answered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An operator finds one line per failed fetch, which does not repeat the answer."""
    KeyStory(b"s3cret \xff").after(0, "rsa")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "UnicodeDecodeError" in caplog.text
    assert "s3cret" not in caplog.text


def test_the_caller_learns_that_keys_are_unavailable() -> None:
    """A good token without any keys to judge it by is no Unauthenticated."""
    issuer = FakeIssuer(OSError("no route"))
    keys = JwksKeys(JWKS_URL, issuer.fetch, FakeClock())
    with pytest.raises(KeysUnavailable, match="Try again"):
        Authenticator(OIDC, keys, FakeClock()).caller("Bearer " + token())


def test_threads_share_one_fetch() -> None:
    """Threads that need the keys at once cause one fetch, and all of them get the key."""
    document = jwks(jwk("rsa"))
    together = threading.Barrier(8)
    overlap = threading.Barrier(2)
    fetches: list[str] = []
    found: list[object] = []

    def fetch(url: str) -> bytes:
        fetches.append(url)
        try:
            overlap.wait(timeout=0.2)  # passes only if another thread fetches meanwhile
        except threading.BrokenBarrierError:
            return document
        raise AssertionError("two fetches at once")

    keys = JwksKeys(JWKS_URL, fetch, FakeClock())

    def find() -> None:
        together.wait(timeout=10)
        found.append(keys.find("rsa"))

    threads = [threading.Thread(target=find) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert len(fetches) == 1
    assert len(found) == 8
    assert all(found)


# Fetching over HTTP


class JwksServer(Handler):
    """An issuer on loopback, good and bad by path."""

    def do_GET(self) -> None:
        match self.path:
            case "/keys":
                self.answer(200, self.headers["User-Agent"].encode())
            case "/redirect":
                self.answer(302, b"", Location="/keys")
            case "/redirect-to-file":
                self.answer(302, b"", Location="file:///etc/hostname")
            case "/longest":
                self.answer(200, b" " * auth.MAX_JWKS)
            case "/endless":
                self.answer(200, b" " * (auth.MAX_JWKS + 1), Content_Length="1000000000")
            case "/not-http":
                self.wfile.write(b"hello\r\n")
            case "/dripping":
                self.drip()
            case _:
                self.answer(500, b"{}")

    def drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        with suppress(OSError):
            while not released.wait(0.02):
                self.wfile.write(b" ")


released = threading.Event()
"""Ends the answers that come byte by byte."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a running JwksServer."""
    with listening(JwksServer) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def certificate_file(tmp_path: Path) -> Path:
    """The certificate and its private key."""
    path = tmp_path / "localhost.pem"
    write_certificate(path)
    return path


@pytest.fixture
def https_server(certificate_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The https address of a running JwksServer, to be reached without any proxy."""
    monkeypatch.setenv("no_proxy", "localhost")
    with listening(JwksServer, certificate_file) as port:
        yield f"https://localhost:{port}"


def test_a_document_is_fetched_by_https(
    https_server: str, certificate_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An https address is read when its certificate is of an authority that the machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate_file))
    assert fetch_jwks(https_server + "/keys") == b"image-storage"


def test_an_untrusted_certificate_is_an_oserror(https_server: str) -> None:
    """Nothing is read from a host that cannot prove its name."""
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch_jwks(https_server + "/keys")


def test_a_document_is_fetched(server: str) -> None:
    """A local http address is read, under our own name (firewalls turn urllib's away)."""
    assert fetch_jwks(server + "/keys") == b"image-storage"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/redirect", "302"),
        ("/redirect-to-file", "302"),
        ("/endless", "longer than 524288 bytes"),
        ("/not-http", "not HTTP"),
        ("/failing", "500"),
    ],
)
def test_a_bad_answer_is_an_oserror(server: str, path: str, reason: str) -> None:
    """Redirects, too much, no HTTP and error statuses are all an outage to the keys."""
    with pytest.raises(OSError, match=reason):
        fetch_jwks(server + path)


def test_an_answer_may_be_as_long_as_the_bound(server: str) -> None:
    """The bound on a document's length is exact."""
    assert len(fetch_jwks(server + "/longest")) == auth.MAX_JWKS


def test_a_silent_issuer_is_a_timeout() -> None:
    """An issuer that takes a connection and says nothing is given up."""
    with http.server.HTTPServer(("127.0.0.1", 0), JwksServer) as silent:
        url = f"http://127.0.0.1:{silent.server_port}/keys"
        with pytest.raises(TimeoutError):
            fetch_jwks(url, timeout=0.05)


def test_an_issuer_that_answers_byte_by_byte_is_a_timeout(server: str) -> None:
    """Each read has its byte in time; the whole has not."""
    try:
        with pytest.raises(TimeoutError):
            fetch_jwks(server + "/dripping", timeout=0.2)
    finally:
        released.set()


def test_an_issuer_whose_name_leads_nowhere_in_time_is_a_timeout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A look for a name has no time-out of its own."""
    found = threading.Event()

    def look(*_args: object, **_more: object) -> list[object]:
        found.wait(10)
        raise OSError("no such name")

    monkeypatch.setattr("socket.getaddrinfo", look)
    try:
        with pytest.raises(TimeoutError):
            fetch_jwks("https://issuer.example/keys", timeout=0.1)
    finally:
        found.set()


def test_no_proxy_is_asked_for_a_local_document(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A developer's proxy settings do not keep the app from its local issuer."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert fetch_jwks(server + "/keys")


@pytest.mark.parametrize(
    "url", ["http://issuer.example/keys", "file:///etc/hostname", "data:,{}", "ftp://127.0.0.1/"]
)
def test_other_addresses_are_not_fetched(url: str) -> None:
    """Only https, and http to this machine, is ever opened."""
    with pytest.raises(ConfigError, match="https"):
        fetch_jwks(url)
