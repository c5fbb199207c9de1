"""Users, cursors and entries as frozen values, without any I/O.

A user's images form a log. What stands at a cursor of the log is an *entry*, of one of three kinds:

- ``image``: a saved image, with its payload;
- ``deletion``: names the earlier cursor whose image it deletes;
- ``erased``: the tombstone that a deleted image leaves at its own cursor: all but the payload.

Entries are never removed, so the cursors of a user are 1, 2, 3 … without a gap.
"""

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, NewType

from chalicelib.model.row_versions import html_safe

UserId = NewType("UserId", str)
"""A user's key in every table: 43 characters, made by `chalicelib.auth.tokens.user_id`."""

Cursor = NewType("Cursor", int)
"""A position in one user's log: 1, 2, 3 … in commit order. 0 stands for "before the first"."""

Mark = NewType("Mark", str)
"""Random text that an entry gets when it is written, and that its copies keep: it tells the entry
from another that stands at the same cursor of another log, such as a restored one."""

NO_MARK = Mark("")
"""Of entries from before there were marks, and of the place before the first entry."""


class Position(NamedTuple):
    """A place in one log: the cursor, and the mark of the entry that stands there."""

    cursor: Cursor
    mark: Mark


Kind = Literal["image", "deletion", "erased"]

START = Cursor(0)
MAX_CURSOR = Cursor(2**53 - 1)
"""The largest integer that JavaScript's numbers hold exactly (ECMA-262, MAX_SAFE_INTEGER)."""


class Payload(NamedTuple):
    """What a user saves; text is kept verbatim.

    `seed` is the decimal text of an integer 0 … 2^64-1 (JavaScript cannot hold it as a number).
    """

    prompt: str
    image_url: str
    model: str | None = None
    seed: str | None = None
    steps: int | None = None


class Image(NamedTuple):
    """A saved image, as the API shows it."""

    cursor: Cursor
    created_at: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands at a cursor of the primary: an image, a deletion, or (neither) a tombstone.

    `request_id` is random per request and tells who wrote the entry. `count` is the number of the
    user's live images once this entry is in the log. `created_at` is UTC, RFC 3339, milliseconds.
    `skip` is how many entries directly below it are no images any more, as far as was known when
    it was written. They never become images again, so who reads downwards may pass them over.
    """

    cursor: Cursor
    request_id: str
    created_at: str
    count: int
    payload: Payload | None = None
    deletes: Cursor | None = None
    mark: Mark = NO_MARK
    skip: int = 0

    @property
    def kind(self) -> Kind:
        return _kind(self.payload is not None, self.deletes)


@dataclass(frozen=True, slots=True)
class Row:
    """What stands at a cursor of a partition: the entry, shaped for reading.

    `image` is the image rendered as the JSON text that the API answers, or None. `outdated` says
    that the table has it in an older form (`chalicelib.model.row_versions`); it means the same.
    """

    cursor: Cursor
    count: int
    image: str | None = None
    deletes: Cursor | None = None
    mark: Mark = NO_MARK
    skip: int = 0
    outdated: bool = field(default=False, compare=False)

    @property
    def kind(self) -> Kind:
        return _kind(self.image is not None, self.deletes)


def _kind(is_image: bool, deletes: Cursor | None) -> Kind:
    if is_image:
        return "image"
    return "erased" if deletes is None else "deletion"


def leading_run(cursors: Iterable[Cursor], after: Cursor) -> int:
    """How many of the cursors, from the first on, are after+1, after+2, …"""
    length = 0
    for expected, cursor in enumerate(cursors, start=after + 1):
        if cursor != expected:
            break
        length += 1
    return length


def is_consecutive(cursors: Sequence[Cursor], step: Literal[1, -1]) -> bool:
    """Whether each cursor differs from the one before it by exactly `step`."""
    return all(b - a == step for a, b in itertools.pairwise(cursors))


def render(image: Image) -> str:
    """The image as the JSON text that the API answers: `chalicelib.model.row_versions.CURRENT`.

    Absent fields are left out.
    """
    payload = image.payload
    members = {
        "cursor": image.cursor,
        "prompt": payload.prompt,
        "imageUrl": payload.image_url,
        "model": payload.model,
        "seed": payload.seed,
        "steps": payload.steps,
        "createdAt": image.created_at,
    }
    present = {name: value for name, value in members.items() if value is not None}
    return html_safe(json.dumps(present, ensure_ascii=False, separators=(",", ":")))
