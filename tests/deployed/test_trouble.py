"""Records that the stream's function cannot deal with: to the dead-letter queue, and back."""

from collections import Counter

import pytest

from tests.api.support import picture
from tests.chaos.event_source import Place, place_of
from tests.deployed.event_source import Mapped
from tests.deployed.people import Arrive, Person, shown
from tests.deployed.stack import Stack

SAVES = 6


def test_what_lambda_is_told_about_failures(stack: Stack) -> None:
    """The emulator's event source knows none of it, so this is what AWS would be given."""
    (mapping,) = (
        resource["Properties"]
        for resource in stack.resources().values()
        if resource["Type"] == "AWS::Lambda::EventSourceMapping"
    )
    queue = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    expected = {
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 5,
        "MaximumRecordAgeInSeconds": 3600,
        "DestinationConfig": {"OnFailure": {"Destination": queue}},
        "StartingPosition": "TRIM_HORIZON",
    }
    assert mapping | expected == mapping


@pytest.fixture
def people(arrives: Arrive) -> list[Person]:
    """The first of them is going to be the poison."""
    return [arrives(name) for name in ("poison", "bob", "carol")]


def test_a_poisoned_user(people: list[Person], stack: Stack) -> None:
    """Others go on; the user's records end in the queue, and lead back to the user from there."""
    mapped = Mapped.of(stack)
    poison = people[0]
    with mapped.off():
        for _ in range(SAVES):
            for person in people:
                person.api.post("/api/images", json=picture()).raise_for_status()
        entry = stack.items("PrimaryTable", poison.user)[2]
        stack.put("PrimaryTable", {**entry, "count": {"S": "no number"}})

        records = mapped.records([person.user for person in people])
        assert Counter(map(place_of, records)) == Counter(places(people))
        source = mapped.deliver(records)
        # What stands before the damaged entry can be read.
        assert [len(shown(person)) for person in people] == [2, SAVES, SAVES]
        tries = Counter(place_of(r) for d in source.deliveries for r in d.records)
        assert {tries[place] for place in places([poison])} == {6}  # the first, and five retries
        assert mapped.letters() == source.counts["dead letters"] > 0

        stack.put("PrimaryTable", entry)
        redriven = stack.invoke("redrive_dead_letters", {})
        assert (redriven["redriven"], redriven["failed"]) == (source.counts["dead letters"], 0)
        assert len(shown(poison)) == SAVES
        assert mapped.letters() == 0


def places(people: list[Person]) -> list[Place]:
    return [(person.user, cursor) for person in people for cursor in range(1, SAVES + 1)]


def test_a_letter_of_a_user_who_still_fails_stays(arrives: Arrive, stack: Stack) -> None:
    """Redriving too early loses nothing."""
    mapped = Mapped.of(stack)
    poison = arrives("poison")
    with mapped.off():
        poison.api.post("/api/images", json=picture()).raise_for_status()
        (entry,) = stack.items("PrimaryTable", poison.user)
        stack.put("PrimaryTable", {**entry, "count": {"S": "no number"}})
        mapped.deliver(mapped.records([poison.user]))
        try:
            redriven = stack.invoke("redrive_dead_letters", {})
            assert (redriven["redriven"], redriven["failed"]) == (0, 1)
            assert mapped.letters() == 1
        finally:
            stack.put("PrimaryTable", entry)
            mapped.purge()
