"""The gallery's files, as its build left them in `chalicelib/gallery`, and what browsers are told.

All addresses in them are relative to the page's base, so the same files serve on a laptop, under a
stage of API Gateway and on a domain of one's own.
"""

import functools
import html
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from chalicelib.api.answer import Answer
from chalicelib.api.problems import problem
from chalicelib.auth.oidc import SignIn

FOLDER = Path(__file__).resolve().parent.parent / "gallery"
PAGE = "index.html"
ASSETS = "assets"
WORKER = "worker.js"

BASE = '<base href="./" />'
SETTINGS = '<meta name="image-storage" content="" />'
"""The two places of the built page that the server fills in."""

TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

HSTS = {"Strict-Transport-Security": "max-age=31536000"}
"""Makes browsers use https for a year after a first visit by https (RFC 6797). It has no effect on
plain http."""

PROTECTION = {
    **HSTS,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Headers of every file."""


def html_page(
    base: str, sign_in: SignIn | None, drawn: str | None, demo: str | None = None
) -> Answer:
    """The page, for any address. `base` is the path of the gallery's root. `drawn` begins the image
    URLs that the development server draws by itself; `demo` is the command, less the user, that
    fills a library with such images."""
    text = _text(PAGE)
    if text is None:
        return problem("no-such-route", "The gallery is not built here. Build it: make gallery")
    settings = json.dumps({**_members(sign_in), "drawn": drawn, "demo": demo})
    filled = text.replace(BASE, f'<base href="{html.escape(base)}" />').replace(
        SETTINGS, f'<meta name="image-storage" content="{html.escape(settings)}" />'
    )
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-cache",
        "Content-Security-Policy": content_security_policy(sign_in),
    }
    return Answer(200, filled, {**headers, **PROTECTION})


def asset(name: str) -> Answer:
    """A file whose name has a hash of its content: it never changes."""
    text = _text(f"{ASSETS}/{name}") if name in _names() else None
    if text is None:
        return problem("no-such-route")
    headers = {
        "Content-Type": f"{TYPES[Path(name).suffix]}; charset=utf-8",
        "Cache-Control": "public, max-age=31536000, immutable",
    }
    return Answer(200, text, {**headers, **PROTECTION})


def worker() -> Answer:
    """The service worker: opens the page without a network. Browsers look for a new one at every
    load."""
    text = _text(WORKER)
    if text is None:
        return problem("no-such-route")
    headers = {
        "Content-Type": f"{TYPES['.js']}; charset=utf-8",
        "Cache-Control": "no-cache",
        "Content-Security-Policy": "default-src 'none'; connect-src 'self'",
    }
    return Answer(200, text, {**headers, **PROTECTION})


def base(path: str, routed: str) -> str:
    """What stands before the route: ``/`` on a laptop, ``/api/`` under a stage of that name."""
    segments = path.rstrip("/").split("/")
    own = len([segment for segment in routed.split("/") if segment])
    return "/".join(segments[: len(segments) - own]) + "/"


def base_before(path: str, own: str) -> str:
    """What stands before `own`, the part of the path after the stage. Either may be decoded."""
    before = unquote(path).rstrip("/").removesuffix(unquote(own).strip("/"))
    return quote(before.rstrip("/")) + "/"


def is_api(own: str) -> bool:
    return own.strip("/").partition("/")[0] == "api"


def content_security_policy(sign_in: SignIn | None) -> str:
    """Allows the page's own files, images over https, and calls to this server and to the issuer;
    nothing else."""
    connect = " ".join(["'self'", *sorted(_origins(sign_in))])
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' https:",
            f"connect-src {connect}",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


def _origins(sign_in: SignIn | None) -> set[str]:
    if sign_in is None:
        return set()
    parts = urlsplit(sign_in.token_endpoint)
    return {f"{parts.scheme}://{parts.netloc}"} if parts.netloc else set()


def _members(sign_in: SignIn | None) -> Mapping[str, str | None]:
    if sign_in is None:
        return {}
    return {
        "issuer": sign_in.issuer,
        "clientId": sign_in.client_id,
        "authorizationEndpoint": sign_in.authorization_endpoint,
        "tokenEndpoint": sign_in.token_endpoint,
        "endSessionEndpoint": sign_in.end_session_endpoint or None,
        "token": "id" if sign_in.client_id == sign_in.audience else "access",
        "scope": "openid",
    }


@functools.cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in (FOLDER / ASSETS).glob("*") if path.suffix in TYPES)


@functools.cache
def _text(name: str) -> str | None:
    path = FOLDER / name
    return path.read_text(encoding="utf-8") if path.is_file() else None
