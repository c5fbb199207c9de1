"""What is known of one user: the log as it was decided, and what of it is shown.

It shares no code with the product, but for the words of its values: whoever is to judge the product
must not go by the product's own rules.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.dynamodb.protocol import Item
from chalicelib.model.entries import UserId
from chalicelib.model.row_versions import CURRENT

PAYLOAD = ("prompt", "image_url", "model", "seed", "steps")
ESCAPED = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})
FIRST_FORM = 1


def number(item: Item, name: str) -> int:
    return int(item[name]["N"])


def kind_of(item: Item | None) -> str:
    return "nothing" if item is None else str(item["kind"]["S"])


def rendered(item: Item) -> str:
    """An image of the primary as the JSON that a reader gets, in the first form."""
    texts = {
        name: item[name]["S"] for name in ("prompt", "image_url", "model", "seed") if name in item
    }
    members = {
        "cursor": number(item, "cursor"),
        "prompt": texts.get("prompt"),
        "imageUrl": texts.get("image_url"),
        "model": texts.get("model"),
        "seed": texts.get("seed"),
        "steps": number(item, "steps") if "steps" in item else None,
        "createdAt": item["created_at"]["S"],
    }
    present = {name: value for name, value in members.items() if value is not None}
    return json.dumps(present, ensure_ascii=False, separators=(",", ":"))


def row_of(item: Item, version: int = CURRENT) -> dict[str, Any]:
    """The partition's item that an item of the primary must become."""
    names = ("user_id", "cursor", "kind", "count", "mark", "skip")
    row = {name: dict(item[name]) for name in names if name in item}
    if kind_of(item) == "erased":
        return row
    row["version"] = {"N": str(version)}
    if kind_of(item) == "deletion":
        return {**row, "deletes": dict(item["deletes"])}
    text = rendered(item)
    return {**row, "image": {"S": text if version == FIRST_FORM else text.translate(ESCAPED)}}


def tombstone_of(item: Item) -> dict[str, Any]:
    """What an image of the primary must become when it is deleted."""
    kept = {name: value for name, value in item.items() if name not in PAYLOAD}
    return {**kept, "kind": {"S": "erased"}}


@dataclass
class Copy:
    """One of a user's two logs: as decided, as shown, and what was decided but not shown yet."""

    truth: dict[int, Item] = field(default_factory=dict)
    shown: dict[int, Item] = field(default_factory=dict)
    tail: int = 0
    shown_tail: int = 0
    pending: int = 0
    disturbed: int = 0


@dataclass
class Ledger:
    """`images` and `rows` keep each image as it was saved; `forgotten` are those whose deletion
    was answered; `acked` is the highest cursor that was."""

    user: UserId
    primary: Copy = field(default_factory=Copy)
    partition: Copy = field(default_factory=Copy)
    images: dict[int, Item] = field(default_factory=dict)
    rows: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    deleted_by: dict[int, int] = field(default_factory=dict)
    forgotten: set[int] = field(default_factory=set)
    acked: int = 0

    def fold(self, cursor: int) -> set[int]:
        """The images that live once the feed is followed up to the cursor."""
        return {
            image
            for image in self.images
            if image <= cursor and self.deleted_by.get(image, cursor + 1) > cursor
        }

    def text(self, cursor: int) -> str | None:
        """The image as a reader must get it, also when it is deleted by now."""
        row = self.rows.get(cursor)
        return None if row is None else str(row["image"]["S"])
