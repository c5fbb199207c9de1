"""An operation's event, read strictly: a wrong field is named, and nothing is done."""

import re
from collections.abc import Mapping
from typing import Any, Self

from chalicelib.model.entries import MAX_CURSOR, Cursor, UserId
from chalicelib.model.errors import InvalidEvent
from chalicelib.model.user_keys import user_id
from chalicelib.store.users import Registration

USER = re.compile("[A-Za-z0-9_-]{43}")
TIMESTAMP = re.compile(r"[0-9TZ:.-]{1,40}")
MAX_SUBJECT = 1_000


class Event:
    """The fields of one JSON object; each is taken by its name, and `end` refuses what is left."""

    def __init__(self, fields: Any, issuer: str, path: str = "") -> None:
        if not isinstance(fields, Mapping):
            raise InvalidEvent(path.rstrip(".") or "event", "Give a JSON object.")
        self._left = dict(fields)
        self._issuer = issuer
        self._path = path
        self._known: list[str] = []

    def user(self) -> UserId:
        """The user, named by the tables' key or by the token's subject."""
        user, subject = self._take("user"), self._take("subject")
        if (user is None) == (subject is None):
            raise self._wrong("user", "Give user (the tables' key) or subject (the token's).")
        if user is None:
            return user_id(self._issuer, self._text("subject", subject))
        if not isinstance(user, str) or not USER.fullmatch(user):
            raise self._wrong("user", "Give the 43 letters, digits, - or _ of a user_id.")
        return UserId(user)

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        value = self._take(name)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._wrong(name, f"Give a whole number from {least} to {most}.")
        return value

    def cursor(self, name: str) -> Cursor | None:
        value = self.whole(name, -1, 0, MAX_CURSOR)
        return None if value < 0 else Cursor(value)

    def part(self, name: str) -> Self | None:
        """A field that is itself an object; the caller ends it too."""
        value = self._take(name)
        return None if value is None else type(self)(value, self._issuer, f"{self._path}{name}.")

    def registration(self) -> Registration:
        user = self.user()
        registered_at = self._text("registeredAt", self._take("registeredAt"))
        if not TIMESTAMP.fullmatch(registered_at):
            raise self._wrong("registeredAt", "Give it as an earlier answer's resume has it.")
        return Registration(user, registered_at)

    def end(self) -> None:
        for name in self._left:
            known = ", ".join(self._known) or "no fields"
            raise self._wrong(str(name)[:100], f"Leave it out; this takes {known}.")

    def _take(self, name: str) -> Any:
        self._known.append(name)
        return self._left.pop(name, None)

    def _text(self, name: str, value: Any) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= MAX_SUBJECT:
            raise self._wrong(name, f"Give text of 1 to {MAX_SUBJECT} characters.")
        return value

    def _wrong(self, name: str, detail: str) -> InvalidEvent:
        return InvalidEvent(self._path + name, detail)
