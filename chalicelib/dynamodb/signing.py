"""Signs requests with Signature Version 4, by which AWS identifies the caller.

Source: IAM user guide, "Create a signed AWS API request". A test holds it against botocore's own.
"""

import hmac
import time
from hashlib import sha256
from typing import NamedTuple

ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(NamedTuple):
    """An access key. Temporary ones, such as a role's, also have a `token`."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        """Leaves the secrets out, wherever it is printed."""
        return f"Credentials({self.access_key!r})"


class Signer:
    """Signs POSTs to the root of one service's address; `host` is its Host header."""

    def __init__(self, host: str, region: str, service: str = "dynamodb") -> None:
        self._host = host
        self._region = region
        self._service = service
        self._remembered = ("", "", b"")

    def headers(
        self, credentials: Credentials, target: str, body: bytes, moment: float
    ) -> dict[str, str]:
        """All headers of the request, with its signature. `moment` is Unix time."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(moment))
        signed = {
            "content-type": "application/x-amz-json-1.0",
            "host": self._host,
            "x-amz-date": stamp,
            **({"x-amz-security-token": credentials.token} if credentials.token else {}),
            "x-amz-target": target,
        }  # in alphabetical order, as they are signed
        names = ";".join(signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        canonical = f"POST\n/\n\n{lines}\n{names}\n{sha256(body).hexdigest()}"
        scope = f"{stamp[:8]}/{self._region}/{self._service}/aws4_request"
        text = f"{ALGORITHM}\n{stamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        key = self._signing_key(credentials.secret_key, scope)
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        return {
            **signed,
            "authorization": f"{ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={names}, Signature={signature}",
        }

    def _signing_key(self, secret: str, scope: str) -> bytes:
        """Returns the day's key, which is remembered."""
        known_scope, known_secret, key = self._remembered
        if (known_scope, known_secret) == (scope, secret):
            return key
        key = f"AWS4{secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        self._remembered = (scope, secret, key)
        return key
