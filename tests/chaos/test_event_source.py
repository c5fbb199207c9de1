"""The event source simulator does with a function's answers what Lambda does."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from chalicelib.sync.dead_letters import Record
from tests.chaos.event_source import (
    ALL_LOST,
    BATCH,
    NO_FAULTS,
    Answer,
    DeadLetterQueue,
    EventSource,
    Faults,
    Rules,
    StreamFunction,
    done_of,
    place_of,
    shard_of,
)
from tests.support import wait_until

SEED = 7
AS_USUAL = Rules()


def record(number: int, user: str = "alice") -> Record:
    return {
        "eventName": "INSERT",
        "dynamodb": {
            "Keys": {"user_id": {"S": user}, "cursor": {"N": str(number)}},
            "SequenceNumber": f"{number:021d}",
        },
    }


def of_one_shard(many: int) -> list[Record]:
    """The first records that fall into shard 0."""
    found = [each for each in map(record, range(1, 50 * many)) if shard_of(each) == 0]
    return found[:many]


def failed(*records: Record) -> Answer:
    numbers = [each["dynamodb"]["SequenceNumber"] for each in records]
    return {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}


def numbers(records: Sequence[Record]) -> list[int]:
    return [place_of(each)[1] for each in records]


def delivered(
    function: StreamFunction,
    records: Sequence[Record],
    faults: Faults = NO_FAULTS,
    rules: Rules = AS_USUAL,
) -> EventSource:
    """The source after it has dealt with the records, which all lay there from the start."""
    source = EventSource(function, SEED, faults, rules)
    source.feed({"Records": records})
    with source:
        wait_until(source.is_idle)
    return source


def calls(source: EventSource) -> list[list[int]]:
    return [numbers(delivery.records) for delivery in source.deliveries]


def fails_at(*bad: Record) -> StreamFunction:
    """A function that reports these records whenever they are in its batch."""
    return lambda event: failed(*[each for each in event["Records"] if each in bad])


def raises_at(bad: Record) -> StreamFunction:
    def function(event: Mapping[str, Any]) -> Answer:
        if bad in event["Records"]:
            raise RuntimeError
        return None

    return function


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}], ids=repr)
def test_an_answer_without_failures_is_success(answer: Answer) -> None:
    """Nothing, an empty object and an empty list all say that the batch is done."""
    assert done_of([record(1), record(2)], answer) == 2


@pytest.mark.parametrize(
    "failure",
    [{"itemIdentifier": "another"}, {"itemIdentifier": ""}, {"itemIdentifier": None}, {"id": "1"}],
    ids=repr,
)
def test_a_wrong_identifier_fails_the_whole_batch(failure: dict[str, Any]) -> None:
    """A name that is no record's is no checkpoint."""
    assert done_of([record(1), record(2)], {"batchItemFailures": [failure]}) is None


def test_the_lowest_failure_is_the_checkpoint() -> None:
    """In whatever order failures are reported, everything from the first on comes again."""
    records = [record(number) for number in range(1, 6)]
    assert done_of(records, failed(records[3], records[1])) == 1


def test_one_users_records_come_from_all_shards() -> None:
    """The item's key decides, so that a user's records are delivered concurrently."""
    assert {shard_of(record(number)) for number in range(1, 50)} == {0, 1, 2, 3}


def test_batches_are_in_order_and_bounded() -> None:
    """A shard's records come in its order, at most a hundred at a time."""
    records = of_one_shard(250)
    source = delivered(lambda _event: None, records)
    assert [len(call) for call in calls(source)] == [BATCH, BATCH, 50]
    assert [number for call in calls(source) for number in call] == numbers(records)


def test_a_failing_record_comes_again_with_those_behind_it_and_ends_as_a_letter() -> None:
    """What stands before it is done; the retries are bounded; then the shard goes on."""
    a, bad, c = of_one_shard(3)
    source = delivered(fails_at(bad), [a, bad, c], rules=Rules(retries=2))
    assert calls(source) == [numbers([a, bad, c]), *[numbers([bad, c])] * 2]
    assert len(source.dead_letters) == 1
    assert source.undelivered == {place_of(bad), place_of(c)}


def test_a_batch_that_raises_is_halved_when_told_so() -> None:
    """By halving, only the failing record itself is given up."""
    records = of_one_shard(8)
    source = delivered(raises_at(records[5]), records, rules=Rules(retries=1, bisect=True))
    assert source.undelivered == {place_of(records[5])}


def test_a_batch_that_raises_is_given_up_whole_otherwise() -> None:
    """Without halving, its neighbours go with it."""
    records = of_one_shard(8)
    source = delivered(raises_at(records[5]), records, rules=Rules(retries=1))
    assert len(source.deliveries) == 2
    assert source.undelivered == {place_of(each) for each in records}


def test_a_letter_says_where_and_leads_back_to_the_records() -> None:
    """It holds no record and no key; the shard, read there again, has them."""
    records = of_one_shard(3)
    source = delivered(fails_at(records[1]), records, rules=Rules(retries=0))
    queue = DeadLetterQueue()
    queue.of = source
    (letter,) = queue.receive()
    assert "alice" not in str(source.dead_letters)
    assert letter.batch is not None
    assert numbers(queue.records(letter.batch)) == numbers(records[1:])
    queue.delete(letter)
    assert queue.receive() == []


def test_lost_deliveries_never_come() -> None:
    """The function is not called, and nobody is told."""
    source = delivered(lambda _event: None, of_one_shard(5), ALL_LOST)
    assert (source.deliveries, source.dead_letters) == ([], [])
    assert len(source.undelivered) == 5


def test_a_duplicate_comes_after_success() -> None:
    """The same batch, once more."""
    records = of_one_shard(5)
    source = delivered(lambda _event: None, records, Faults(duplicate=1.0))
    assert calls(source) == [numbers(records)] * 2


def test_a_crash_fails_the_batch() -> None:
    """A function that dies has answered nothing, also if its work was done."""
    records = of_one_shard(5)
    source = delivered(lambda _event: None, records, Faults(crash=1.0), Rules(retries=3))
    assert calls(source) == [numbers(records)] * 4
    assert source.counts["crashes"] == 4
    assert len(source.dead_letters) == 1
