"""Reading a request's body from the wire, by the strict rules of RFC 9112."""

import re
from email.errors import FirstHeaderLineIsContinuationDefect, MissingHeaderBodySeparatorDefect
from email.message import Message
from typing import BinaryIO

from chalicelib.api.request import MAX_BODY

_UNREADABLE = (FirstHeaderLineIsContinuationDefect, MissingHeaderBodySeparatorDefect)
_LENGTH = re.compile("[0-9]{1,15}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(;.*)?\r?\n")


class BodyRefused(Exception):
    """The body cannot be taken; `code` is that of the problem. The connection cannot go on."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read_body(headers: Message, stream: BinaryIO) -> bytes:
    """The body, sent with its length or in chunks; BodyRefused for any doubt about where it ends.

    What one reader of HTTP takes for a body and another for the next request is how requests are
    smuggled (RFC 9112, sections 6.3 and 11.2), so nothing is guessed.
    """
    lengths = headers.get_all("content-length", [])
    codings = headers.get_all("transfer-encoding", [])
    unreadable = any(isinstance(defect, _UNREADABLE) for defect in headers.defects)
    if unreadable or len(lengths) + len(codings) > 1:
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
    body = b""
    while size := _chunk_size(stream.readline(1024)):
        if len(body) + size > MAX_BODY:
            raise BodyRefused("body-too-large")
        body += _read_exactly(size, stream)
        if stream.readline(3) not in (b"\r\n", b"\n"):
            raise BodyRefused("bad-request")
    while stream.readline(65536).strip():
        pass
    return body


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
