"""What an image may be, and that the document says the same."""

import json
import operator
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from chalicelib.api.openapi import document
from chalicelib.api.request import strict_json
from chalicelib.api.validation import (
    MAX_ERRORS,
    MAX_PROMPT,
    MAX_SEED,
    digits_up_to,
    image_of,
    images_of,
)
from chalicelib.model.entries import Cursor, Image, Payload, render
from chalicelib.model.errors import InvalidInput

URL = "https://images.example/fox.png"
characters = st.characters(exclude_categories=["Cs"])
prompts = st.text(characters, min_size=1, max_size=200)


def is_image(value: Any) -> bool:
    try:
        image_of(value)
    except InvalidInput:
        return False
    return True


def wrong(value: Any) -> list[str]:
    """Where the errors of an image are."""
    with pytest.raises(InvalidInput) as refused:
        image_of(value)
    return [error.where for error in refused.value.errors]


@given(prompts, st.booleans())
@example("🦊" * MAX_PROMPT, True)
@example("\x00", False)
def test_prompts_survive_the_way_in_and_out(prompt: str, ascii_only: bool) -> None:
    """Any prompt, parsed from a request and rendered in an answer, is the same text."""
    body = json.dumps({"prompt": prompt, "imageUrl": URL}, ensure_ascii=ascii_only).encode()
    rendered = render(Image(Cursor(1), "", image_of(strict_json(body))))
    assert json.loads(rendered.encode())["prompt"] == prompt


def test_absent_fields_stay_absent() -> None:
    """What was not given is not made up."""
    assert image_of({"prompt": "p", "imageUrl": URL}) == Payload("p", URL)


@given(st.integers(0, MAX_SEED), st.sampled_from([int, str]))
@example(MAX_SEED, int)
@example(MAX_SEED, str)
@example(0, str)
def test_seeds_become_text(seed: int, form: type) -> None:
    """A seed is taken as a number or as its digits, and becomes its digits."""
    payload = image_of({"prompt": "p", "imageUrl": URL, "seed": form(seed)})
    assert payload.seed == str(seed)


@given(st.integers(10, 2**70), st.data())
@example(MAX_SEED, None)
def test_patterns_of_numbers_have_the_exact_limit(most: int, data: st.DataObject | None) -> None:
    """The pattern for a limit matches the numbers up to it, and no other text of digits."""
    near = most + data.draw(st.integers(-20, 20)) if data else most + 1
    digits = data.draw(st.text("0123456789", min_size=1, max_size=25)) if data else "00"
    validator = jsonschema_rs.validator_for({"pattern": f"^(?:{digits_up_to(most)})$"})
    assert validator.is_valid(str(most))
    assert validator.is_valid(str(near)) == (0 <= near <= most)
    assert validator.is_valid(digits) == (str(int(digits)) == digits and int(digits) <= most)


hosts = st.text("a1.-_:@[]%\\/?#é🦊 \n", max_size=12)
urls = st.builds(
    "{}{}{}".format,
    st.sampled_from(["https://", "https://i.example/", "https://i.example:", "http://", "https:/"]),
    hosts | st.integers(0, 70_000).map(str),
    st.sampled_from(["", "/", "?a", "#a"]) | st.text(characters, max_size=5),
)
halves = st.integers(-3, 20_003).map(lambda number: number / 2)
likely = {
    "prompt": prompts,
    "imageUrl": st.just(URL) | urls,
    "model": st.text(characters, max_size=30),
    "seed": st.integers(-1, 2**64)
    | halves
    | st.integers(0, 2**64).map(str)
    | st.text("0123456789-+ "),
    "steps": st.integers(-1, 10_001) | halves,
}
anything: st.SearchStrategy[object] = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just([])
)
members = st.fixed_dictionaries(
    {"prompt": likely["prompt"], "imageUrl": likely["imageUrl"]},
    optional={name: likely[name] for name in ("model", "seed", "steps")},
)
strange = st.dictionaries(st.sampled_from([*likely, "user"]), anything)
NEW_IMAGE = jsonschema_rs.validator_for({**document(), "$ref": "#/components/schemas/NewImage"})


@settings(max_examples=500)
@given(members)
def test_the_document_takes_the_same_images(value: Any) -> None:
    """The document's schema and the parser agree on what an image is, as JSON writes it."""
    read = strict_json(json.dumps(value).encode())
    event(f"an image: {is_image(read)}")
    assert is_image(read) == NEW_IMAGE.is_valid(value)


@given(st.builds(operator.or_, members, strange) | anything)
def test_the_document_takes_the_same_types(value: Any) -> None:
    """The document's schema and the parser agree where a value is of a wrong type or unknown."""
    assert is_image(strict_json(json.dumps(value).encode())) == NEW_IMAGE.is_valid(value)


@settings(max_examples=500)
@given(urls | st.text(characters).map("https://i.example/".__add__))
def test_the_document_takes_the_same_urls(url: str) -> None:
    """Python's reading of the URL pattern is that of JSON Schema."""
    image = {"prompt": "p", "imageUrl": url}
    event(f"an image: {is_image(image)}")
    assert is_image(image) == NEW_IMAGE.is_valid(image)


def test_all_errors_are_told_in_the_fields_order() -> None:
    """Every wrong field is named, unknown ones first, in the order given."""
    value = {"z": 1, "steps": 0, "prompt": "", "a": 1}
    assert wrong(value) == ["#/z", "#/a", "#/prompt", "#/imageUrl", "#/steps"]


def test_errors_are_cut_off() -> None:
    """A request that is wrong all over gets a bounded list of errors."""
    assert len(wrong({str(number): 1 for number in range(1000)})) == MAX_ERRORS


class Watched(dict[str, Any]):
    """Counts how many of its members were looked at."""

    seen = 0

    def __iter__(self) -> Iterator[str]:
        for name in super().__iter__():
            self.seen += 1
            yield name


def test_once_the_list_is_full_no_more_are_looked_for() -> None:
    """1 MiB of unknown members would cost more than half a second; in a batch, too."""
    members = Watched({str(number): 1 for number in range(1000)})
    assert len(wrong(members)) == MAX_ERRORS
    assert members.seen <= MAX_ERRORS + 1
    batch = [Watched({str(number): 1 for number in range(1000)}) for _ in range(25)]
    with pytest.raises(InvalidInput):
        images_of({"images": batch})
    assert sum(image.seen for image in batch) <= MAX_ERRORS + 25


@given(st.text(characters, min_size=1, max_size=200).filter(lambda name: name not in likely))
def test_pointers_are_ascii(name: str) -> None:
    """An unknown field's name is told as an escaped pointer, cut to a length."""
    (pointer,) = wrong({"prompt": "p", "imageUrl": URL, name: 1})
    assert pointer.isascii()
    assert pointer.isprintable()


def test_batches_keep_their_order() -> None:
    """A batch's images are taken in the order given."""
    batch = {"images": [{"prompt": str(n), "imageUrl": URL} for n in range(25)]}
    assert [payload.prompt for payload in images_of(batch)] == [str(n) for n in range(25)]
