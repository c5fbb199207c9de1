"""Reads a request's headers and body by the strict rules of RFC 9112."""

import re
from email.message import Message
from http.client import HTTPException, HTTPMessage
from typing import BinaryIO

from chalicelib.api.request import MAX_BODY

_ENDINGS = (b"\r\n", b"\n")
_REQUEST_LINE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\r?\n")
_FIELD_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r?\n")
"""A header's or a trailer's: no control character but the tab, and no blank before the colon
(RFC 9110, section 5.5; RFC 9112, sections 2.2 and 5)."""

_LENGTH = re.compile("[0-9]{1,15}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(;[\t\x20-\x7e\x80-\xff]*)?\r?\n")
_WEIGHT = re.compile(r"q=(0(\.[0-9]{0,3})?|1(\.0{0,3})?)", re.IGNORECASE)
_MAX_TRAILERS = 100
"""Lines: as many as http.server takes headers."""


class BodyRefused(HTTPException):
    """The head or the body is refused; `code` is the problem's. The connection must be closed.
    (http.server answers 400 to an HTTPException in a head.)"""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class FieldLines:
    """The header lines of a request, up to the empty one; BodyRefused for any that is none.

    Python's parser is made for e-mail: it takes a bare CR for a line end, and passes over what it
    cannot read. So it gets only what has one meaning.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readline(self, limit: int = -1, /) -> bytes:
        line = self._stream.readline(limit)
        if line not in _ENDINGS and not _FIELD_LINE.fullmatch(line):
            raise BodyRefused("bad-request")
        return line


def is_request_line(line: bytes) -> bool:
    """Whether it is one line, without control characters, which others may take for a line end."""
    return _REQUEST_LINE.fullmatch(line) is not None


def read_body(headers: Message, stream: BinaryIO) -> bytes:
    """The body, sent with its length or in chunks; BodyRefused for any doubt about where it ends.

    What one reader of HTTP takes for a body and another for the next request is how requests are
    smuggled (RFC 9112, sections 6.3 and 11.2), so nothing is guessed.
    """
    lengths = headers.get_all("content-length", [])
    codings = headers.get_all("transfer-encoding", [])
    if len(lengths) + len(codings) > 1:
        raise BodyRefused("bad-request")
    if codings:
        return _read_chunks(codings[0], stream)
    return _read_length(lengths[0] if lengths else "0", stream)


def _read_length(text: str, stream: BinaryIO) -> bytes:
    if not _LENGTH.fullmatch(text):
        raise BodyRefused("bad-request")
    if int(text) > MAX_BODY:
        raise BodyRefused("body-too-large")
    return _read_exactly(int(text), stream)


def _read_chunks(coding: str, stream: BinaryIO) -> bytes:
    """RFC 9112, section 7.1. Chunk extensions and trailers are passed over."""
    if coding.lower() != "chunked":
        raise BodyRefused("bad-request")
    body = bytearray()
    while size := _chunk_size(stream.readline(1024)):
        if len(body) + size > MAX_BODY:
            raise BodyRefused("body-too-large")
        body += _read_exactly(size, stream)
        if stream.readline(3) not in _ENDINGS:
            raise BodyRefused("bad-request")
    trailers = FieldLines(stream)
    for _ in range(_MAX_TRAILERS):
        if trailers.readline(65536) in _ENDINGS:
            return bytes(body)
    raise BodyRefused("bad-request")


def _chunk_size(line: bytes) -> int:
    match = _CHUNK.fullmatch(line)
    if match is None:
        raise BodyRefused("bad-request")
    return int(match[1], 16)


def _read_exactly(length: int, stream: BinaryIO) -> bytes:
    body = stream.read(length)
    if len(body) < length:
        raise BodyRefused("bad-request")
    return body


def without_blanks(headers: Message) -> HTTPMessage:
    """The headers without the blanks around their values (RFC 9112, section 5.1)."""
    clean = HTTPMessage()
    for name, value in headers.items():
        clean[name] = value.strip(" \t")
    return clean


def joined(headers: Message) -> dict[str, str]:
    """Each header once, its lines joined in their order (RFC 9110, section 5.3)."""
    return {name: ", ".join(headers.get_all(name, [])) for name in headers}


def takes_gzip(accept_encoding: str) -> bool:
    """Whether the client lets an answer be compressed so (RFC 9110, section 12.5.3)."""
    weights = dict(map(_weight, accept_encoding.lower().split(",")))
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _weight(member: str) -> tuple[str, float]:
    """A coding and its weight; what is no weight counts as 0."""
    coding, *parameters = (part.strip() for part in member.split(";"))
    if not parameters:
        return coding, 1.0
    match = _WEIGHT.fullmatch(parameters[0])
    return coding, 0.0 if match is None else float(match[1])
