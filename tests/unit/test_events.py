"""Events of the operations: read strictly, one field after another."""

from typing import Any

import pytest

from chalicelib.model.entries import Cursor
from chalicelib.model.errors import InvalidEvent
from chalicelib.model.user_keys import user_id
from chalicelib.operations.counts import counts_of, finished, to_be_resumed
from chalicelib.operations.event import Event
from chalicelib.operations.walk import Place
from chalicelib.store.users import Registration
from tests.support import ALICE

ISSUER = "https://issuer.example"
SINCE = "2026-01-01T00:00:00.000Z"


def event(fields: Any) -> Event:
    return Event(fields, ISSUER)


def wrong(fields: Any) -> InvalidEvent:
    """The error about a field that is left over."""
    read = event(fields)
    read.user()
    with pytest.raises(InvalidEvent) as caught:
        read.end()
    return caught.value


def test_a_user_by_key_or_by_subject() -> None:
    """The key is taken as it is; a subject is hashed with the issuer."""
    assert event({"user": ALICE}).user() == ALICE
    assert event({"subject": "alice"}).user() == user_id(ISSUER, "alice")
    assert event({"subject": "\ud800"}).user() == user_id(ISSUER, "\ud800")


def test_what_is_left_over_is_named_with_what_is_taken() -> None:
    """So that a misspelt field can be put right at once."""
    assert (
        str(wrong({"user": ALICE, "curser": 3}))
        == "curser: Leave it out; this takes user, subject."
    )


def test_nothing_is_taken() -> None:
    """An event without any fields says so."""
    with pytest.raises(InvalidEvent, match="this takes no fields"):
        event({"a": 1}).end()


def test_null_is_as_good_as_absent() -> None:
    """Consoles and templates like to fill in null."""
    read = event({"user": ALICE, "cursor": None, "limit": None, "counts": None})
    assert (read.user(), read.cursor("cursor")) == (ALICE, None)
    assert read.whole("limit", 7, 1, 9) == 7
    assert counts_of(read, "one") == {"one": 0}
    read.end()


def test_the_callers_event_stays_as_it_is() -> None:
    """Taking a field does not take it from the caller's own."""
    fields = {"user": ALICE}
    event(fields).user()
    assert fields == {"user": ALICE}


@pytest.mark.parametrize(("value", "is_taken"), [(0, False), (1, True), (9, True), (10, False)])
def test_bounds_belong_to_the_range(value: int, is_taken: bool) -> None:
    """The least and the most are taken; beyond them nothing is."""
    if is_taken:
        assert event({"n": value}).whole("n", 5, 1, 9) == value
        return
    with pytest.raises(InvalidEvent, match=r"^n: Give a whole number from 1 to 9\."):
        event({"n": value}).whole("n", 5, 1, 9)


def test_counts_go_on_from_a_resume() -> None:
    """What an answer counted is where the next call begins."""
    counts = counts_of(event({}), "a", "b")
    counts["a"] += 2
    answer = to_be_resumed({"user": ALICE}, counts, user=ALICE)
    assert answer == {
        "done": False,
        "resume": {"user": ALICE, "counts": {"a": 2, "b": 0}},
        "a": 2,
        "b": 0,
        "user": ALICE,
    }
    following = counts_of(event(answer["resume"]), "a", "b")
    following["a"] += 1
    assert finished(following, user=ALICE) == {"done": True, "a": 3, "b": 0, "user": ALICE}
    assert answer["resume"]["counts"]["a"] == 2


@pytest.mark.parametrize("cursor", [None, Cursor(0), Cursor(7)])
def test_a_place_is_read_as_it_was_written(cursor: Cursor | None) -> None:
    """Also one at cursor 0, which is not the same as none."""
    place = Place(Registration(ALICE, SINCE), cursor)
    assert Place.of(event(place.to_json())) == place


def test_no_place_is_the_beginning() -> None:
    """A walk that has not come to anyone begins anew."""
    assert Place().to_json() == {}
    assert Place.of(event({})) == Place()
