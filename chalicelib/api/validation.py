"""The rules for an image's fields, each in one place for the parser and for the OpenAPI
document."""

import re
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote

from chalicelib.api.request import integer_of, may_be_rounded
from chalicelib.model.entries import Payload
from chalicelib.model.errors import FieldError, InvalidInput

MAX_PROMPT = 10_000
MAX_URL = 2_048
MAX_MODEL = 200
MAX_SEED = 2**64 - 1
MAX_STEPS = 10_000
MAX_BATCH = 25
MAX_PORT = 65_535
MAX_ERRORS = 50
"""Field errors that one answer names; the search ends there."""


def digits_up_to(most: int) -> str:
    """A pattern of the whole numbers 0 … `most` in plain digits, without leading zeros."""
    text = str(most)
    shorter = f"0|[1-9][0-9]{{0,{len(text) - 2}}}"
    # As long as `most`, equal to it up to a digit and smaller there, whatever comes after.
    smaller = [
        f"{text[:i]}[{0 if i else 1}-{int(digit) - 1}][0-9]{{{len(text) - i - 1}}}"
        for i, digit in enumerate(text)
        if int(digit) > (0 if i else 1)
    ]
    return "|".join([shorter, *smaller, text])


_UNSAFE = r"\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\\"
URL_PATTERN = (
    r"^https://(?:[A-Za-z0-9_][A-Za-z0-9_.\-]*|\[[0-9A-Fa-f:.]+\])"
    rf"(?::(?:{digits_up_to(MAX_PORT)}))?(?:[/?#][^{_UNSAFE}]*)?$"
)
"""https, an ASCII host, no user info; no control, white-space, direction or backslash characters
(browsers read a backslash as a slash). Means the same to Python and to JSON Schema (ECMA-262)."""

SEED_PATTERN = f"^(?:{digits_up_to(MAX_SEED)})$"

_URL = re.compile(URL_PATTERN[:-1])
_SEED = re.compile(SEED_PATTERN[1:-1])


def image_of(body: Any) -> Payload:
    """The one image of ``POST /api/images``; InvalidInput ``invalid-image`` names each field."""
    errors: list[FieldError] = []
    payload = _payload(body, "#", errors)
    return _all_valid([payload], errors)[0]


def images_of(body: Any) -> tuple[Payload, ...]:
    """The images of ``POST /api/images/batch``, 1 to 25, in order; InvalidInput as above."""
    errors: list[FieldError] = []
    images = _members(body, {"images"}, "#", errors).get("images")
    if not isinstance(images, list) or not 1 <= len(images) <= MAX_BATCH:
        errors.append(FieldError("pointer", "#/images", f"Give a list of 1 to {MAX_BATCH} images."))
        images = []
    payloads = [_payload(image, f"#/images/{i}", errors) for i, image in enumerate(images)]
    return _all_valid(payloads, errors)


def _all_valid(
    payloads: Sequence[Payload | None], errors: Sequence[FieldError]
) -> tuple[Payload, ...]:
    if errors:
        raise InvalidInput("invalid-image", "Nothing was saved; see errors.", errors[:MAX_ERRORS])
    return tuple(payload for payload in payloads if payload is not None)


def _payload(value: Any, at: str, errors: list[FieldError]) -> Payload | None:
    members = _members(value, set(_FIELDS), at, errors)
    found = len(errors)
    fields = {}
    for name, (attribute, required, read) in _FIELDS.items():
        if name in members:
            try:
                fields[attribute] = read(members[name])
            except ValueError as error:
                errors.append(FieldError("pointer", f"{at}/{name}", str(error)))
        elif required and isinstance(value, dict):
            errors.append(FieldError("pointer", f"{at}/{name}", "Give it; it is required."))
    complete = len(errors) == found and isinstance(value, dict)
    return Payload(**fields) if complete else None


def _members(value: Any, known: set[str], at: str, errors: list[FieldError]) -> dict[str, Any]:
    if not isinstance(value, dict):
        errors.append(FieldError("pointer", at, "Give a JSON object."))
        return {}
    unknown = (name for name in value if name not in known)
    detail = f"Leave it out; known are: {', '.join(sorted(known))}."
    for name in islice(unknown, max(0, MAX_ERRORS - len(errors))):
        errors.append(FieldError("pointer", f"{at}/{_escaped(name)}", detail))
    return value


def _escaped(name: str) -> str:
    """A member's name inside a JSON pointer inside a URI fragment (RFC 6901, sections 3 and 6)."""
    return quote(name[:100].replace("~", "~0").replace("/", "~1"))


def _text(most: int) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= most:
            raise ValueError(f"Give text of 1 to {most} characters.")
        return value

    return read


def _url(value: Any) -> str:
    text = _text(MAX_URL)(value)
    if not _URL.fullmatch(text):
        raise ValueError(
            "Give a URL that begins with https:// (in small letters) and a plain ASCII host, with "
            f"a port up to {MAX_PORT} if any, without user name or password, spaces, backslashes "
            "or control characters."
        )
    return text


def _seed(value: Any) -> str:
    if may_be_rounded(value):
        raise ValueError(
            "A float has no such digits: the program that wrote it rounded the seed. Give a large "
            "seed as a string of digits."
        )
    number = integer_of(value, 0, MAX_SEED)
    text = value if number is None else str(number)
    if not isinstance(text, str) or not _SEED.fullmatch(text):
        raise ValueError(
            f"Give an integer from 0 to {MAX_SEED}, as a number or as a string of digits."
        )
    return text


def _steps(value: Any) -> int:
    steps = integer_of(value, 1, MAX_STEPS)
    if steps is None:
        raise ValueError(f"Give an integer from 1 to {MAX_STEPS}.")
    return steps


_FIELDS: dict[str, tuple[str, bool, Callable[[Any], Any]]] = {
    "prompt": ("prompt", True, _text(MAX_PROMPT)),
    "imageUrl": ("image_url", True, _url),
    "model": ("model", False, _text(MAX_MODEL)),
    "seed": ("seed", False, _seed),
    "steps": ("steps", False, _steps),
}
"""The API's field, the payload's attribute, whether it is required, and how it is read."""
