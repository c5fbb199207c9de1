"""Parameters, headers and bodies are read strictly."""

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from chalicelib.api.request import (
    DEFAULT_LIMIT,
    MAX_BODY,
    MAX_LIMIT,
    Query,
    Request,
    cursor_of,
    idempotency_key,
    integer_of,
    json_body,
    strict_json,
)
from chalicelib.model.entries import MAX_CURSOR, UserId
from chalicelib.model.errors import BodyTooLarge, InvalidInput, UnsupportedMediaType

JSON_HEADERS = {"content-type": "application/json"}

text = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner) | st.dictionaries(text, inner),
    max_leaves=20,
)
number_like = st.text("0123456789eE+-._ \t\n１٣²", max_size=20)


def request(
    body: bytes = b"",
    headers: Mapping[str, str] = JSON_HEADERS,
    query: Mapping[str, Sequence[str]] | None = None,
) -> Request:
    return Request(UserId("alice"), "/api/images", headers, query or {}, body)


def refusal(body: bytes) -> InvalidInput | None:
    """Why the body is refused, or None if it is read."""
    try:
        strict_json(body)
    except InvalidInput as error:
        return error
    return None


# Bodies


@given(values, st.booleans(), st.sampled_from([None, 2]))
def test_json_is_read_as_it_was_written(value: Any, ascii_only: bool, indent: int | None) -> None:
    """Whatever JSON a client writes, in any layout, is read as the same, to the last digit."""
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert strict_json(body) == json.loads(body, parse_float=Decimal)


@given(st.binary() | st.text('{}[]",:0123456789eE+-.\\udnultrefas \n').map(str.encode))
def test_bytes_are_refused_or_are_json(body: bytes) -> None:
    """Any bytes are either refused as no JSON, or mean to `json` what they mean here."""
    refused = refusal(body)
    if refused is None:
        exact = json.loads(body, parse_float=Decimal)
        assert json.dumps(strict_json(body), default=str) == json.dumps(exact, default=str)
    else:
        assert refused.code == "invalid-json"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[NaN]", "NaN is no JSON number."),
        (b'{"a":{"b":1,"b":1}}', "an object has the same name twice."),
        (b'{"a":1,"\\u0061":1}', "an object has the same name twice."),
        (b"[" * 100_000, "it is nested too deeply."),
        (b'["\\ud800"]', "it has half of a surrogate pair."),
        (b'{"\\udfff":1}', "it has half of a surrogate pair."),
        (b'["\xff"]', "it is not UTF-8 at byte 2."),
        (b"[1 2]", "Expecting ',' delimiter at character 3."),
        (b"9" * 5000, "a number is too long."),
        (b"1e99999999999999999999", "a number is too long."),
    ],
)
def test_refusals_say_why(body: bytes, reason: str) -> None:
    """The detail of a refusal tells what is wrong with the body."""
    refused = refusal(body)
    assert refused is not None
    assert refused.detail == f"The body is not strict JSON: {reason}"


@given(st.text('{}[]",:0123456789eE+-.\\u \n'), st.text('{}[]",:0123456789eE+-.\\u \n'))
@example('{"', '":1,"canary":1}')
@example('{"a":', "}")
def test_refusals_do_not_repeat_the_body(before: str, after: str) -> None:
    """The detail of a refusal never has any of the body's words."""
    refused = refusal(f"{before}canary{after}".encode())
    assert refused is None or "canary" not in refused.detail


def test_bodies_up_to_a_mebibyte_are_read() -> None:
    """The longest body is read, and one byte more is not."""
    assert json_body(request(b"1".ljust(MAX_BODY))) == 1
    with pytest.raises(BodyTooLarge):
        json_body(request(b"1".ljust(MAX_BODY + 1)))


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/json"}, {"content-type": ""}])
def test_bodies_are_declared(headers: Mapping[str, str]) -> None:
    """A body without JSON's content type is not read."""
    with pytest.raises(UnsupportedMediaType):
        json_body(request(b"1", headers))


GZIP = {**JSON_HEADERS, "content-encoding": "gzip"}


def test_compressed_bodies_are_read_up_to_the_limit() -> None:
    """What counts is the size that comes out; no more than a byte beyond it ever does."""
    assert json_body(request(gzip.compress(b"1".ljust(MAX_BODY)), GZIP)) == 1
    for size in (MAX_BODY + 1, 50 * MAX_BODY):
        with pytest.raises(BodyTooLarge):
            json_body(request(gzip.compress(b"1".ljust(size)), GZIP))


def test_a_body_that_api_gateway_decompressed_is_read() -> None:
    """It does so by itself, and may hand the header on."""
    for plain in (b"{}", b"[]", b" {}", b"\r\n\t{}"):
        assert json_body(request(plain, GZIP)) in ({}, [])


@pytest.mark.parametrize("window", range(9, 16))
def test_deflate_is_read_whatever_its_window(window: int) -> None:
    """A smaller window has another first byte."""
    deflate = zlib.compressobj(wbits=window)
    body = deflate.compress(b"{}") + deflate.flush()
    assert json_body(request(body, {**JSON_HEADERS, "content-encoding": "deflate"})) == {}


@pytest.mark.parametrize("body", [b"1", b"\xff", b"\x28\x53", zlib.compress(b"{}", wbits=-15)])
def test_what_cannot_be_inflated_is_not_what_was_declared(body: bytes) -> None:
    with pytest.raises(UnsupportedMediaType):
        json_body(request(body, GZIP))


@given(st.binary(max_size=40))
@example(gzip.compress(b"1")[:-1])
@example(gzip.compress(b"1") * 2)
def test_bytes_that_are_called_compressed(body: bytes) -> None:
    """Whatever they are, they are read or refused."""
    for start in (b"", b"\x1f\x8b", b"\x1f\x8b\x08", b"\x78\x9c"):
        with suppress(InvalidInput, UnsupportedMediaType):
            json_body(request(start + body, GZIP))


def test_compressed_bodies_have_to_say_so() -> None:
    """And by one coding alone."""
    with pytest.raises(InvalidInput):
        json_body(request(gzip.compress(b"1"), JSON_HEADERS))
    for coding in ("br", "gzip, gzip", "gzip;q=1", "*"):
        with pytest.raises(UnsupportedMediaType):
            json_body(request(gzip.compress(b"1"), {**GZIP, "content-encoding": coding}))


@given(st.integers(0, 2**64), st.integers(0, 30))
@example(2**53 + 1, 1)
def test_integers_are_known_in_any_form(number: int, places: int) -> None:
    """However they are written; and a number beside them is none."""
    moved = f"{number}{'0' * places}e-{places}"
    assert integer_of(Decimal(moved), 0, 2**64) == number
    assert integer_of(Decimal(f"{number}.{'0' * places}"), 0, 2**64) == number
    assert integer_of(Decimal(f"{number}.{'0' * places}1"), 0, 2**64) is None


# Parameters


@given(st.integers(1, MAX_CURSOR))
@example(1)
@example(MAX_CURSOR)
def test_every_cursor_is_read(cursor: int) -> None:
    """A cursor's plain digits are read as the cursor."""
    assert cursor_of(str(cursor), "before") == cursor


def is_written_as_a_cursor(text: str) -> bool:
    plain = text.isascii() and text.isdigit() and not text.startswith("0")
    return plain and len(text) <= len(str(MAX_CURSOR)) and int(text) <= MAX_CURSOR


@given(number_like | st.text() | st.integers().map(str))
@example("0")
@example(str(MAX_CURSOR + 1))
@example("9" * 5000)
@example("007")
@example("7\n")
def test_nothing_else_is_a_cursor(text: str) -> None:
    """A text that is not exactly how a cursor is written is refused, by the parameter's name."""
    assume(not is_written_as_a_cursor(text))
    with pytest.raises(InvalidInput) as refused:
        cursor_of(text, "before")
    assert [error.where for error in refused.value.errors] == ["before"]


def test_a_position_may_be_zero() -> None:
    """Where 0 is allowed it is read, and nothing below."""
    assert cursor_of("0", "after", least=0) == 0
    with pytest.raises(InvalidInput):
        cursor_of("-0", "after", least=0)


@pytest.mark.parametrize("given_text", ["0", str(MAX_LIMIT + 1), "", "+1", "１", "1.0", " 1"])
def test_limits_out_of_bounds_are_refused(given_text: str) -> None:
    """A limit is plain digits from 1 to the largest."""
    with pytest.raises(InvalidInput):
        Query.of(request(query={"limit": [given_text]}), "limit").limit()


def test_limits_within_bounds_are_read() -> None:
    """The least, the largest and the missing limit are what they should be."""
    for query, limit in [
        ({"limit": ["1"]}, 1),
        ({"limit": [str(MAX_LIMIT)]}, MAX_LIMIT),
        ({}, DEFAULT_LIMIT),
    ]:
        assert Query.of(request(query=query), "limit").limit() == limit


@pytest.mark.parametrize("query", [{"user": ["bob"]}, {"limit": ["1", "1"]}, {"limit": []}])
def test_parameters_are_known_and_given_once(query: Mapping[str, Sequence[str]]) -> None:
    """An unknown or repeated parameter is refused."""
    with pytest.raises(InvalidInput):
        Query.of(request(query=query), "limit")


def test_refusals_of_parameters_are_short() -> None:
    """A parameter's name is told back up to a length only."""
    with pytest.raises(InvalidInput) as refused:
        Query.of(request(query={"n" * 5000: ["1"]}))
    assert refused.value.errors[0].where == "n" * 100


@given(st.text(max_size=300))
@example("k" * 255)
@example("k" * 256)
@example("")
@example("a b")
@example("key\n")
def test_idempotency_keys_are_visible_ascii(key: str) -> None:
    """A key of 1 to 255 visible ASCII characters is taken as it is, any other is refused."""
    sent = request(headers={"idempotency-key": key})
    if 1 <= len(key) <= 255 and all("!" <= character <= "~" for character in key):
        assert idempotency_key(sent) == key
    else:
        with pytest.raises(InvalidInput):
            idempotency_key(sent)


def test_a_key_may_be_missing() -> None:
    """Without the header there is no key."""
    assert idempotency_key(request(headers={})) is None
