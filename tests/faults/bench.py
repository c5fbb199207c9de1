"""One scenario, played again and again from the same beginning, and what it must come to."""

import functools
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.botocore_client import client
from chalicelib.model.entries import UserId
from chalicelib.model.errors import Contended, Unavailable
from chalicelib.store.items import row_from_item
from tests.faults.crashing import Step, Trace
from tests.faults.scenarios import Cast, Scenario, Stage
from tests.support import Intercepted, Store

RETRIES = 3
PAYLOAD = {"prompt", "image_url", "model", "seed", "steps", "image"}
"""What nothing but an image may hold, in either table."""

State = Mapping[str, list[Mapping[str, Any]]]
"""The items of each role in each table; users by their roles, each `request_id` and `mark` by the
place where it stood first."""


@dataclass(frozen=True)
class Outcome:
    """What a client was told in the end, and what the tables then hold."""

    answer: object
    state: State


class Bench:
    def __init__(self, store: Store, scenario: Scenario) -> None:
        self.store = store
        self.scenario = scenario
        self.stage = Stage.of(store)
        cast = Cast.of(uuid.uuid4().hex)
        scenario.prepare(self.stage, cast)
        self._prepared = [
            (table, role, list(self._items(table, user)))
            for table in self._tables()
            for role, user in enumerate(roles(cast))
        ]

    def scene(self) -> Cast:
        """New users, with exactly what the scenario begins with."""
        cast = Cast.of(uuid.uuid4().hex)
        for table, role, items in self._prepared:
            user = {"S": roles(cast)[role]}
            self._put_all(table, [{**item, "user_id": user} for item in items])
        return cast

    @functools.cached_property
    def trace(self) -> Trace:
        """The calls of an undisturbed run."""
        trace: list[Step] = []
        dynamo = Intercepted(self.store.dynamo)
        dynamo.before = lambda operation, request: trace.append(Step.of(operation, request))
        self.scenario.request(Stage(dynamo, self.store.tables), self.scene())
        return tuple(trace)

    @functools.cache  # noqa: B019 (a bench lives as long as its test)
    def undisturbed(self, times: int = 1) -> Outcome:
        """What so many requests come to, one after the other, when nothing is in their way."""
        cast = self.scene()
        answers = [self.scenario.request(self.stage, cast) for _ in range(times)]
        outcome = Outcome(answers[-1], self.state(cast))
        if times == 1:
            shown = self.scenario.shown
            assert self.kinds(cast) == self.scenario.kinds
            assert self.shown_kinds(cast) == (self.scenario.kinds if shown is None else shown)
        return outcome

    def insist(self, stage: Stage, cast: Cast) -> object:
        """A client's tries, until it is told that it is done."""
        for _ in range(RETRIES):
            try:
                return self.scenario.request(stage, cast)
            except (Unavailable, Contended):
                continue
        raise AssertionError("the request is never done")

    def check(self, cast: Cast, answer: object, effects: int = 1) -> None:
        """The client's answer and the tables are those of so many undisturbed requests.

        Also after a sync the partition is the projection of the primary, and a repetition of a
        repeatable request changes nothing.
        """
        expected = self.undisturbed(effects)
        assert answer == expected.answer
        assert self.state(cast) == expected.state
        if self.scenario.repeatable:
            assert self.scenario.request(self.stage, cast) == answer
            assert self.state(cast) == expected.state
        for user in roles(cast):
            self.stage.sync(user)
            self.check_projection(user)

    def check_beside(self, cast: Cast, prompt: str) -> None:
        """The tables are those of one undisturbed request and one save of the prompt, whichever
        came first: no image lost or doubled, no hole, and exact counts."""
        entries = self.entries(cast)
        live = 0
        for cursor, entry in enumerate(entries, start=1):
            live += -1 if entry["kind"]["S"] == "deletion" else 1
            assert (entry["cursor"]["N"], entry["count"]["N"]) == (str(cursor), str(live))
        alone = self.undisturbed().state["alice in 0"]
        assert prompts(entries) == sorted([*prompts(alone), prompt])
        assert sorted(self.kinds(cast)) == sorted(self.scenario.kinds + "i")
        self.stage.sync(cast.alice)
        self.check_projection(cast.alice)

    def check_projection(self, user: UserId) -> None:
        """Told without the product's own projection: by what readers are promised."""
        entries = list(self._items(self.store.tables.primary, user))
        rows = list(self._items(self.store.tables.partition, user))
        assert [projected(entry) for entry in entries] == [shown(row) for row in rows]
        for item in (*entries, *rows):
            assert item["kind"]["S"] == "image" or not PAYLOAD & set(item)

    def state(self, cast: Cast) -> State:
        places: dict[str, int] = {}
        return {
            f"{role} in {number}": [
                normal(item, places) for item in self._items(table, getattr(cast, role))
            ]
            for number, table in enumerate(self._tables())
            for role in ("alice", "bob")
        }

    def kinds(self, cast: Cast) -> str:
        return letters(self._items(self.store.tables.primary, cast.alice))

    def shown_kinds(self, cast: Cast) -> str:
        return letters(self._items(self.store.tables.partition, cast.alice))

    def entries(self, cast: Cast) -> list[Mapping[str, Any]]:
        """Alice's entries in the primary, as they are stored."""
        return list(self._items(self.store.tables.primary, cast.alice))

    def _tables(self) -> tuple[str, ...]:
        names = self.store.tables
        return (names.primary, names.partition, names.idempotency)

    def _items(self, table: str, user: str) -> Iterator[Mapping[str, Any]]:
        start: dict[str, Any] = {}
        while True:
            found = self.store.dynamo.query(
                TableName=table,
                KeyConditionExpression="user_id = :user",
                ExpressionAttributeValues={":user": {"S": user}},
                ConsistentRead=True,
                **start,
            )
            yield from found["Items"]
            if "LastEvaluatedKey" not in found:
                return
            start = {"ExclusiveStartKey": found["LastEvaluatedKey"]}

    def _put_all(self, table: str, items: Sequence[Mapping[str, Any]]) -> None:
        for first in range(0, len(items), 25):
            puts = [{"PutRequest": {"Item": item}} for item in items[first : first + 25]]
            assert not database().batch_write_item(RequestItems={table: puts})["UnprocessedItems"]


@functools.cache
def database() -> Any:
    """botocore's client: what scenes are set with, beside the product."""
    return client("dynamodb")


def letters(items: Iterable[Mapping[str, Any]]) -> str:
    return "".join(item["kind"]["S"][0] for item in items)


def prompts(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted(entry["prompt"]["S"] for entry in entries if "prompt" in entry)


def roles(cast: Cast) -> tuple[UserId, UserId]:
    return (cast.alice, cast.bob)


def normal(item: Mapping[str, Any], places: dict[str, int]) -> Mapping[str, Any]:
    """The item with what is random told by where it stood first."""
    named = {**item, "user_id": ""}
    for random in ("idem", "mark"):
        if random in item:
            named[random] = places.setdefault(item[random]["S"], len(places))
    return named


def projected(entry: Mapping[str, Any]) -> object:
    """What a partition must hold for an entry of the primary."""
    image = None
    if entry["kind"]["S"] == "image":
        names = {"prompt": "prompt", "image_url": "imageUrl", "seed": "seed"}
        image = {there: entry[here]["S"] for here, there in names.items() if here in entry}
        image |= {"cursor": int(entry["cursor"]["N"]), "createdAt": entry["created_at"]["S"]}
    deletes = entry.get("deletes", {}).get("N")
    return (entry["cursor"], entry["kind"], entry["count"], image, deletes)


def shown(item: Mapping[str, Any]) -> object:
    row = row_from_item(item)
    image = None if row.image is None else json.loads(row.image)
    deletes = item.get("deletes", {}).get("N")
    return (item["cursor"], item["kind"], item["count"], image, deletes)
