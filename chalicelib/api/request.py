"""An HTTP request as plain values, and the strict reading of its parameters and body."""

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from chalicelib.model.entries import MAX_CURSOR, NO_MARK, Cursor, Mark, UserId
from chalicelib.model.errors import BodyTooLarge, FieldError, InvalidInput, UnsupportedMediaType

MAX_BODY = 1024 * 1024
"""Bytes of a request body."""

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

JSON_TYPE = re.compile(
    r'application/json(?:[ \t]*;(?:[ \t]*charset[ \t]*=[ \t]*"?utf-8"?)?)*', re.IGNORECASE
)
"""RFC 9110, section 5.6.6: a semicolon may stand without a parameter behind it."""

PLAIN = ("", "identity")
CODINGS = ("gzip", "x-gzip", "deflate")
"""Of a body (RFC 9110, section 8.4.1), as API Gateway takes them."""

BEGINNINGS = (b"{", b"[", b" ", b"\t", b"\r", b"\n")
"""The first byte of a body that is JSON. Compressed bodies (gzip, deflate) never begin with one of
these (RFC 1952, section 2.3.1; RFC 1950, section 2.2)."""

GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
"""zlib's setting for either format: it finds out which by the first bytes."""

LISTS = frozenset({"cursors"})
"""The query parameters that name several things."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
WHOLE_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")
IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")
MARK_TEXT = re.compile(r"[A-Za-z0-9_\-]{0,16}")


class Request(NamedTuple):
    """What came over HTTP. Header names are lower-case, and a header that came in several lines is
    one (RFC 9110, section 5.3); `query` has every value of a name.

    `path` is the one that the client sees, with the stage's prefix.
    """

    user: UserId
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    body: bytes


def is_whole_number(text: str, least: int, most: int) -> bool:
    """Whether it is one of these numbers, in plain ASCII digits: int() takes much more."""
    return WHOLE_NUMBER.fullmatch(text) is not None and least <= int(text) <= most


def cursor_of(text: str, name: str, least: int = 1) -> Cursor:
    """The cursor that the text says; InvalidInput if it is none."""
    if not is_whole_number(text, least, MAX_CURSOR):
        raise invalid_parameter(
            name, f"Give a whole number from {least} to {MAX_CURSOR} in plain digits."
        )
    return Cursor(int(text))


class Query(NamedTuple):
    """The query parameters of one request, each at most once and none that is not known.

    A list may come in one parameter or in several: OpenAPI knows both forms, and some generated
    clients write only the second.
    """

    values: Mapping[str, str]

    @classmethod
    def of(cls, request: Request, *known: str) -> "Query":
        for name, given in request.query.items():
            if name not in known:
                taken = ", ".join(known) or "no parameters"
                raise invalid_parameter(name, f"Leave it out; this route takes {taken}.")
            if len(given) != 1 and name not in LISTS:
                raise invalid_parameter(name, "Give it once.")
        return cls({name: ",".join(given) for name, given in request.query.items()})

    def cursor(self, name: str, least: int = 1) -> Cursor | None:
        text = self.values.get(name)
        return None if text is None else cursor_of(text, name, least)

    def cursors(self, name: str, most: int) -> tuple[Cursor, ...]:
        """The cursors that the parameter names, all different."""
        texts = self.values.get(name, "").split(",")
        are_cursors = len(texts) <= most and all(is_whole_number(t, 1, MAX_CURSOR) for t in texts)
        if not are_cursors or len(set(texts)) < len(texts):
            raise invalid_parameter(
                name, f"Give 1 to {most} different cursors with commas between them: 5,7,9."
            )
        return tuple(Cursor(int(text)) for text in texts)

    def mark(self, cursor: str) -> Mark:
        """The mark of the entry at the cursor that the other parameter names; empty if none is."""
        text = self.values.get("mark")
        if text is None:
            return NO_MARK
        if cursor not in self.values:
            raise invalid_parameter("mark", f"Give it together with {cursor}, or leave it out.")
        if not MARK_TEXT.fullmatch(text):
            raise invalid_parameter(
                "mark", "Give the mark as an answer told it, beside the cursor; or leave it out."
            )
        return Mark(text)

    def limit(self) -> int:
        text = self.values.get("limit", str(DEFAULT_LIMIT))
        if not is_whole_number(text, 1, MAX_LIMIT):
            raise invalid_parameter("limit", f"Give a whole number from 1 to {MAX_LIMIT}.")
        return int(text)


def invalid_parameter(name: str, detail: str) -> InvalidInput:
    errors = [FieldError("parameter", name[:100], detail)]
    return InvalidInput("invalid-parameter", "A parameter is wrong; see errors.", errors)


def idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        detail = "Give 1 to 255 visible ASCII characters, such as a UUID."
        errors = [FieldError("header", "Idempotency-Key", detail)]
        raise InvalidInput("invalid-parameter", "A header is wrong; see errors.", errors)
    return key


def json_body(request: Request) -> Any:
    """The body as strict JSON (RFC 8259, and RFC 7493: no duplicate names, no lone surrogates).

    A number that is written with a fraction or an exponent is a Decimal, which rounds nothing.
    Raises `BodyTooLarge`, `UnsupportedMediaType`, or `InvalidInput` ``invalid-json``.
    """
    if len(request.body) > MAX_BODY:
        raise BodyTooLarge
    if not JSON_TYPE.fullmatch(request.headers.get("content-type", "").strip()):
        raise UnsupportedMediaType
    return strict_json(decompressed(request))


def decompressed(request: Request) -> bytes:
    """The body without its Content-Encoding; `UnsupportedMediaType`, `BodyTooLarge`.

    API Gateway decompresses a body itself and may leave the header as it was: what begins as JSON
    is taken as it is.
    """
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in (*PLAIN, *CODINGS):
        raise UnsupportedMediaType
    if coding in PLAIN or not request.body or request.body.startswith(BEGINNINGS):
        return request.body
    return inflated(request.body)


def inflated(body: bytes) -> bytes:
    """Decompresses at most one byte more than the limit, however much there would be."""
    inflater = zlib.decompressobj(GZIP_OR_ZLIB)
    try:
        plain = inflater.decompress(body, MAX_BODY + 1)
    except zlib.error:
        raise UnsupportedMediaType from None
    if len(plain) > MAX_BODY:
        raise BodyTooLarge
    if not inflater.eof or inflater.unused_data:
        raise UnsupportedMediaType
    return plain


def integer_of(number: object, least: int, most: int) -> int | None:
    """The integer that a JSON number is, if it is one from `least` to `most`; nothing is rounded.

    30, 30.0 and 3e1 are the same number (JSON Schema, core, section 4.2.1).
    """
    if isinstance(number, bool) or not isinstance(number, int | Decimal):
        return None
    if not least <= number <= most or number != int(number):  # bounded first: 1e400 has 401 digits
        return None
    return int(number)


def may_be_rounded(number: object) -> bool:
    """Whether it is written as a float, where floats skip integers: pandas and JavaScript write
    such a number for another one, from 2^53 on."""
    return isinstance(number, Decimal) and number >= 2**53


def strict_json(body: bytes) -> Any:
    if not body or body.startswith(BYTE_ORDER_MARK):
        raise InvalidInput("invalid-json", "Send a JSON object, without a byte order mark.")
    try:
        return read_strictly(body)
    except NotStrict as error:
        raise InvalidInput("invalid-json", f"The body is not strict JSON: {error}") from None


def read_strictly(encoded: bytes) -> Any:
    """The value that the bytes mean as strict JSON; NotStrict, which says why, if they are none."""
    try:
        text = encoded.decode()
        value = json.loads(
            text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_unique_names
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False, default=str).encode()  # fails on a lone surrogate
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise NotStrict(_why(error)) from None
    return value


def _why(error: ValueError | RecursionError | ArithmeticError) -> str:
    """Returns the reason, without any content of the body."""
    match error:
        case json.JSONDecodeError():
            return f"{error.msg.removesuffix(' at')} at character {error.pos}."
        case UnicodeDecodeError():
            return f"it is not UTF-8 at byte {error.start}."
        case UnicodeEncodeError():
            return "it has half of a surrogate pair."
        case RecursionError():
            return "it is nested too deeply."
        case NotStrict():
            return str(error)
        case _:
            return "a number is too long."


class NotStrict(ValueError):
    """The bytes are no JSON, or JSON that Python's parser accepts and the standard does not."""


def _refuse(constant: str) -> None:
    raise NotStrict(f"{constant} is no JSON number.")


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotStrict("an object has the same name twice.")
    return members
