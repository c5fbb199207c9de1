"""Going through all users, in as many calls as it takes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from chalicelib.model.entries import START, Cursor, UserId
from chalicelib.model.timing import Deadline
from chalicelib.operations.event import Event
from chalicelib.store.users import Registration


@dataclass(frozen=True, slots=True)
class Place:
    """Where the walk is: `last` is the user it came to; `cursor`, unless None, how far in there."""

    last: Registration | None = None
    cursor: Cursor | None = None

    @classmethod
    def of(cls, event: Event) -> "Place":
        """The place that an earlier answer's `resume` names, or the beginning."""
        part = event.part("place")
        if part is None:
            return cls()
        place = cls(part.registration(), part.cursor("cursor"))
        part.end()
        return place

    def to_json(self) -> dict[str, Any]:
        if self.last is None:
            return {}
        place: dict[str, Any] = {"user": self.last.user, "registeredAt": self.last.registered_at}
        if self.cursor is not None:
            place["cursor"] = self.cursor
        return {"place": place}


@dataclass(frozen=True, slots=True)
class Walked:
    place: Place
    done: bool


Work = Callable[[UserId, Cursor], Cursor | None]
"""Does one user from a cursor on; answers the cursor to go on from later, None if that was all."""


class Listed(Protocol):
    """`Users.after`."""

    def after(self, last: Registration | None) -> Iterator[Registration]: ...


def walk(users: Listed, place: Place, deadline: Deadline, work: Work) -> Walked:
    """Does the users from the place on, until the deadline."""
    last = place.last
    if last is not None and place.cursor is not None:
        place = Place(last, work(last.user, place.cursor))
        if place.cursor is not None:
            return Walked(place, done=False)
    for registration in users.after(last):
        if deadline.passed():
            return Walked(place, done=False)
        place = Place(registration, work(registration.user, START))
        if place.cursor is not None:
            return Walked(place, done=False)
    return Walked(place, done=True)
