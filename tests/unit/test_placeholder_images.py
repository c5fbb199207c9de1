"""The demo library's pictures: well-formed, the same each time, and nothing of a prompt in them."""

from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest

from local.placeholder_images import DRAWN, PATH, SHAPES, drawn, picture, url


@pytest.mark.parametrize("shape", SHAPES)
def test_every_picture_is_well_formed_and_of_the_size_asked_for(shape: tuple[int, int]) -> None:
    for seed in range(60):  # some of each kind
        root = ElementTree.fromstring(picture("a heron", seed, *shape))
        assert (int(root.attrib["width"]), int(root.attrib["height"])) == shape


def test_it_is_the_same_for_the_same_prompt_and_seed_and_another_for_others() -> None:
    assert picture("a heron", 1, 768, 512) == picture("a heron", 1, 768, 512)
    others = [("a heron", 2), ("a fox", 1)]
    assert picture("a heron", 1, 768, 512) not in {picture(*other, 768, 512) for other in others}


def test_a_prompt_is_no_part_of_the_picture() -> None:
    assert "script" not in picture("<script>alert(1)</script>", 1, 768, 512)


def test_an_address_that_an_image_is_saved_with_leads_to_its_picture() -> None:
    parts = urlsplit(url("a heron", 7, 768, 512))
    assert parts.geturl().startswith(DRAWN)
    assert drawn(PATH.rstrip("/") + parts.path, "a heron") == picture("a heron", 7, 768, 512)


@pytest.mark.parametrize("path", ["/drawn/", "/drawn/1x1/1.svg", "/drawn/768x512/x.svg", "/drawn"])
def test_other_paths_have_no_picture(path: str) -> None:
    assert drawn(path, "a heron") is None
