"""Three people whose libraries differ in size, and the marks by which to know what is whose."""

import hashlib
from dataclasses import dataclass
from typing import Any

from chalicelib.model.user_keys import user_id

TAILS = {"ann@people.example": 3, "ben@people.example": 40, "cleo@people.example": 200}
"""Where each one's log ends to begin with: one's cursor may lie beyond another's tail. The names
are long, since a short one may stand in a random `request_id` by chance."""


@dataclass(frozen=True)
class Person:
    """`token` proves to the authorizer who it is. `forgeries` only claim to: Authorization values
    that name this person and must let nobody in."""

    name: str
    issuer: str
    tail: int
    token: str
    forgeries: tuple[str, ...]

    @property
    def user(self) -> str:
        """The key that every call for this person must carry, and no other's may."""
        return user_id(self.issuer, self.name)

    @property
    def canary(self) -> str:
        """A word that stands in everything this person saves, and nowhere else."""
        return "canary" + hashlib.sha256(self.name.encode()).hexdigest()[:20]

    @property
    def marks(self) -> tuple[str, ...]:
        """What must not come before anybody else."""
        return (self.canary, self.user, self.name)

    def image(self, number: int) -> dict[str, Any]:
        return {
            "prompt": f"{self.canary} {number}",
            "imageUrl": f"https://{self.canary}.example/{number}.png",
            "model": self.canary,
        }


People = tuple[Person, ...]


def others(people: People, person: Person) -> People:
    return tuple(other for other in people if other is not person)


def foreign_marks(text: str, people: People, person: Person) -> list[str]:
    """The marks of anybody else that stand in the text."""
    return [mark for other in others(people, person) for mark in other.marks if mark in text]
