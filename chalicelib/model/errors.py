"""The errors of the product. `chalicelib.api.problems` turns them into HTTP."""

from collections.abc import Sequence
from typing import Literal, NamedTuple


class ImageStorageError(Exception):
    """The base of all errors that a caller can act on. It never contains a payload or a token."""


class ConfigError(ImageStorageError):
    """The deployment's settings are wrong; the message names the variable and what it must be."""


class FieldError(NamedTuple):
    """One wrong value: where it is, and what to do about it.

    `where` is a JSON pointer into the body (RFC 6901, as a URI fragment), or a parameter's or
    header's name, as `member` says.
    """

    member: Literal["pointer", "parameter", "header"]
    where: str
    detail: str


class InvalidInput(ImageStorageError):
    """Values that were sent are wrong; nothing was done. `code` is stable."""

    def __init__(self, code: str, detail: str, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)


class InvalidEvent(ImageStorageError):
    """A field of an operation's event is wrong; nothing was done."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.detail = detail


class UnsupportedMediaType(ImageStorageError):
    """The body is not declared as UTF-8 JSON."""


class BodyTooLarge(ImageStorageError):
    """The body is longer than the API takes."""


class Unauthenticated(ImageStorageError):
    """The bearer token does not prove who the caller is. `reason` is safe to show and to log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeysUnavailable(ImageStorageError):
    """The issuer's signing keys were never reached, so no token can be judged."""


class ImageNotFound(ImageStorageError):
    """No image stands there for this user: never was, deleted, not synced yet, or another's.

    `cursors` are those of a deletion at which no image ever stood.
    """

    def __init__(self, cursors: Sequence[int] = ()) -> None:
        super().__init__(*cursors)
        self.cursors = tuple(cursors)


class IdempotencyKeyReused(ImageStorageError):
    """This Idempotency-Key was used within its lifetime for other content."""


class Contended(ImageStorageError):
    """Nothing was saved or deleted: others were faster at every try, or time ran out before one."""


class Unavailable(ImageStorageError):
    """The database did not give a sure answer in time. A write may or may not have happened."""


class NotSyncedYet(ImageStorageError):
    """The partition has not reached the cursor that the reader asked for."""


class ResyncRequired(ImageStorageError):
    """The reader's position is not in this log: its cursor lies beyond the tail, or the entry there
    has another mark. It must start over from nothing."""


class LogDamaged(ImageStorageError):
    """A user's log is not as the product writes it: somebody changed the table by hand.

    `what` tells what is wrong at the log's `cursor` (None if untold), without content; `beyond` is
    the cursor from which the log can be read on.
    """

    def __init__(
        self,
        log: Literal["primary", "partition"],
        cursor: float | None,
        what: str,
        beyond: float = 0,
    ) -> None:
        place = "somewhere" if cursor is None else f"at cursor {cursor}"
        super().__init__(f"The {log} is damaged {place}: {what}.")
        self.log = log
        self.cursor = cursor
        self.what = what
        self.beyond = beyond


class HoleFound(LogDamaged):
    """A log did not read as consecutive cursors, however often it was read."""

    def __init__(
        self,
        log: Literal["primary", "partition"],
        cursor: float | None = None,
        beyond: float = 0,
    ) -> None:
        super().__init__(log, cursor, "it has no entry there, though it has later ones", beyond)


class Unreadable(LogDamaged):
    """An entry lacks something, has it in another type, or is of a kind that is not known."""

    def __init__(self, log: Literal["primary", "partition"], cursor: float) -> None:
        super().__init__(log, cursor, "its entry cannot be read", beyond=cursor)
