"""Signs people in on a laptop: the development issuer's two pages, for the gallery.

It speaks OpenID Connect as far as a browser's app needs it (authorization code with PKCE: RFC 6749
section 4.1, RFC 7636), and believes whatever name it is told.
"""

import hashlib
import hmac
import html
import json
import secrets
import threading
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from chalicelib.api.answer import UNSTORED, Answer, json_answer
from local.issuer import AUDIENCE, LIFETIME, Issuer

AUTHORIZE_PATH = "/development/authorize"
TOKEN_PATH = "/development/token"  # noqa: S105 (a path)
CALLBACK = "/signed-in"

CODE_SECONDS = 60
"""How long a code may be redeemed."""

_STYLE = """:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{display:grid;place-items:center;min-height:90vh;margin:0;padding:16px}
form{display:grid;gap:12px;width:min(320px,100%)}
input,button{font:inherit;padding:10px 12px;border-radius:8px;border:1px solid GrayText}
button{border:0;background:#3457d5;color:#fff;cursor:pointer}
label{font-weight:600}p{margin:0;font-size:14px;opacity:.8}"""

_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    **UNSTORED,
}


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code stands for until it is redeemed. `until` is Unix seconds."""

    name: str
    challenge: str
    nonce: str | None
    redirect: str
    until: float


class SignIn:
    """Threads may share it."""

    def __init__(self, issuer: Issuer, origins: Collection[str]) -> None:
        """`origins` are this server's own, such as ``http://127.0.0.1:8000``."""
        self._issuer = issuer
        self._callbacks = sorted(origin + CALLBACK for origin in origins)
        self._grants: dict[str, Grant] = {}
        self._lock = threading.Lock()

    def authorize(self, query: str) -> Answer:
        """Asks for a name; with one, goes back to the app with a code."""
        asked = dict(parse_qsl(query, keep_blank_values=True))
        wrong = _wrong(asked, self._callbacks)
        if wrong:
            return Answer(400, _page(f"<p>{html.escape(wrong)}</p>"), _HEADERS)
        name = asked.pop("name", None)
        if name is None:
            return Answer(200, _page(_form(asked)), _HEADERS)
        try:
            self._issuer.token(name, time.time())
        except ValueError as error:
            return Answer(200, _page(_form(asked, str(error))), _HEADERS)
        back = {"code": self._code(asked, name), "state": asked.get("state", "")}
        location = f"{asked['redirect_uri']}?{urlencode(back)}"
        return Answer(302, "", {**_HEADERS, "Location": location})

    def _code(self, asked: Mapping[str, str], name: str) -> str:
        code, now = secrets.token_urlsafe(24), time.time()
        grant = Grant(
            name=name,
            challenge=asked["code_challenge"],
            nonce=asked.get("nonce"),
            redirect=asked["redirect_uri"],
            until=now + CODE_SECONDS,
        )
        with self._lock:
            self._grants = {c: g for c, g in self._grants.items() if g.until > now} | {code: grant}
        return code

    def token(self, body: str) -> Answer:
        """Gives tokens for a code, once (RFC 6749, sections 4.1.3 and 5)."""
        asked = dict(parse_qsl(body))
        with self._lock:
            grant = self._grants.pop(asked.get("code", ""), None)
        if asked.get("grant_type") != "authorization_code":
            return _refused("unsupported_grant_type")
        if grant is None or grant.until <= time.time() or not _proves(asked, grant):
            return _refused("invalid_grant")
        token = self._issuer.token(grant.name, time.time(), nonce=grant.nonce)
        answer = {
            "access_token": token,
            "id_token": token,
            "token_type": "Bearer",
            "expires_in": int(LIFETIME.total_seconds()),
        }
        return json_answer(json.dumps(answer))


def _wrong(asked: Mapping[str, str], callbacks: Collection[str]) -> str:
    """Returns what is wrong with the app's request; an empty text if nothing is.

    The redirect is compared as text, whole (RFC 9700, 4.1.3): what is only parsed and found to fit
    may still hold what the parser passes over.
    """
    if asked.get("redirect_uri") not in callbacks:
        return f"redirect_uri must be one of: {', '.join(callbacks)}."
    expected = {
        "response_type": "code",
        "client_id": AUDIENCE,
        "code_challenge_method": "S256",
    }
    for name, value in expected.items():
        if asked.get(name) != value:
            return f"{name} must be {value}."
    return "" if asked.get("code_challenge") else "code_challenge is missing."


def _proves(asked: Mapping[str, str], grant: Grant) -> bool:
    """Whether the code is redeemed by the one who asked for it (RFC 7636, section 4.6)."""
    digest = hashlib.sha256(asked.get("code_verifier", "").encode()).digest()
    challenge = urlsafe_b64encode(digest).rstrip(b"=").decode()
    same = hmac.compare_digest(challenge.encode(), grant.challenge.encode())
    return same and asked.get("redirect_uri") == grant.redirect


def _refused(error: str) -> Answer:
    return json_answer(json.dumps({"error": error}), 400)


def _form(asked: Mapping[str, str], error: str = "") -> str:
    hidden = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in asked.items()
    )
    said = f'<p role="alert">{html.escape(error)}</p>' if error else ""
    return (
        f'<form action="{AUTHORIZE_PATH}">{hidden}'
        '<label for="name">Sign in as</label>'
        '<input id="name" name="name" value="alice" required maxlength="64" autofocus '
        'autocomplete="off" autocapitalize="off" spellcheck="false">'
        f"{said}<button>Sign in</button>"
        "<p>This is the development issuer: any name will do; each has its own library.</p>"
        "</form>"
    )


def _page(body: str) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<link rel="icon" href="data:,">'
        f"<title>Sign in</title><style>{_STYLE}</style>{body}</html>"
    )
