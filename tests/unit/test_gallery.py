"""The gallery's page under any address, and the headers that keep it to itself."""

import gzip
import html
import json
import re
from pathlib import Path

import pytest

from chalicelib.api import gallery
from chalicelib.auth.oidc import SignIn
from chalicelib.config import sign_in
from chalicelib.model.errors import ConfigError

SIGN_IN = SignIn(
    issuer="https://issuer.example",
    audience="api",
    client_id="gallery",
    authorization_endpoint="https://login.issuer.example/authorize",
    token_endpoint="https://login.issuer.example/token",
)
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
IMAGE = "/dashboard/images/{cursor}"


@pytest.mark.parametrize(
    ("path", "routed", "base"),
    [
        ("/", "/", "/"),
        ("/api/", "/", "/api/"),
        ("/api", "/", "/api/"),
        ("/dashboard/images", "/dashboard/images", "/"),
        ("/api/dashboard/images", "/dashboard/images", "/api/"),
        ("/a/b/dashboard/images/7", IMAGE, "/a/b/"),
        ("/api/signed-in", "/signed-in", "/api/"),
    ],
)
def test_the_pages_base_is_what_stands_before_the_route(path: str, routed: str, base: str) -> None:
    assert gallery.base(path, routed) == base
    answer = gallery.html_page(base, None, None)
    assert f'<base href="{base}" />' in answer.body


@pytest.mark.parametrize(
    ("path", "own", "base"),
    [
        ("/foo", "foo", "/"),
        ("/api/foo", "foo", "/api/"),
        ("/api/foo/", "foo/", "/api/"),
        ("/api/foo/api/foo", "foo/api/foo", "/api/"),
        ("/api/dashboard/images/5/extra", "dashboard/images/5/extra", "/api/"),
        ("/api/a%2Fb%20c", "a/b c", "/api/"),
        ("/api/a/b c", "a%2Fb%20c", "/api/"),
        ("/api//foo", "/foo", "/api/"),
        ("/api/%", "%", "/api/"),
        ("/api/%00", "%00", "/api/"),
        ("/api/FOO", "FOO", "/api/"),
    ],
)
def test_the_base_is_what_stands_before_any_path_at_all(path: str, own: str, base: str) -> None:
    """However often either was decoded on its way."""
    assert gallery.base_before(path, own) == base


def test_the_base_is_text_and_never_markup() -> None:
    base = gallery.base('/"><script>/dashboard/images', "/dashboard/images")
    answer = gallery.html_page(base, None, None)
    assert "<script>" not in answer.body
    assert '<base href="/&quot;&gt;&lt;script&gt;/" />' in answer.body


def test_the_page_is_told_how_to_sign_in() -> None:
    demo = "make demo 'DATA=my data' PORT=8001"
    answer = gallery.html_page("/", SIGN_IN, "https://drawn.invalid/", demo)
    (content,) = re.findall(r'<meta name="image-storage" content="([^"]*)" />', answer.body)
    assert json.loads(html.unescape(content)) == {
        "issuer": "https://issuer.example",
        "clientId": "gallery",
        "authorizationEndpoint": "https://login.issuer.example/authorize",
        "tokenEndpoint": "https://login.issuer.example/token",
        "endSessionEndpoint": None,
        "token": "access",
        "scope": "openid",
        "drawn": "https://drawn.invalid/",
        "demo": demo,
    }


def test_the_page_may_run_its_own_files_and_call_us_and_the_issuer() -> None:
    policy = gallery.html_page("/", SIGN_IN, None).headers["Content-Security-Policy"]
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https:; "
        "connect-src 'self' https://login.issuer.example; base-uri 'self'; form-action 'self'; "
        "frame-ancestors 'none'"
    )
    local = gallery.html_page("/", None, None).headers["Content-Security-Policy"]
    assert "connect-src 'self';" in local


def test_no_frame_has_the_page_and_nobody_is_told_where_it_was_left() -> None:
    headers = gallery.html_page("/", None, None).headers
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_built_page_has_nothing_inline() -> None:
    body = gallery.html_page("/", None, None).body
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on\w+=", body)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', body)


def test_the_page_is_looked_for_anew_and_its_files_never_again() -> None:
    page = gallery.html_page("/", None, None)
    assert page.headers["Cache-Control"] == "no-cache"
    names = re.findall(r'"\./assets/([^"]+)"', page.body)
    assert names
    for name in names:
        answer = gallery.asset(name)
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        kind = answer.headers["Content-Type"].partition(";")[0]
        assert kind == KINDS[Path(name).suffix]


def test_a_first_visit_loads_little() -> None:
    """All that there is, with the part that signs in: 65.5 kB gzipped at most.

    It was 60 kB before deletions were kept on the device and tabs shared their sign-in.
    """
    page = gallery.html_page("/", SIGN_IN, None).body
    files = list((gallery.FOLDER / gallery.ASSETS).iterdir())
    assert {file.suffix for file in files} == set(KINDS)
    texts = [page.encode(), *(file.read_bytes() for file in files)]
    assert sum(len(gzip.compress(text, 6)) for text in texts) <= 66_000


def test_the_worker_is_looked_for_anew_and_reaches_nobody_but_us() -> None:
    """It is fetched after the first visit, and takes 1 kB."""
    answer = gallery.worker()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; connect-src 'self'"
    assert "import" not in answer.body
    assert len(gzip.compress(answer.body.encode(), 6)) <= 1000


@pytest.mark.parametrize("name", ["", "..", "../index.html", "%2e%2e", "none.js", "index.html"])
def test_no_other_file_is_served(name: str) -> None:
    assert gallery.asset(name).status == 404


def test_a_stage_without_a_client_has_no_sign_in() -> None:
    assert sign_in({}) is None


def test_a_client_needs_its_endpoints() -> None:
    environ = {
        "OIDC_CLIENT_ID": "gallery",
        "OIDC_ISSUER": SIGN_IN.issuer,
        "OIDC_AUDIENCE": SIGN_IN.audience,
        "OIDC_AUTHORIZATION_ENDPOINT": SIGN_IN.authorization_endpoint,
    }
    with pytest.raises(ConfigError, match="OIDC_TOKEN_ENDPOINT"):
        sign_in(environ)
    assert sign_in({**environ, "OIDC_TOKEN_ENDPOINT": SIGN_IN.token_endpoint}) == SIGN_IN
