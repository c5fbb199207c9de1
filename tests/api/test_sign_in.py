"""Signing in on a laptop: the authorization code flow with PKCE, as the gallery goes through it."""

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from tests.api.server import Server

VERIFIER = "a-verifier-that-only-this-browser-knows-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")
AUTHORIZE, TOKEN = "/development/authorize", "/development/token"


@pytest.fixture
def asked(server: Server) -> dict[str, str]:
    """A sound request of the gallery to sign somebody in."""
    return {
        "response_type": "code",
        "client_id": "image-storage-local",
        "redirect_uri": f"{server.url}/signed-in",
        "code_challenge": CHALLENGE.decode(),
        "code_challenge_method": "S256",
        "state": "a state",
        "nonce": "a nonce",
        "scope": "openid",
    }


def code_for(anyone: httpx.Client, asked: dict[str, str], name: str) -> str:
    answer = anyone.get(AUTHORIZE, params={**asked, "name": name})
    assert answer.status_code == 302
    back = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert back["state"] == [asked["state"]]
    (code,) = back["code"]
    return code


def redeem(anyone: httpx.Client, asked: dict[str, str], given: str, **other: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "code": given,
        "redirect_uri": asked["redirect_uri"],
        "client_id": asked["client_id"],
        "code_verifier": VERIFIER,
    }
    return anyone.post(TOKEN, data={**form, **other})


def test_a_name_is_asked_for_and_becomes_a_token_that_the_api_takes(
    anyone: httpx.Client, asked: dict[str, str]
) -> None:
    form = anyone.get(AUTHORIZE, params=asked)
    assert (form.status_code, form.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    tokens = redeem(anyone, asked, code_for(anyone, asked, "zoë")).raise_for_status()
    assert tokens.headers["Cache-Control"] == "no-store"
    token = tokens.json()["id_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["nonce"], claims["aud"]) == ("zoë", "a nonce", asked["client_id"])
    headers = {"Authorization": f"Bearer {token}"}
    assert anyone.get("/api/images", headers=headers).status_code == 200


def test_a_code_is_good_once(anyone: httpx.Client, asked: dict[str, str]) -> None:
    code = code_for(anyone, asked, "alice")
    assert redeem(anyone, asked, code).status_code == 200
    again = redeem(anyone, asked, code)
    assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize(
    "other",
    [{"code_verifier": "another"}, {"redirect_uri": "http://127.0.0.1/signed-in"}, {"code": "x"}],
)
def test_a_code_is_of_no_use_to_anybody_else(
    anyone: httpx.Client, asked: dict[str, str], other: dict[str, str]
) -> None:
    answer = redeem(anyone, asked, code_for(anyone, asked, "alice"), **other)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("redirect_uri", "https://evil.example/signed-in"),
        ("redirect_uri", "http://127.0.0.1:1/signed-in"),
        ("redirect_uri", "{url}/signed-in?\r\n\r\n<script>alert(1)</script>"),
        ("redirect_uri", "{url}/signed-in\r\nSet-Cookie: a=b"),
        ("redirect_uri", "{url}/signed-in#fragment"),
        ("redirect_uri", "{url}/signed-in?more=1"),
        ("response_type", "token"),
        ("client_id", "another"),
        ("code_challenge_method", "plain"),
        ("code_challenge", ""),
    ],
)
def test_a_wrong_request_is_told_and_leads_nowhere(
    anyone: httpx.Client, server: Server, asked: dict[str, str], name: str, value: str
) -> None:
    wrong = value.replace("{url}", server.url)
    answer = anyone.get(AUTHORIZE, params={**asked, name: wrong, "name": "alice"})
    assert answer.status_code == 400
    assert name in answer.text
    assert not {"Location", "Set-Cookie"} & set(answer.headers)


def test_the_pages_run_no_script_and_stand_in_nobodys_frame(
    anyone: httpx.Client, asked: dict[str, str]
) -> None:
    """Whatever would ever get into one of them."""
    form, wrong = anyone.get(AUTHORIZE, params=asked), anyone.get(AUTHORIZE)
    back = anyone.get(AUTHORIZE, params={**asked, "name": "alice"})
    for answer in (form, wrong, back):
        policy = answer.headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy)
        assert not [rule for rule in policy if "script-src" in rule or "unsafe" in rule]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_was_asked_comes_back_as_text(anyone: httpx.Client, asked: dict[str, str]) -> None:
    """Nothing of it becomes markup."""
    odd = {**asked, "state": '"><script>alert(1)</script>'}
    for params in (odd, {**odd, "name": " <b>"}):
        answer = anyone.get(AUTHORIZE, params=params)
        assert answer.status_code == 200
        assert "<script>" not in answer.text
        assert "<b>" not in answer.text


def test_pictures_are_drawn_the_same_each_time_and_only_by_name(anyone: httpx.Client) -> None:
    address = "/drawn/768x512/12.svg?prompt=a%20red%20fox"
    first, second = anyone.get(address), anyone.get(address)
    assert (first.status_code, first.headers["Content-Type"]) == (200, "image/svg+xml")
    assert first.text == second.text != anyone.get(address.replace("12.svg", "13.svg")).text
    for wrong in ("/drawn/", "/drawn/1x1/1.svg", "/drawn/768x512/a.svg", "/drawn/../x.svg"):
        assert anyone.get(wrong).status_code == 404


def test_long_answers_are_compressed_for_those_who_take_it(server: Server) -> None:
    with httpx.Client(base_url=server.url) as client:
        squeezed = client.get("/api/openapi.json")
        plain = client.get("/api/openapi.json", headers={"Accept-Encoding": "identity"})
        short = client.get("/api/health")
    assert squeezed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert "Content-Encoding" not in short.headers
    assert squeezed.json() == plain.json()
    assert int(squeezed.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 3
