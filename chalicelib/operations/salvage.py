"""Reads a damaged log of record: passes over what is broken, and notes where it was."""

import math
from typing import Any, NamedTuple, cast

from chalicelib.model.entries import MAX_CURSOR, Cursor, Entry, UserId
from chalicelib.model.errors import LogDamaged
from chalicelib.model.timing import Deadline
from chalicelib.store.primary import Primary

BELOW_FIRST = "no entry may stand below 1"

MAX_TOLD = 20
"""Damaged places that one answer names."""


class Part(NamedTuple):
    """Entries, the cursor from which to read on, and whether nothing stood beyond it.

    `broken` is the place before that cursor that has no entry, or none that can be read.
    """

    entries: tuple[Entry, ...]
    cursor: Cursor
    is_all: bool
    broken: LogDamaged | None = None


class Salvage:
    """`damage` is where the log is broken and how, in an answer's form; empty for a sound log."""

    def __init__(self, primary: Primary, user: UserId) -> None:
        self._primary = primary
        self._user = user
        self.damage: list[dict[str, Any]] = []

    def read_after(self, cursor: Cursor, limit: int, deadline: Deadline) -> Part:
        """The next entries that can be read; none where it passes over a hole or a broken entry."""
        try:
            run = self._primary.read_after(self._user, cursor, limit, deadline)
        except LogDamaged as found:
            cursor = cast(Cursor, min(found.beyond, MAX_CURSOR))
            return Part((), cursor, is_all=found.beyond > MAX_CURSOR, broken=found)
        end = run.entries[-1].cursor if run.entries else cursor
        return Part(run.entries, end, run.is_all)

    def note(self, found: LogDamaged) -> None:
        place = damage_fields(found)
        if place not in self.damage and len(self.damage) < MAX_TOLD:
            self.damage.append(place)


def damage_fields(found: LogDamaged) -> dict[str, Any]:
    """Which log, which cursor, and what is wrong there: without content."""
    return {"log": found.log, "cursor": shown(found.cursor), "what": found.what}


def shown(cursor: float | None) -> float | None:
    """A cursor for an answer: one that is no whole number as JSON's float, rounded."""
    return cursor if cursor is None or is_whole(cursor) else float(cursor)


def is_whole(cursor: float) -> bool:
    """Whether a call may end there: a resume is a whole number, and the next must lead on."""
    return cursor == math.floor(cursor)
