"""HTTP itself: routes, methods, sizes, content types, tokens, and the shape of every refusal."""

import gzip
import http.client
import json
import socket
import time
import zlib
from contextlib import closing
from urllib.parse import urljoin

import httpx
import pytest

from local.issuer import LIFETIME, Issuer
from tests.api.server import Server
from tests.api.support import JSON, assert_problem, library, picture, save, sync, where
from tests.support import wait_until

MAX_BODY = 1024 * 1024

ROUTES = [
    ("POST", "/api/images"),
    ("GET", "/api/images"),
    ("POST", "/api/images/batch"),
    ("GET", "/api/images/changes"),
    ("POST", "/api/images/sync"),
    ("GET", "/api/images/1"),
    ("DELETE", "/api/images"),
    ("DELETE", "/api/images/1"),
]
"""The routes that need a token."""


def raw_post(client: httpx.Client, *headers: str, body: bytes = b"") -> bytes:
    """A signed-in request to save, with exactly these further headers and this body."""
    lines = [
        "POST /api/images HTTP/1.1",
        f"Host: {client.base_url.netloc.decode()}",
        "Connection: close",
        f"Authorization: {client.headers['Authorization']}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def padded(size: int) -> bytes:
    """An image's JSON text of exactly so many bytes."""
    return json.dumps(picture()).encode().ljust(size)


# Saving


def test_a_saved_image_can_be_found_by_its_location(alice: httpx.Client) -> None:
    """Location, relative to the request's address, is where the image is once it is synced."""
    saved = alice.post("/api/images", json=picture()).raise_for_status()
    assert saved.status_code == 201
    sync(alice)
    found = alice.get(urljoin(str(saved.request.url), saved.headers["Location"]))
    assert found.raise_for_status().json() == saved.json()


def test_a_save_can_be_read_without_a_sync(alice: httpx.Client) -> None:
    """The stream's function brings a save to the read copy, without any call of the client."""
    alice.post("/api/images", json=picture()).raise_for_status()
    wait_until(lambda: library(alice) != [])


# Sizes


def test_the_largest_body_is_taken(alice: httpx.Client) -> None:
    """A body of exactly 1 MiB is read."""
    answer = alice.post("/api/images", content=padded(MAX_BODY), headers=JSON)
    assert answer.status_code == 201


def test_the_largest_chunked_body_is_taken(alice: httpx.Client) -> None:
    """A body of exactly 1 MiB is read when it comes in chunks."""
    body = padded(MAX_BODY)
    chunks = iter([body[:1000], body[1000:]])
    answer = alice.post("/api/images", content=chunks, headers=JSON)
    assert answer.status_code == 201


@pytest.mark.parametrize("route", ["/api/images", "/api/images/batch", "/api/images/sync"])
def test_a_body_of_one_byte_more_is_refused(alice: httpx.Client, route: str) -> None:
    """A body of 1 MiB and a byte is too large."""
    answer = alice.post(route, content=padded(MAX_BODY + 1), headers=JSON)
    assert_problem(answer, 413, "body-too-large")


def test_a_chunked_body_of_one_byte_more_is_refused(alice: httpx.Client) -> None:
    """A body in chunks is too large once they come to 1 MiB and a byte."""
    body = padded(MAX_BODY + 1)
    chunks = iter([body[:MAX_BODY], body[MAX_BODY:]])
    answer = alice.post("/api/images", content=chunks, headers=JSON)
    assert_problem(answer, 413, "body-too-large")


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (f"Content-Length: {MAX_BODY + 1}", b""),
        (f"Content-Length: {10**12}", b""),
        ("Transfer-Encoding: chunked", f"{MAX_BODY + 1:x}\r\n".encode()),
    ],
    ids=["by length", "by a huge length", "by the first chunk's length"],
)
def test_a_large_body_is_refused_by_what_it_says(
    server: Server, alice: httpx.Client, header: str, body: bytes
) -> None:
    """A body that says that it is too large is refused for that, even if it does not come."""
    assert_problem(server.send(raw_post(alice, header, body=body)), 413, "body-too-large")


# Content types


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        'APPLICATION/JSON;Charset="UTF-8"',
        "application/json ;  charset=UTF-8",
        "application/json;",
        "application/json; charset=utf-8 ;; charset=utf-8",
    ],
)
def test_json_content_types_are_taken(alice: httpx.Client, content_type: str) -> None:
    """JSON in UTF-8 may be declared in any spelling of the standard."""
    answer = alice.post("/api/images", content=padded(0), headers={"Content-Type": content_type})
    assert answer.status_code == 201


@pytest.mark.parametrize("route", ["/api/images", "/api/images/batch", "/api/images/sync"])
@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        "application/json, text/plain",
        "application/json; charset=utf-8 charset=utf-8",
        "application/json charset=utf-8",
        "application/problem+json",
    ],
)
def test_other_content_types_are_refused(
    alice: httpx.Client, route: str, content_type: str
) -> None:
    """A body that is not declared as JSON in UTF-8 is refused, even if it is."""
    answer = alice.post(route, content=padded(0), headers={"Content-Type": content_type})
    assert_problem(answer, 415, "unsupported-media-type")


def test_a_missing_content_type_is_refused(alice: httpx.Client) -> None:
    """A body must be declared."""
    answer = alice.post("/api/images", content=padded(0))
    assert "Content-Type" not in answer.request.headers
    assert_problem(answer, 415, "unsupported-media-type")


# Routes and methods


@pytest.mark.parametrize(
    "path",
    ["/nope", "/api", "/api/image", "/api/images/1/2", "/API/images", "/api/images/../../x", "/*"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_unknown_routes(alice: httpx.Client, method: str, path: str) -> None:
    """A path that is not there is answered as such, to any method."""
    assert_problem(alice.request(method, path), 404, "no-such-route")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/images", {"GET", "HEAD", "POST", "DELETE"}),
        ("/api/images/batch", {"POST"}),
        ("/api/images/changes", {"GET", "HEAD"}),
        ("/api/images/sync", {"POST"}),
        ("/api/images/1", {"GET", "HEAD", "DELETE"}),
        ("/api/health", {"GET", "HEAD"}),
        ("/api/openapi.json", {"GET", "HEAD"}),
    ],
)
def test_wrong_methods(alice: httpx.Client, path: str, allowed: set[str]) -> None:
    """A method that the path does not have is refused, and Allow names those that it has."""
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - allowed:
        answer = alice.request(method, path)
        assert_problem(answer, 405, "method-not-allowed")
        assert set(answer.headers["Allow"].split(", ")) == allowed


GETS = [*(path for verb, path in ROUTES if verb == "GET"), "/api/health", "/api/openapi.json"]


@pytest.mark.parametrize("path", [*GETS, "/", "/dashboard/images", "/.well-known/jwks.json"])
def test_head_tells_what_get_would(alice: httpx.Client, path: str) -> None:
    """The same status and headers, and no body; the connection goes on."""
    save(alice)
    head, got = alice.head(path), alice.get(path)
    assert got.status_code == 200
    assert (head.status_code, head.content) == (200, b"")
    assert without_date(head) == without_date(got)


def without_date(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "date"}


@pytest.mark.parametrize("path", ["/api/images/batch", "/api/nothing"])
def test_head_is_no_method_where_there_is_no_get(alice: httpx.Client, path: str) -> None:
    """It is refused, without a body."""
    head, posted = alice.head(path), alice.put(path)
    assert (head.status_code, head.content) == (posted.status_code, b"")
    assert posted.status_code in (404, 405)


def test_head_knows_what_has_not_changed(alice: httpx.Client) -> None:
    """If-None-Match works as with GET."""
    tag = alice.get("/api/images").headers["ETag"]
    assert alice.head("/api/images", headers={"If-None-Match": tag}).status_code == 304


# Headers as they come


@pytest.mark.parametrize("blanks", [" ", "\t", "  \t "])
def test_blanks_behind_a_header_are_no_part_of_it(
    server: Server, alice: httpx.Client, blanks: str
) -> None:
    """Whatever the header (RFC 9112, section 5.1)."""
    body = padded(0)
    headers = [
        "Content-Type: application/json",
        "Idempotency-Key: blanks",
        "Content-Encoding: identity",
        f"Content-Length: {len(body)}",
    ]
    request = raw_post(alice, *headers, body=body)
    spaced = request.replace(b"\r\n", f"{blanks}\r\n".encode())
    spaced = spaced.replace(f"HTTP/1.1{blanks}".encode(), b"HTTP/1.1").replace(
        f"\r\n{blanks}\r\n".encode(), b"\r\n\r\n"
    )
    assert server.send(spaced).status_code == 201
    assert server.send(request).json()["cursor"] == 1


def test_blanks_behind_chunked_are_no_part_of_it(server: Server, alice: httpx.Client) -> None:
    headers = ["Content-Type: application/json", "Transfer-Encoding: chunked "]
    body = padded(0)
    chunks = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    assert server.send(raw_post(alice, *headers, body=chunks)).status_code == 201


def test_two_idempotency_keys_are_refused(server: Server, alice: httpx.Client) -> None:
    """Whichever of them were taken, the client could mean the other."""
    body = padded(0)
    headers = ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    keys = ["Idempotency-Key: one", "idempotency-key: two"]
    answer = server.send(raw_post(alice, *headers, *keys, body=body))
    assert where(assert_problem(answer, 400, "invalid-parameter")) == ["Idempotency-Key"]
    assert sync(alice) == 0


def test_two_tokens_sign_nobody_in(server: Server, alice: httpx.Client) -> None:
    token = f"Authorization: {alice.headers['Authorization']}"
    host = f"Host: 127.0.0.1:{server.port}"
    head = "\r\n".join(["GET /api/images HTTP/1.1", host, token, token, "", ""])
    assert_problem(server.send(head.encode()), 401, "unauthenticated")


def test_a_list_in_two_lines_is_one(server: Server, alice: httpx.Client) -> None:
    """The tag that fits is found in the second If-None-Match (RFC 9110, section 5.3)."""
    tag = alice.get("/api/images").headers["ETag"]
    lines = [
        "GET /api/images HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        f"Authorization: {alice.headers['Authorization']}",
        'If-None-Match: "another"',
        f"If-None-Match: {tag}",
    ]
    assert server.send("\r\n".join([*lines, "", ""]).encode()).status_code == 304


def test_line_ends_before_a_request_are_passed_over(server: Server, alice: httpx.Client) -> None:
    """Some clients send one more behind a body (RFC 9112, section 2.2)."""
    body = padded(0)
    headers = ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    first = raw_post(alice, *headers, body=body).replace(b"Connection: close\r\n", b"")
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for end in (b"\r\n", b"\n", b""):
            connection.sendall(first + end)
            with closing(http.client.HTTPResponse(connection)) as answer:
                answer.begin()
                assert answer.status == 201
                answer.read()


# Compression


def test_compressed_bodies_are_read(alice: httpx.Client) -> None:
    """By gzip, and by deflate, as API Gateway has it."""
    gzipped = dict.fromkeys(("gzip", "GZIP", "x-gzip"), gzip.compress(padded(0)))
    for coding, body in {**gzipped, "deflate": zlib.compress(padded(0))}.items():
        headers = {**JSON, "Content-Encoding": coding}
        answer = alice.post("/api/images", content=body, headers=headers)
        assert answer.status_code == 201, coding


@pytest.mark.parametrize("route", ["/api/images", "/api/images/batch", "/api/images/sync"])
def test_a_compressed_body_is_bounded(alice: httpx.Client, route: str) -> None:
    """A body that would become too large is refused before it does."""
    headers = {**JSON, "Content-Encoding": "gzip"}
    largest, too_large = (gzip.compress(padded(size)) for size in (MAX_BODY, MAX_BODY + 1))
    assert_problem(alice.post(route, content=too_large, headers=headers), 413, "body-too-large")
    bomb = gzip.compress(bytes(200 * MAX_BODY), 9)
    assert len(bomb) < MAX_BODY
    assert_problem(alice.post(route, content=bomb, headers=headers), 413, "body-too-large")
    if route == "/api/images":
        assert alice.post(route, content=largest, headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", padded(0)),
        ("gzip, gzip", gzip.compress(gzip.compress(padded(0)))),
        ("aws-chunked", padded(0)),
        ("gzip", gzip.compress(padded(0))[:-1]),
        ("gzip", gzip.compress(padded(0)) + b"x"),
        ("gzip", b"\x1f\x8b" + padded(0)),
    ],
    ids=["brotli", "twice", "a word of another service", "cut", "with a rest", "not gzip inside"],
)
def test_other_codings_are_refused(alice: httpx.Client, coding: str, body: bytes) -> None:
    headers = {**JSON, "Content-Encoding": coding}
    answer = alice.post("/api/images", content=body, headers=headers)
    assert_problem(answer, 415, "unsupported-media-type")
    assert sync(alice) == 0


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("br, gzip;q=0.5", "gzip"),
        ("*", "gzip"),
        ("", None),
        ("gzip;q=0", None),
        ("gzip; Q=0.000, *", None),
        ("*;q=0", None),
        ("br", None),
        ("not-gzip", None),
        ("gzip;q=much", None),
    ],
)
def test_answers_are_compressed_for_who_wants_it(
    anyone: httpx.Client, accepted: str, coding: str | None
) -> None:
    """And caches are told that it depends on that."""
    answer = anyone.get("/api/openapi.json", headers={"Accept-Encoding": accepted})
    assert answer.headers.get("Content-Encoding") == coding
    assert "Accept-Encoding" in answer.headers["Vary"].split(", ")
    assert answer.json()["openapi"]


def test_an_unknown_method_is_refused(alice: httpx.Client) -> None:
    """A word that is no method of HTTP is answered as a problem."""
    answer = alice.request("FROBNICATE", "/api/images")
    assert_problem(answer, 405, "method-not-allowed")


@pytest.mark.parametrize(
    "request_head",
    [
        b"GARBAGE\r\n\r\n",
        b"GET /api/health HTTP/9.9\r\n\r\n",
        b"GET /api/health please HTTP/1.1\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\n" + b"X: x\r\n" * 200 + b"\r\n",
        b"GET /api/health HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\nContent-Length: 1_0\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n",
        b"POST /api/images HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"POST /api/images HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\n",
        b"GET /api/health HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\nContent-Length: 9\r\n\r\nshort",
        b"\xff\xfe /api/health HTTP/1.1\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
        b"\r\nGET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=[
        "one word",
        "unknown version",
        "four words",
        "long path",
        "long header",
        "many headers",
        "negative length",
        "length with underscore",
        "length in superscript",
        "negative chunk",
        "prefixed chunk",
        "two lengths",
        "length and chunks",
        "cut body",
        "binary",
        "folded header",
        "long path behind an empty line",
    ],
)
def test_malformed_requests(server: Server, request_head: bytes) -> None:
    """What is no proper HTTP is answered as a problem too."""
    line = request_head.lstrip().split(b"\r\n", 1)[0]
    named = request_head.replace(line, b"%s\r\nHost: 127.0.0.1:%d" % (line, server.port), 1)
    assert_problem(server.send(named), 400, "bad-request")


# Tokens


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_data_route_needs_a_token(anyone: httpx.Client, method: str, path: str) -> None:
    """Without a token nothing is answered but how to sign in."""
    answer = anyone.request(method, path)
    assert_problem(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "authorization",
    [b"", b"Bearer", b"Bearer x", b"Basic YTpi", b"bob", b"Bearer \xff", b"Bearer a b"],
)
def test_what_is_no_token_is_refused(anyone: httpx.Client, authorization: bytes) -> None:
    """An Authorization header that holds no token signs nobody in."""
    answer = anyone.get("/api/images", headers={b"Authorization": authorization})
    assert_problem(answer, 401, "unauthenticated")


def test_expired_tokens_are_refused(server: Server, anyone: httpx.Client) -> None:
    """A token is worth nothing after its end."""
    token = Issuer(server.data).token("alice", time.time() - LIFETIME.total_seconds() - 3600)
    answer = anyone.get("/api/images", headers={"Authorization": f"Bearer {token}"})
    assert_problem(answer, 401, "unauthenticated")


def test_another_issuers_tokens_are_refused(
    anyone: httpx.Client, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A token that another installation signed is worth nothing here."""
    token = Issuer(tmp_path_factory.mktemp("other")).token("alice", time.time())
    answer = anyone.get("/api/images", headers={"Authorization": f"Bearer {token}"})
    assert_problem(answer, 401, "unauthenticated")


def test_health_needs_no_token(anyone: httpx.Client) -> None:
    """Anyone can see that the service runs."""
    assert anyone.get("/api/health").raise_for_status().json() == {"status": "ok"}
