"""What an Idempotency-Key stands for: the same content is known again, also by a later version."""

from collections.abc import Sequence
from typing import NamedTuple, cast

import pytest

from chalicelib.model.entries import Cursor, Payload, UserId
from chalicelib.model.errors import IdempotencyKeyReused
from chalicelib.store.idempotency import IdempotentRequest, idempotent_request, new_marker, replay
from chalicelib.store.items import marker_to_item

ROUTE = "POST /api/images"
IMAGE = Payload("a fox", "https://images.example/1.png", None, "7", None)
FORMER = "a67f192f2b9c04391d0b7ae54bcab8258c8ccba7949383376ca9cc1191e14dec"
"""What older code stored for that image: the hash of a list of five fields."""


class Later(NamedTuple):
    """A payload to which a version adds a field, before the others."""

    parent: str | None
    prompt: str
    image_url: str
    model: str | None = None
    seed: str | None = None
    steps: int | None = None


def later(parent: str | None) -> Payload:
    return cast(Payload, Later(parent, *IMAGE))


def request(*payloads: Payload, route: str = ROUTE) -> IdempotentRequest:
    return idempotent_request("a key", route, payloads)


STORED_BEFORE = IdempotentRequest("a key", ROUTE, FORMER)


def is_replayed(stored: IdempotentRequest, *payloads: Payload, route: str = ROUTE) -> bool:
    marker = new_marker(UserId("u"), stored, "r", Cursor(1), "2026-11-25T00:00:00.000Z", 0)
    try:
        return bool(replay(marker_to_item(marker), request(*payloads, route=route), payloads))
    except IdempotencyKeyReused:
        return False


def test_a_field_that_is_added_and_absent_changes_nothing() -> None:
    assert request(later(None)).fingerprint == request(IMAGE).fingerprint
    assert is_replayed(request(IMAGE), later(None))


def test_a_marker_of_an_older_version_still_matches() -> None:
    assert is_replayed(STORED_BEFORE, IMAGE)
    assert is_replayed(STORED_BEFORE, later(None))


@pytest.mark.parametrize(
    ("payloads", "route"),
    [
        ([later("an older image")], ROUTE),
        ([IMAGE._replace(steps=30)], ROUTE),
        ([IMAGE._replace(model="7", seed=None)], ROUTE),
        ([IMAGE, IMAGE], ROUTE),
        ([IMAGE], "POST /api/images/batch"),
    ],
    ids=["a new field", "one more field", "another field", "more images", "another route"],
)
def test_other_content_is_refused_by_markers_old_and_new(
    payloads: Sequence[Payload], route: str
) -> None:
    assert not is_replayed(request(IMAGE), *payloads, route=route)
    assert not is_replayed(STORED_BEFORE, *payloads, route=route)
