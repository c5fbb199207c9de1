"""Where a request's head and body end: strictly by RFC 9112, from bytes as they come."""

import http.client
import io

import pytest

from chalicelib.api.request import MAX_BODY
from local.request_body import BodyRefused, FieldLines, is_request_line, read_body


def read(headers: bytes, body: bytes) -> tuple[bytes, bytes]:
    """The body, and what is left for the next request."""
    stream = io.BytesIO(headers + b"\r\n" + body)
    parsed = http.client.parse_headers(FieldLines(stream))
    return read_body(parsed, stream), stream.read()


@pytest.mark.parametrize(
    ("headers", "wire", "body"),
    [
        (b"", b"", b""),
        (b"Content-Length: 0\r\n", b"", b""),
        (b"Content-Length: 2\r\n", b"{}", b"{}"),
        (b"Content-Type: multipart/form-data\r\nContent-Length: 2\r\n", b"{}", b"{}"),
        (b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n", b""),
        (b"Transfer-Encoding: Chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n", b"{}"),
        (b"Transfer-Encoding: chunked\r\n", b"1;a=b\r\n{\r\nA\r\n12345678}}\r\n0\r\nX: y\r\n\r\n",
         b"{12345678}}"),
    ],
)  # fmt: skip
def test_reads_the_body_and_nothing_more(headers: bytes, wire: bytes, body: bytes) -> None:
    """What follows the body is left for the next request."""
    assert read(headers, wire + b"GET /next") == (body, b"GET /next")


@pytest.mark.parametrize(
    ("headers", "wire"),
    [
        (b"Content-Length: 2\r\nContent-Length: 2\r\n", b"{}"),
        (b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        (b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
        (b"Transfer-Encoding: identity\r\n", b"{}"),
        (b"Content-Length : 2\r\n", b"{}"),
        (b" Content-Length: 2\r\n", b"{}"),
        (b"Content-Length: +2\r\n", b"{}"),
        (b"Content-Length: -1\r\n", b"{}"),
        (b"Content-Length: 2, 2\r\n", b"{}"),
        (b"Content-Length: 0x2\r\n", b"{}"),
        ("Content-Length: ２\r\n".encode(), b"{}"),
        (b"Content-Length: 3\r\n", b"{}"),
        (b"Transfer-Encoding: chunked\r\n", b"0x2\r\n{}\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"-2\r\n{}\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"2\r\n{}}\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"5\r\n{}"),
        (b"Transfer-Encoding: chunked\r\n", b"0\r\n" + b"X: y\r\n" * 101 + b"\r\n"),
        (b"Content-Length: 2\r\n 2\r\n", b"{}"),
        (b"X: a\r\n\tb\r\nContent-Length: 2\r\n", b"{}"),
        (b"Transfer-Encoding: chunked\r\n", b""),
        (b"Transfer-Encoding: chunked\r\n", b"2;a\rb\r\n{}\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"2;a\0b\r\n{}\r\n0\r\n\r\n"),
    ],
)
def test_refuses_any_doubt_about_where_it_ends(headers: bytes, wire: bytes) -> None:
    """A length that is given twice, oddly, or not kept is a bad request."""
    with pytest.raises(BodyRefused) as refused:
        read(headers, wire)
    assert refused.value.code == "bad-request"


@pytest.mark.parametrize(
    "headers",
    [
        b"X-A: b\rTransfer-Encoding: chunked\r\n",
        b"X-A: b\r\r\n",
        b"\r\r\n",
        b"X-A: b\rc\n",
        b"X-A: b\0\r\n",
        b"X-A: b\x0bc\r\n",
        b"X\0A: b\r\n",
        b": b\r\n",
        b"X-A\r\n",
        b"X A: b\r\n",
        b"X-A : b\r\n",
        b" \r\n",
        b"From someone: once\r\n",
        b"X-A: b",
    ],
)
def test_refuses_what_is_no_header_line(headers: bytes) -> None:
    """Python's own parser makes two headers of the first, and none of others."""
    with pytest.raises(BodyRefused):
        http.client.parse_headers(FieldLines(io.BytesIO(headers)))


@pytest.mark.parametrize("line", [b"", b"\x0b", b" ", b"X: y\rX: y", b"X", b": y", b"\r"])
def test_refuses_what_is_no_trailer(line: bytes) -> None:
    """A line of blanks does not end them: for others they go on."""
    wire = b"0\r\n" + line + b"\r\nX: y\r\n\r\n"
    if not line:
        assert read(b"Transfer-Encoding: chunked\r\n", wire) == (b"", b"X: y\r\n\r\n")
        return
    with pytest.raises(BodyRefused):
        read(b"Transfer-Encoding: chunked\r\n", wire)


@pytest.mark.parametrize("line", [b"GET /\rX HTTP/1.1\r\n", b"GET /\0 HTTP/1.1\n", b"GET / H"])
def test_refuses_what_is_no_request_line(line: bytes) -> None:
    assert is_request_line(b"GET / HTTP/1.1\r\n")
    assert not is_request_line(line)


@pytest.mark.parametrize("chunked", [False, True])
def test_bounds_the_body(chunked: bool) -> None:
    """A body of exactly the limit is read; one byte more is too large, by either framing."""
    for size, fits in ((MAX_BODY, True), (MAX_BODY + 1, False)):
        headers = b"Content-Length: %d\r\n" % size
        wire = b"x" * size
        if chunked:
            headers, wire = (
                b"Transfer-Encoding: chunked\r\n",
                b"%x\r\n%s\r\n0\r\n\r\n" % (size, wire),
            )
        if fits:
            assert read(headers, wire)[0] == b"x" * size
        else:
            with pytest.raises(BodyRefused) as refused:
                read(headers, wire)
            assert refused.value.code == "body-too-large"
