"""What the app's users see of a deployed stage, over its API Gateway, with their issuer's tokens.

IAM is enforced: each function does its part with no more than its own role.
"""

import base64
import gzip
import json
import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from chalicelib.api.request import MAX_BODY
from tests.api.support import assert_problem, library, pages, picture
from tests.deployed.people import GALLERY, Arrive, Person, shown
from tests.deployed.stack import API_STAGE, Stack
from tests.support import wait_until


@pytest.fixture
def alice(arrives: Arrive) -> Person:
    return arrives("alice")


def test_a_saved_image_shows_by_itself(alice: Person, stack: Stack) -> None:
    """Nobody calls sync: the table's stream does."""
    saved = alice.api.post("/api/images", json=picture("a red fox", seed=2**64 - 1))
    assert saved.status_code == 201
    wait_until(lambda: shown(alice) == [1])
    assert library(alice.api) == [saved.json()]
    located = alice.api.get(stack.host + saved.headers["Location"])
    assert located.json() == saved.json()


def test_paging_through_batches(alice: Person) -> None:
    """Two batches show, newest first, each image on one page."""
    for first in (1, 26):
        images = [picture(f"prompt {number}") for number in range(first, first + 25)]
        assert alice.api.post("/api/images/batch", json={"images": images}).status_code == 201
    wait_until(lambda: len(library(alice.api)) == 50)
    found = list(pages(alice.api, 20))
    assert [len(page["images"]) for page in found] == [20, 20, 10]
    prompts = [image["prompt"] for page in found for image in page["images"]]
    assert prompts == [f"prompt {number}" for number in range(50, 0, -1)]
    assert (found[0]["cursor"], found[0]["count"]) == (50, 50)


def test_an_unchanged_page_is_not_sent_again(alice: Person) -> None:
    """API Gateway hands If-None-Match on, and the ETag back."""
    tag = alice.api.get("/api/images").headers["ETag"]
    assert alice.api.get("/api/images", headers={"If-None-Match": tag}).status_code == 304


def test_a_repeated_save_under_a_key(alice: Person) -> None:
    """It has one effect, and the same answer."""
    key = {"Idempotency-Key": "once"}
    first = alice.api.post("/api/images", json=picture(), headers=key)
    again = alice.api.post("/api/images", json=picture(), headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert alice.api.post("/api/images/sync").json()["cursor"] == 1
    other = alice.api.post("/api/images", json=picture("another"), headers=key)
    assert_problem(other, 422, "idempotency-key-reused")


def test_a_deleted_image_is_gone_and_the_changes_say_so(alice: Person) -> None:
    """After the 204 no read has it; whoever follows the changes is told."""
    for prompt in ("stays", "goes"):
        alice.api.post("/api/images", json=picture(prompt)).raise_for_status()
    wait_until(lambda: shown(alice) == [2, 1])
    assert alice.api.delete("/api/images/2").status_code == 204
    assert shown(alice) == [1]
    assert_problem(alice.api.get("/api/images/2"), 404, "not-found")
    changes = alice.api.get("/api/images/changes", params={"after": 1}).json()
    assert changes.pop("mark")
    assert changes == {"changes": [{"cursor": 3, "deleted": 2}], "cursor": 3, "upToDate": True}


def test_nobody_sees_what_is_anothers(arrives: Arrive) -> None:
    """Another's image answers as one that never was, and cannot be deleted."""
    alice, bob = arrives("alice"), arrives("bob")
    alice.api.post("/api/images", json=picture("alice's")).raise_for_status()
    wait_until(lambda: shown(alice) == [1])
    assert bob.api.get("/api/images").json()["images"] == []
    assert bob.api.get("/api/images/changes").json()["changes"] == []
    assert_problem(bob.api.get("/api/images/1"), 404, "not-found")
    assert_problem(bob.api.delete("/api/images/1"), 404, "not-found")
    assert shown(alice) == [1]


def test_what_needs_no_token(stack: Stack) -> None:
    """Health, and the API's description."""
    with anonymous(stack) as nobody:
        assert nobody.get("/api/health").json() == {"status": "ok"}
        assert nobody.get("/api/openapi.json").json()["openapi"].startswith("3.1")


def anonymous(stack: Stack) -> httpx.Client:
    return httpx.Client(base_url=stack.url, timeout=60, trust_env=False)


@pytest.mark.parametrize("token", [None, "", "Bearer", "Bearer not.a.token", "Basic YTpi"])
@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_without_a_valid_token(stack: Stack, token: str | None, verb: str) -> None:
    """Whether API Gateway or the authorizer refuses it, it is the same problem."""
    headers = {} if token is None else {"Authorization": token}
    with anonymous(stack) as nobody:
        answer = nobody.request(verb, "/api/images", headers=headers)
    assert_problem(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_that_was_meddled_with(alice: Person) -> None:
    """Its signature no longer fits."""
    header, claims, signature = alice.api.headers["Authorization"].split(".")
    forged = f"{header}.{claims}.{signature[::-1]}"
    answer = alice.api.get("/api/images", headers={"Authorization": forged})
    assert_problem(answer, 401, "unauthenticated")


PROBLEMS: dict[str, tuple[str, str, dict[str, Any], int, str]] = {
    "unknown path": ("GET", "/api/nothing", {}, 404, "no-such-route"),
    "unknown path of no API": ("GET", "/nothing", {}, 404, "no-such-route"),
    "unknown image": ("GET", "/api/images/9", {}, 404, "not-found"),
    "wrong image": ("POST", "/api/images", {"json": {}}, 400, "invalid-image"),
    "no JSON": (
        "POST",
        "/api/images",
        {"content": "{", "headers": {"Content-Type": "application/json"}},
        400,
        "invalid-json",
    ),
    "wrong parameter": ("GET", "/api/images?limit=0", {}, 400, "invalid-parameter"),
    "too early": ("GET", "/api/images?at_least=9", {}, 409, "not-synced-yet"),
    "beyond the end": ("GET", "/api/images/changes?after=9", {}, 410, "resync-required"),
    "body too large": (
        "POST",
        "/api/images",
        {"json": picture("x" * MAX_BODY)},
        413,
        "body-too-large",
    ),
    "not JSON by its type": (
        "POST",
        "/api/images",
        {"content": "a fox", "headers": {"Content-Type": "text/plain"}},
        415,
        "unsupported-media-type",
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_problems(alice: Person, name: str) -> None:
    """Whoever answers, it is in problem details."""
    verb, path, more, status, code = PROBLEMS[name]
    assert_problem(alice.api.request(verb, path, **more), status, code)


@pytest.mark.parametrize("path", ["/api/images", "/api/images/changes", "/api/health", "/"])
def test_head_is_answered_where_get_is(alice: Person, path: str) -> None:
    """By the reading function, without a body."""
    head, got = alice.api.head(path), alice.api.get(path)
    assert (head.status_code, head.content, got.status_code) == (200, b"", 200)
    assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert head.headers.get("ETag") == got.headers.get("ETag")


def test_head_needs_a_token_where_get_does(stack: Stack) -> None:
    with anonymous(stack) as nobody:
        assert nobody.head("/api/images").status_code == 401


def test_two_keys_are_refused(alice: Person) -> None:
    """API Gateway tells both of them."""
    keys = [("Idempotency-Key", "one"), ("Idempotency-Key", "two")]
    headers = [*alice.api.headers.items(), ("Content-Type", "application/json"), *keys]
    content = json.dumps(picture())
    answer = alice.api.post("/api/images", content=content, headers=headers)
    assert_problem(answer, 400, "invalid-parameter")
    assert alice.api.post("/api/images/sync").json()["cursor"] == 0


def test_a_compressed_body(alice: Person, stack: Stack) -> None:
    """As API Gateway hands it on, decompressed, and as it would if it did not. (The emulator's
    own gateway does neither.)"""
    body = json.dumps(picture(steps=30.0))
    packed = base64.b64encode(gzip.compress(body.encode())).decode()
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    for text, is_base64 in ((body, False), (packed, True)):
        event = {**saving(alice), "headers": headers, "body": text, "isBase64Encoded": is_base64}
        answer = stack.invoke("api_handler", event)
        assert (answer["statusCode"], json.loads(answer["body"])["steps"]) == (201, 30)


def test_a_method_that_a_path_does_not_have(stack: Stack) -> None:
    """It is told which there are, also before anybody asks for a token."""
    with anonymous(stack) as nobody:
        for verb in ("PUT", "PATCH"):
            answer = nobody.request(verb, "/api/images")
            assert_problem(answer, 405, "method-not-allowed")
            assert set(answer.headers["Allow"].split(", ")) == {"DELETE", "GET", "HEAD", "POST"}


def test_a_page_of_an_allowed_origin(alice: Person, stack: Stack) -> None:
    """A browser asks first, without a token, and is told what the path allows."""
    wanted = {"authorization", "content-type", "idempotency-key"}
    asked = {
        "Origin": GALLERY,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": ",".join(sorted(wanted)),
    }
    with anonymous(stack) as nobody:
        preflight = nobody.options("/api/images", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == GALLERY
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"].split(", ")
    assert wanted <= set(preflight.headers["Access-Control-Allow-Headers"].lower().split(", "))
    answer = alice.api.get("/api/images", headers={"Origin": GALLERY})
    assert answer.headers["Access-Control-Allow-Origin"] == GALLERY
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"].split(", ")


def test_a_page_of_an_allowed_origin_may_read_a_refusal(alice: Person) -> None:
    """API Gateway's own answers know no list of origins, and tell no secrets."""
    answer = alice.api.get("/api/images", headers={"Origin": GALLERY, "Authorization": "Bearer x"})
    assert_problem(answer, 401, "unauthenticated")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_page_of_another_origin(alice: Person) -> None:
    """The browser is not told that it may, so it does not let the page."""
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    for answer in (
        alice.api.options("/api/images", headers=asked),
        alice.api.get("/api/images", headers=asked),
    ):
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_reading_function_cannot_write(alice: Person, stack: Stack) -> None:
    """Whatever it is asked by mistake, its role refuses: roles are enforced here."""
    answer = stack.invoke("read_api", saving(alice))
    assert (answer["statusCode"], '"internal-error"' in answer["body"]) == (500, True)
    assert alice.api.post("/api/images/sync").json()["cursor"] == 0
    answer = stack.invoke("api_handler", saving(alice))
    assert answer["statusCode"] == 201


def saving(person: Person) -> dict[str, Any]:
    """API Gateway's event for a save."""
    return {
        "resource": "/api/images",
        "path": "/api/images",
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/json"},
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/api/images",
            "path": "/api/api/images",
            "httpMethod": "POST",
            "authorizer": {"principalId": person.user, "expiresAt": "9999999999"},
        },
        "body": '{"prompt": "a red fox", "imageUrl": "https://images.example/fox.png"}',
        "isBase64Encoded": False,
    }


# The gallery


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("", 200),
        ("/", 200),
        ("/dashboard", 200),
        ("/dashboard/images", 200),
        ("/dashboard/images/7", 200),
        ("/dashboard/images/7/extra", 404),
        ("/nothing", 404),
        ("/a%20b/c", 404),
    ],
)
def test_the_gallery_is_served_under_the_stage(
    stack: Stack, parameters: Mapping[str, str], path: str, status: int
) -> None:
    """Whatever its address: the base is the stage's, and the issuer is the one it may call."""
    page = httpx.get(stack.url + path, headers={"Accept": "text/html"}, follow_redirects=True)
    assert (page.status_code, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert f'<base href="/{API_STAGE}/" />' in page.text  # the path as on the stack's own host
    policy = page.headers["Content-Security-Policy"]
    issuer = parameters["OidcTokenEndpoint"].removesuffix("/oauth2/token")
    assert f"connect-src 'self' {issuer};" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["X-Frame-Options"] == "DENY"


def test_the_gallerys_files_are_where_the_page_says_and_never_change(stack: Stack) -> None:
    names = re.findall(r'"\./(assets/[^"]+\.(?:js|css))"', httpx.get(f"{stack.url}/").text)
    assert names
    for name in names:
        file = httpx.get(f"{stack.url}/{name}").raise_for_status()
        assert file.text
        assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
