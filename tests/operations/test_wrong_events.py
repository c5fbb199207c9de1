"""A wrong event is an error that names the field, and nothing is done."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chalicelib.model.entries import MAX_CURSOR
from chalicelib.model.errors import InvalidEvent
from chalicelib.model.user_keys import user_id
from chalicelib.operations import OPERATIONS
from chalicelib.operations.sweep import MIN_READ_UNITS
from tests.operations.support import ISSUER, Rig
from tests.support import ALICE, Store

EVENTS = Path(__file__).parents[2] / "events"
OF_A_USER = [
    "sync_user",
    "get_images_for_user",
    "rebuild_partition",
    "verify_user",
    "export_user",
    "erase_user",
]
OF_ALL = ["verify_all", "migrate", "sweep", "redrive_dead_letters"]
WALKS = ["verify_all", "migrate", "sweep"]
WITH_CURSOR = ["get_images_for_user", "rebuild_partition", "verify_user", "export_user"]
PLACE = {"user": ALICE, "registeredAt": "2026-01-01T00:00:00.000Z"}
NO_OBJECTS: list[Any] = [1, "text", [], True]
NO_NUMBERS: list[Any] = [True, False, -1, MAX_CURSOR + 1, 1.0, "1", [], {}]
NO_USERS: list[Any] = [1, True, "", "short", ALICE + "a", "a" * 42 + "\n", "é" * 43, [ALICE], {}]


def refused(store: Store, name: str, event: Any) -> str:
    """The field that the error names; nothing was asked of the database's writes."""
    rig = Rig.on(store)
    with pytest.raises(InvalidEvent) as caught:
        rig.call(name, event)
    assert set(rig.calls) <= {"query"}
    assert str(caught.value).startswith(f"{caught.value.field}: ")
    assert len(str(caught.value)) < 300
    return caught.value.field


def event_of(name: str) -> dict[str, Any]:
    return {"user": ALICE} if name in OF_A_USER else {}


def test_events_are_of_these_operations() -> None:
    """Each operation is in one of the lists here, and has a sample event."""
    assert sorted(OPERATIONS) == sorted(OF_A_USER + OF_ALL)
    assert sorted(path.stem for path in EVENTS.glob("*.json")) == sorted(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_events_of_the_samples_are_taken(store: Store, name: str) -> None:
    """The event that lies ready for the console works as it stands."""
    assert Rig.on(store).finish(name, json.loads((EVENTS / f"{name}.json").read_text()))["done"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_events_that_are_no_object(store: Store, name: str) -> None:
    """Whatever else JSON can be is no event."""
    for event in (None, [{"user": ALICE}], *NO_OBJECTS):
        assert refused(store, name, event) == "event"


@pytest.mark.parametrize("name", OPERATIONS)
def test_events_with_an_unknown_field(store: Store, name: str) -> None:
    """A field that is not taken is named: a misspelt one must not be passed over."""
    assert refused(store, name, event_of(name) | {"usr": ALICE}) == "usr"
    assert refused(store, name, event_of(name) | {"x" * 1000: 1}) == "x" * 100


@pytest.mark.parametrize("name", OF_A_USER)
def test_events_about_no_or_two_users(store: Store, name: str) -> None:
    """Either user or subject must be given."""
    assert refused(store, name, {}) == "user"
    assert refused(store, name, {"user": ALICE, "subject": "alice"}) == "user"
    assert refused(store, name, {"user": None, "subject": None}) == "user"


@pytest.mark.parametrize("name", OF_A_USER)
def test_events_with_a_wrong_user(store: Store, name: str) -> None:
    """A user's key has 43 of its letters, a subject 1 to 1000 characters of text."""
    for user in NO_USERS:
        assert refused(store, name, {"user": user}) == "user"
    for subject in (1, True, "", "x" * 1001, ["alice"]):
        assert refused(store, name, {"subject": subject}) == "subject"


@pytest.mark.parametrize("name", OF_A_USER)
def test_events_name_a_user_by_subject(store: Store, name: str) -> None:
    """The subject is taken as the issuer's own; the answer tells the key, not the subject."""
    answer = Rig.on(store).finish(name, {"subject": "alice@example"})
    assert answer["user"] == user_id(ISSUER, "alice@example")
    assert "alice@example" not in json.dumps(answer)


@pytest.mark.parametrize("name", OF_ALL)
def test_events_about_all_take_no_user(store: Store, name: str) -> None:
    """Who names a user there would expect something else to happen."""
    assert refused(store, name, {"user": ALICE}) == "user"


@pytest.mark.parametrize("name", WITH_CURSOR)
def test_events_with_a_wrong_cursor(store: Store, name: str) -> None:
    """A cursor is a whole number that JavaScript holds."""
    for value in NO_NUMBERS:
        assert refused(store, name, {"user": ALICE, "cursor": value}) == "cursor"


@pytest.mark.parametrize("name", OPERATIONS)
def test_events_with_wrong_counts(store: Store, name: str) -> None:
    """Counts are those of an earlier answer."""
    event = event_of(name)
    for counts in NO_OBJECTS:
        assert refused(store, name, event | {"counts": counts}) == "counts"
    assert refused(store, name, event | {"counts": {"nothing": 1}}) == "counts.nothing"
    first = next(iter(known_counts(store, name)))
    for value in NO_NUMBERS:
        assert refused(store, name, event | {"counts": {first: value}}) == f"counts.{first}"


def known_counts(store: Store, name: str) -> Mapping[str, int]:
    """As the operation's own resume has them."""
    counts: Mapping[str, int] = Rig.on(store).call(name, event_of(name) | {"counts": {}})
    return {
        field: value
        for field, value in counts.items()
        if field
        not in ("done", "user", "cursor", "behind", "entries", "through", "readUnits", "equal")
        and isinstance(value, int)
    }


@pytest.mark.parametrize("name", WALKS)
def test_events_with_a_wrong_place(store: Store, name: str) -> None:
    """Each field within the place is named with its path."""
    for wrong in NO_OBJECTS:
        assert refused(store, name, {"place": wrong}) == "place"
    for user in NO_USERS:
        assert refused(store, name, {"place": {**PLACE, "user": user}}) == "place.user"
    for moment in (1, "", "x" * 41, "now", "2026\n", None):
        place = {**PLACE, "registeredAt": moment}
        assert refused(store, name, {"place": place}) == "place.registeredAt"
    for value in NO_NUMBERS:
        assert refused(store, name, {"place": {**PLACE, "cursor": value}}) == "place.cursor"
    assert refused(store, name, {"place": {**PLACE, "more": 1}}) == "place.more"
    assert refused(store, name, {"place": {}}) == "place.user"


def test_events_with_a_wrong_limit(store: Store) -> None:
    """A page holds 1 to 100 entries."""
    for limit in (0, 101, *NO_NUMBERS):
        assert refused(store, "get_images_for_user", {"user": ALICE, "limit": limit}) == "limit"


def test_events_with_a_wrong_budget(store: Store) -> None:
    """A sweep may spend from as much on as lets it go further."""
    for units in (0, MIN_READ_UNITS - 1, 10_000_001, *NO_NUMBERS):
        assert refused(store, "sweep", {"readUnits": units}) == "readUnits"


@pytest.mark.parametrize(
    ("resume", "field"),
    [
        ({"through": 3}, "through"),
        ({"through": -1}, "through"),
        ({"deleted": 1}, "deleted"),
        ({"through": 1, "deleted": 2}, "deleted"),
        ({"checked": 1}, "checked"),
        ({"through": 2, "deleted": 1, "checked": 2}, "checked"),
        ({"through": True}, "through"),
    ],
)
def test_events_of_an_erasure_that_fit_no_log(
    store: Store, resume: dict[str, Any], field: str
) -> None:
    """What was checked was deleted before, up to a cursor that is there: else it would never end,
    or leave images out."""
    store.save(ALICE, 2)
    assert refused(store, "erase_user", {"user": ALICE, **resume}) == field
    assert [entry.kind for entry in store.primary_entries(ALICE)] == ["image", "image"]
