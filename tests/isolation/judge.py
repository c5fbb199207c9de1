"""What every answer must keep to, whoever asked for whatever; and a count of what was judged."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.isolation.asked import Answer, Asked, Route
from tests.isolation.people import People, Person, foreign_marks, others

NUMBERS = ("cursor", "next", "count", "deleted")
"""The members of answers that are bounded by the caller's own log."""


@dataclass
class Judge:
    """`longest` bounds each one's log from above: what was put there to begin with, and since."""

    people: People
    longest: Counter[str]
    owners: dict[str, str] = field(default_factory=dict)
    classes: Counter[tuple[Route, str, int]] = field(default_factory=Counter)

    def judge(self, asked: Asked, caller: Person, answer: Answer) -> None:
        assert answer.status < 500, answer
        assert foreign_marks(answer.text, self.people, caller) == [], answer
        if not asked.route.is_public:
            self._judge_content(caller, answer)
            self._judge_tag(asked, caller, answer)
        self.classes[asked.route, caller.user, answer.status // 100] += 1

    def _judge_content(self, caller: Person, answer: Answer) -> None:
        for members in objects(answer.json()):
            if "prompt" in members:
                assert caller.canary in members["prompt"], answer
            for name in NUMBERS:
                assert (members.get(name) or 0) <= self.longest[caller.user], (name, answer)

    def _judge_tag(self, asked: Asked, caller: Person, answer: Answer) -> None:
        """A tag of an answer with content is its owner's; 304 needs a tag that was sent."""
        if answer.etag is None:
            return
        if caller.canary in answer.body:
            self.owners[answer.etag] = caller.user
        assert self.owners.get(answer.etag, caller.user) == caller.user, answer
        if answer.status == 304:
            sent = asked.header("if-none-match") or ""
            assert sent == "*" or answer.etag in sent, (asked, answer)

    def missing(self, all_routes: list[Route], each: int) -> list[str]:
        """What should have been seen by now, for every route and person, and was not."""
        return [
            f"{route}: {lack}"
            for route in all_routes
            for person in self.people
            for lack in self._lacks(route, person, each)
        ]

    def _lacks(self, route: Route, person: Person, each: int) -> Iterator[str]:
        seen = {
            n: many for (r, u, n), many in self.classes.items() if (r, u) == (route, person.user)
        }
        if sum(seen.values()) < each:
            yield f"{sum(seen.values())} requests of {person.name}"
        for status in sorted(expected_classes(route) - set(seen)):
            yield f"no {status}xx for {person.name}"


def expected_classes(route: Route) -> set[int]:
    """The classes of status that generated requests must have led to."""
    if route.is_public:
        return set() if route.parameters else {2}
    return {2, 3, 4} if route.method == "GET" else {2, 4}


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object in the value, at any depth."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from objects(member)


def strangers_tails(people: People, caller: Person) -> list[int]:
    """Cursors that others have, and that lie beyond the caller's tail."""
    longer = [other.tail for other in others(people, caller) if other.tail > caller.tail + 1]
    return sorted({caller.tail + 2, *(tail - 1 for tail in longer), *longer}) if longer else []
