"""The development issuer: it signs a token for any name, so that a laptop needs no accounts.

It is no part of what is deployed, its key never leaves the folder that it was made in, and a
deployed stage cannot be configured to accept its tokens (see `chalicelib.auth.oidc.Oidc`).
"""

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm

from local.workspace import read_or_create

ISSUER = "urn:image-storage:development"
AUDIENCE = "image-storage-local"
LIFETIME = timedelta(hours=12)
MAX_NAME = 64

_ALGORITHM = "ES256"
_KEY_FILE = "development-issuer.pem"


class Issuer:
    """Signs tokens with the key that an existing folder holds, and that its first issuer made.

    The key is EC P-256, made at once where an RSA key takes a part of a second. Only its owner can
    read it (mode 0600); processes that start together end up with the same one. ValueError if the
    file holds anything else.
    """

    def __init__(self, folder: Path) -> None:
        self._key = _key_in(folder / _KEY_FILE)

    def token(
        self, name: str, now: float, lifetime: timedelta = LIFETIME, nonce: str | None = None
    ) -> str:
        """A token for the user of that name, from `now` (Unix seconds). A `nonce` is an app's own.

        ValueError unless the name is 1 to 64 printable characters without a space at either end.
        """
        if not 1 <= len(name) <= MAX_NAME or not name.isprintable() or name != name.strip():
            raise ValueError(
                f"A user's name is 1 to {MAX_NAME} printable characters without a space at either "
                "end. Choose another, such as USER=alice."
            )
        begin = int(now)
        end = begin + int(lifetime.total_seconds())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": name, "iat": begin, "exp": end}
        said = claims if nonce is None else {**claims, "nonce": nonce}
        return jwt.encode(said, self._key, _ALGORITHM, {"kid": self._public_jwk()["kid"]})

    def jwks(self) -> bytes:
        """The JSON Web Key Set that verifies the tokens: one public key."""
        return json.dumps({"keys": [self._public_jwk()]}).encode()

    def _public_jwk(self) -> dict[str, str]:
        public = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {**public, "kid": _thumbprint(public), "use": "sig", "alg": _ALGORITHM}


def _thumbprint(jwk: dict[str, str]) -> str:
    """RFC 7638, in hexadecimal: a new key has a new id, so the app notices it and fetches it."""
    canonical = json.dumps(jwk, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _key_in(path: Path) -> EllipticCurvePrivateKey:
    pem = read_or_create(path, _new_key)
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError(
            f"{path} is not the development issuer's key (EC P-256, PEM). Delete it to have a new "
            "one made; tokens signed before then no longer work."
        )
    return key


def _new_key() -> bytes:
    key = generate_private_key(SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
