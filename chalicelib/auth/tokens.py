"""Who is calling: the bearer token of an OpenID Connect issuer, verified, becomes a user.

A token's header chooses among the keys that the issuer publishes, and does nothing else: keys, or
addresses of keys, that a token brings along (``jwk``, ``x5c``, ``jku``, ``x5u``) are never looked
at. The rules follow RFC 8725, the best current practices for JSON Web Tokens.
"""

import json
import logging
import math
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.request import (
    BaseHandler,
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
)

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import InvalidAlgorithmError, PyJWK, PyJWS, PyJWTError

from chalicelib.auth.oidc import HTTPS, JWKS_URL_RULE, LOOPBACK_HTTP, Oidc
from chalicelib.model.entries import UserId
from chalicelib.model.errors import ConfigError, KeysUnavailable, Unauthenticated
from chalicelib.model.timing import within
from chalicelib.model.user_keys import user_id

# The algorithms, by the kind of key that each belongs to: RFC 7518 section 3.1, RFC 8037 section 3.
RSA_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
EC_ALGORITHMS = {"secp256r1": ("ES256",), "secp384r1": ("ES384",), "secp521r1": ("ES512",)}
ED25519_ALGORITHMS = ("EdDSA",)

MIN_RSA_BITS = 2048
"""RFC 7518 section 3.3: "A key of size 2048 bits or larger MUST be used"."""

MAX_AUTHORIZATION = 10_240
"""Characters; API Gateway's quota for the request line and all headers of a request together."""

MAX_SUBJECT = 255
"""Characters; OpenID Connect Core 1.0, section 2."""

LEEWAY = 30.0
"""Seconds by which an issuer's clock may be ahead of ours, so that a new token works at once. RFC
7519 section 4.1.5 allows "no more than a few minutes". A token's end needs no leeway: clients renew
before it."""

KEYS_MAX_AGE = 300.0
"""Seconds after which the keys are fetched again; the default `lifespan` of PyJWKClient."""

KEYS_PAUSE = 30.0
"""Seconds from one fetch to the next, at least; PyJWKClient's default `cooldown_duration`."""

FIRST_KEYS_PAUSE = 3.0
"""The same while there are no keys at all, when a pause turns everybody away."""

FETCH_TIMEOUT = 3.0
"""Seconds for all of a fetch, so that an outage does not use up a Lambda's time."""

MAX_JWKS = 512 * 1024
"""Bytes; a key takes about 500, and 2,000 with its certificates."""

TOKEN_TYPES = frozenset({"jwt", "at+jwt"})
"""The kinds (typ) that sign somebody in: any JWT (RFC 7519 section 5.1), and an access token (RFC
9068 section 2.1). An issuer signs others too, such as logout tokens; a list of those that are
refused would never be complete (RFC 8725 section 3.11)."""

# RFC 6750 section 2.1, where the token is a signed JWT in the compact form of RFC 7515.
_BEARER = re.compile(r"bearer +([\w-]+\.[\w-]+\.[\w-]+)", re.ASCII | re.IGNORECASE)
_log = logging.getLogger(__name__)

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, and until when (Unix seconds) the token proves it."""

    user: UserId
    expires_at: int


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key of the issuer, with the only algorithms that it may verify."""

    kid: str | None
    public_key: PublicKey
    algorithms: tuple[str, ...]


class Keys(Protocol):
    """Where an issuer's keys come from."""

    def find(self, kid: str | None) -> SigningKey | None:
        """The key that a token's header means; None if the issuer has no such key.

        A header without a `kid` means the issuer's only key, and none if it has several.
        KeysUnavailable if the issuer's keys were never reached.
        """


class Authenticator:
    """Verifies the bearer tokens of one issuer. `clock` gives Unix seconds."""

    def __init__(self, oidc: Oidc, keys: Keys, clock: Callable[[], float]) -> None:
        self._oidc = oidc
        self._keys = keys
        self._clock = clock

    def caller(self, authorization: str) -> Caller:
        """The caller that the value of an Authorization header proves.

        Unauthenticated for anything but exactly one bearer token, signed by the issuer, meant for
        us, and in force; KeysUnavailable if no token can be judged at the moment.
        """
        token = bearer_token(authorization)
        key = self._keys.find(kid_of(token))
        if key is None:
            raise Unauthenticated("The token is not signed with a key that its issuer publishes.")
        return caller_of(verified_claims(token, key), self._oidc, self._clock())


def make_authenticator(oidc: Oidc) -> "Authenticator":
    """Returns an authenticator that uses the issuer's published keys."""
    # Not the monotonic clock: it may stand still while a function's instance is suspended.
    return Authenticator(oidc, JwksKeys(oidc.jwks_url, fetch_jwks, time.time), time.time)


def bearer_token(authorization: str) -> str:
    """The one token of ``Bearer <token>``; Unauthenticated for any other value."""
    match = _BEARER.fullmatch(authorization) if len(authorization) <= MAX_AUTHORIZATION else None
    if match is None:
        raise Unauthenticated("Send one signed token as 'Authorization: Bearer <token>'.")
    return match[1]


# PyJWT's messages can quote a token, hence `from None` wherever one of its errors is translated.


def kid_of(token: str) -> str | None:
    """The `kid` of a token's header, which is not verified yet."""
    try:
        header = PyJWS().get_unverified_header(token)
    except PyJWTError:
        raise Unauthenticated("The token's header cannot be read.") from None
    if "crit" in header:
        raise Unauthenticated("The token's header asks for an extension (crit).")
    if not _is_of_our_type(header):
        raise Unauthenticated("The token's type (typ) is not one that signs somebody in.")
    kid: str | None = header.get("kid")
    return kid


def _is_of_our_type(header: dict[str, Any]) -> bool:
    """A missing type is common; "application/" may be left out (RFC 7515 section 4.1.9), and case
    does not count. A token inside a token (cty; RFC 7519 section 5.2) is none of ours."""
    kind = header.get("typ", "JWT")
    known = isinstance(kind, str) and kind.lower().removeprefix("application/") in TOKEN_TYPES
    return known and "cty" not in header


def verified_claims(token: str, key: SigningKey) -> dict[str, Any]:
    """The claims of a token, once its signature by that key is proven."""
    try:
        claims = json.loads(_verified_payload(token, key))
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict):
        raise Unauthenticated("The token's claims are not a JSON object.")
    return claims


def _verified_payload(token: str, key: SigningKey) -> bytes:
    """The key decides which algorithms are allowed; the token's header only picks one of them."""
    try:
        payload: bytes = PyJWS().decode(token, key.public_key, algorithms=key.algorithms)
    except InvalidAlgorithmError:
        raise Unauthenticated("The token's algorithm is not one of its key's.") from None
    except PyJWTError:
        raise Unauthenticated("The token's signature is not its issuer's.") from None
    return payload


def caller_of(claims: dict[str, Any], oidc: Oidc, now: float) -> Caller:
    """The caller that verified claims name at that time (Unix seconds)."""
    if "events" in claims:  # a security event token, such as a logout token (RFC 8417 section 2.2)
        raise Unauthenticated("The token tells of events; it signs nobody in.")
    if claims.get("sts") == "pending":  # Clerk: who still has to choose an organization, say
        raise Unauthenticated("The token's session is not active yet (sts); finish signing in.")
    if claims.get("iss") != oidc.issuer:
        raise Unauthenticated("The token is from another issuer.")
    if not _is_meant_for(oidc.audience, claims):
        raise Unauthenticated("The token is meant for another audience.")
    expires_at = _expiry(claims, now)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= MAX_SUBJECT:
        raise Unauthenticated(f"The token needs a subject (sub) of 1 to {MAX_SUBJECT} characters.")
    return Caller(user_id(oidc.issuer, subject), expires_at)


def _is_meant_for(audience: str, claims: dict[str, Any]) -> bool:
    """RFC 7519 section 4.1.3. Tokens without any audience name whom they were made for: access
    tokens of Amazon Cognito their client, session tokens of Clerk the app's origin (azp)."""
    use = claims.get("token_use", "id")
    if use not in ("id", "access"):
        return False
    if "aud" not in claims:
        party = "client_id" if use == "access" else "azp"
        return bool(claims.get(party) == audience)
    meant = claims.get("aud")
    return meant == audience or (isinstance(meant, list) and audience in meant)


def _expiry(claims: dict[str, Any], now: float) -> int:
    """When the claims end (Unix seconds); Unauthenticated unless they are in force (RFC 7519)."""
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    if "exp" not in times or not all(map(_is_time, times.values())):
        raise Unauthenticated("The token needs an end (exp), and its times must be Unix seconds.")
    if now >= times["exp"]:
        raise Unauthenticated("The token has expired. Get a new one.")
    if max(times.get("nbf", 0), times.get("iat", 0)) > now + LEEWAY:
        raise Unauthenticated("The token is not valid yet.")
    return int(times["exp"])


def _is_time(value: object) -> bool:
    """Whether it is a NumericDate (RFC 7519 section 2): finite, and exact in a JSON number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < 2**53


class JwksKeys:
    """The keys at an issuer's JWKS URL: fetched when needed, and kept through its outages.

    An unknown key, or keys older than KEYS_MAX_AGE, cause a fetch, but never sooner than KEYS_PAUSE
    after the one before: made-up key ids cannot make us hammer the issuer, and an outage costs few
    requests a time-out. (PyJWKClient pauses only after a success, and drops old keys.)

    `fetch` gives the bytes at a URL or raises OSError; `clock` gives seconds. Threads may share an
    instance: one fetches, the others wait for it.
    """

    def __init__(self, url: str, fetch: Callable[[str], bytes], clock: Callable[[], float]) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: tuple[SigningKey, ...] = ()
        self._fresh_until = -math.inf
        self._paused_until = -math.inf

    def find(self, kid: str | None) -> SigningKey | None:
        """See `Keys.find`."""
        with self._lock:
            now = self._clock()
            wanted = now >= self._fresh_until or choose(self._keys, kid) is None
            if wanted and now >= self._paused_until:
                self._refresh()
            if not self._keys:
                raise KeysUnavailable("The token issuer's keys cannot be had. Try again shortly.")
            return choose(self._keys, kid)

    def _refresh(self) -> None:
        try:
            self._keys = parse_jwks(self._fetch(self._url))
            self._fresh_until = self._clock() + KEYS_MAX_AGE
        except (OSError, ValueError, RecursionError) as error:
            # Its text is about the issuer's own document or address: no token comes near it.
            fields = {"error": type(error).__name__, "reason": str(error)}
            _log.warning("no keys from the token issuer", extra=fields)
        self._paused_until = self._clock() + (KEYS_PAUSE if self._keys else FIRST_KEYS_PAUSE)


def choose(keys: tuple[SigningKey, ...], kid: str | None) -> SigningKey | None:
    """The key of that id; without an id, the only key there is."""
    if kid is None:
        return keys[0] if len(keys) == 1 else None
    return next((key for key in keys if key.kid == kid), None)


def parse_jwks(document: bytes) -> tuple[SigningKey, ...]:
    """The keys of a JSON Web Key Set that can verify tokens; ValueError if there are none.

    What cannot be used is skipped, as RFC 7517 section 5 wants it, so that an issuer may publish
    new kinds of keys beside the old.
    """
    jwks = json.loads(document)
    members = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(members, list):
        raise ValueError("what it answered is not a JSON Web Key Set")
    keys = tuple(key for member in members if (key := signing_key(member)) is not None)
    if not keys:
        raise ValueError("its JSON Web Key Set holds no usable key")
    return keys


def signing_key(jwk: object) -> SigningKey | None:
    """One member of a key set; None unless it is a sound public key for signatures."""
    if not isinstance(jwk, dict) or jwk.get("use") not in (None, "sig"):
        return None
    public_key, kid, alg = _public_key(jwk), jwk.get("kid"), jwk.get("alg")
    algorithms = tuple(name for name in _algorithms_of(public_key) if alg in (None, name))
    if public_key is None or not algorithms or not (kid is None or isinstance(kid, str)):
        return None
    return SigningKey(kid, public_key, algorithms)


def _public_key(jwk: dict[str, Any]) -> PublicKey | None:
    """None also for a symmetric key, and for a private one: whoever read it could sign."""
    try:
        key = PyJWK(jwk).key
    except Exception:  # besides its own errors: TypeError, KeyError, NotImplementedError
        return None
    return key if isinstance(key, PublicKey) else None


def _algorithms_of(public_key: PublicKey | None) -> tuple[str, ...]:
    match public_key:
        case RSAPublicKey():
            return RSA_ALGORITHMS if public_key.key_size >= MIN_RSA_BITS else ()
        case EllipticCurvePublicKey():
            return EC_ALGORITHMS.get(public_key.curve.name, ())
        case Ed25519PublicKey():
            return ED25519_ALGORITHMS
    return ()


def fetch_jwks(url: str, timeout: float = FETCH_TIMEOUT) -> bytes:
    """The document at an https URL, or at an http URL of this machine; OSError if it cannot be had.

    Redirects are errors, since they could lead to an address that nobody configured. `timeout` is
    in seconds, for all of it: the name's address, connecting, and the whole answer.
    """
    if not (HTTPS.fullmatch(url) or LOOPBACK_HTTP.fullmatch(url)):
        raise ConfigError(JWKS_URL_RULE)
    return within(timeout, lambda: _fetched(url, timeout))


def _fetched(url: str, timeout: float) -> bytes:
    try:
        with _opener(url).open(url, timeout=timeout) as response:
            document: bytes = response.read(MAX_JWKS + 1)
    except HTTPError as error:
        error.close()
        raise
    except HTTPException as error:
        raise OSError("the answer was not HTTP") from error
    if len(document) > MAX_JWKS:
        raise OSError(f"the answer is longer than {MAX_JWKS} bytes")
    return document


def _opener(url: str) -> OpenerDirector:
    """Speaks http and https only, and knows no redirects. A proxy is not asked for this machine."""
    opener = OpenerDirector()
    # Some issuers' firewalls turn urllib's own name away.
    opener.addheaders = [("User-Agent", "image-storage"), ("Accept", "application/json")]
    local = LOOPBACK_HTTP.fullmatch(url)
    handlers: list[BaseHandler] = [HTTPErrorProcessor(), HTTPDefaultErrorHandler()]
    handlers += [HTTPHandler()] if local else [HTTPSHandler(), ProxyHandler()]
    for handler in handlers:
        opener.add_handler(handler)
    return opener
