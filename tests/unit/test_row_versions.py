"""The forms of rendered images: each older one becomes today's, and says the same."""

import json

import pytest

from chalicelib.model.row_versions import CURRENT, UPGRADES, html_safe, upgraded

DANGEROUS = "<>&\u2028\u2029"
PROMPTS = [
    "<script>alert('&')</script>",
    "a line\u2028and\u2029another",
    'quotes " and \\ and \\< and \\\\<',
    "\\u003c is text here",
    "é \U0001f600 \x00 \x1f \x7f",
    "",
]


def rendered(prompt: str) -> str:
    """As version 1 did it."""
    return json.dumps({"prompt": prompt}, ensure_ascii=False, separators=(",", ":"))


def test_there_is_a_step_from_every_older_version() -> None:
    """No version that was ever stored is left without a way to today's."""
    assert sorted(UPGRADES) == list(range(1, CURRENT))


@pytest.mark.parametrize("prompt", PROMPTS)
def test_version_1_becomes_safe_in_html_and_says_the_same(prompt: str) -> None:
    """Not one of the characters stays, and a JSON reader gets the same text."""
    image = upgraded(rendered(prompt), 1)
    assert not set(image) & set(DANGEROUS)
    assert json.loads(image) == {"prompt": prompt}


@pytest.mark.parametrize("prompt", PROMPTS)
def test_html_safe_again_changes_nothing(prompt: str) -> None:
    """What is escaped already is not escaped twice."""
    once = html_safe(rendered(prompt))
    assert html_safe(once) == once


def test_the_escapes_are_those_of_json() -> None:
    """Four hexadecimal digits each, as RFC 8259 writes them."""
    assert html_safe(f'"{DANGEROUS}"') == '"\\u003c\\u003e\\u0026\\u2028\\u2029"'


@pytest.mark.parametrize("version", [CURRENT, CURRENT + 1, 99])
def test_todays_and_later_forms_stay_as_they_are(version: int) -> None:
    """Also when older code reads them, after a roll-back."""
    assert upgraded('"<"', version) == '"<"'


@pytest.mark.parametrize("version", [0, -3])
def test_a_version_that_never_was_is_taken_for_the_first(version: int) -> None:
    """A number set by hand makes nothing unreadable."""
    assert upgraded('"<"', version) == '"\\u003c"'
