"""The routes of the local server that the app does not have: the issuer, and placeholder images."""

from collections.abc import Collection
from urllib.parse import parse_qs, urlsplit

from chalicelib.api.answer import Answer, json_answer
from local.issuer import Issuer
from local.placeholder_images import PATH as DRAWN_PATH
from local.placeholder_images import drawn
from local.sign_in import AUTHORIZE_PATH, TOKEN_PATH, SignIn

JWKS_PATH = "/.well-known/jwks.json"

_PICTURE = {
    "Content-Type": "image/svg+xml",
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}


class Own:
    """Threads may share it."""

    def __init__(self, issuer: Issuer, origins: Collection[str]) -> None:
        """`origins` are this server's own."""
        self._jwks = json_answer(issuer.jwks().decode())
        self._sign_in = SignIn(issuer, origins)

    def route(self, path: str) -> str | None:
        """What may be logged of the path; None if it is not one of these."""
        if path.startswith(DRAWN_PATH):
            return DRAWN_PATH
        return path if path in (JWKS_PATH, AUTHORIZE_PATH, TOKEN_PATH) else None

    def answer(self, method: str, target: str, body: bytes) -> Answer | None:
        """Returns the answer, or None if there is no such route. `target` is the path with its
        query."""
        parts = urlsplit(target)
        if parts.path == TOKEN_PATH:
            return self._sign_in.token(body.decode(errors="replace")) if method == "POST" else None
        if method not in ("GET", "HEAD"):
            return None
        if parts.path == JWKS_PATH:
            return self._jwks
        if parts.path == AUTHORIZE_PATH:
            return self._sign_in.authorize(parts.query)
        prompt = parse_qs(parts.query).get("prompt", [""])[0]
        picture = drawn(parts.path, prompt)
        return None if picture is None else Answer(200, picture, _PICTURE)
