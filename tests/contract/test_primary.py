"""Appending to the log of record, on a real DynamoDB engine and on the simulation's."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chalicelib.bootstrap import build
from chalicelib.dynamodb.protocol import UnknownOutcome
from chalicelib.model.entries import START, Cursor
from chalicelib.model.errors import Contended, HoleFound, IdempotencyKeyReused, Unavailable
from chalicelib.model.timing import Clock, Deadline
from chalicelib.store.idempotency import LIFETIME, idempotent_request
from chalicelib.store.log import NOTHING_THERE
from chalicelib.store.primary import TURNS
from chalicelib.store.tail_cache import SECONDS
from tests.support import (
    ALICE,
    BOB,
    Intercepted,
    Store,
    at_once,
    foreign,
    picture,
    pictures,
    quick,
)

WRITES = ("put_item", "transact_write_items")


def once(operations: tuple[str, ...], error: Exception) -> Callable[[str, Mapping[str, Any]], None]:
    """A hook that raises at the first of these operations, and never again."""
    left = [error]

    def hook(operation: str, _request: Mapping[str, Any]) -> None:
        if operation in operations and left:
            raise left.pop()

    return hook


def always(
    operations: tuple[str, ...], error: Exception
) -> Callable[[str, Mapping[str, Any]], None]:
    """A hook that raises at each of these operations."""

    def hook(operation: str, _request: Mapping[str, Any]) -> None:
        if operation in operations:
            raise error

    return hook


def counted(dynamo: Intercepted) -> list[str]:
    """The operations that are called from now on."""
    calls: list[str] = []
    dynamo.before = lambda operation, _request: calls.append(operation)
    return calls


def test_cursors_count_up_from_one_and_count_is_the_number_of_images(store: Store) -> None:
    """A user's saves stand at 1, 2, 3 … with the number of live images on each."""
    assert store.save(ALICE, 3) == [1, 2, 3]
    assert store.save_batch(ALICE, 4) == [4, 5, 6, 7]
    entries = store.primary_entries(ALICE)
    assert [(entry.cursor, entry.count) for entry in entries] == [(n, n) for n in range(1, 8)]


def test_users_have_logs_of_their_own(store: Store) -> None:
    """One user's saves do not move another's cursors."""
    store.save(ALICE, 2)
    assert store.save(BOB) == [1]
    assert len(store.primary_entries(ALICE)) == 2


def test_everything_that_was_saved_is_read_back(store: Store) -> None:
    """Every field survives the table verbatim, the largest seed and odd characters included."""
    odd = picture()._replace(prompt="\x00 a\u202eb 🦊\n", model="m", seed=str(2**64 - 1), steps=30)
    store.services.primary.append(ALICE, [odd], store.deadline)
    assert [entry.payload for entry in store.primary_entries(ALICE)] == [odd]


class TestRememberedTail:
    """A warm function knows where a log ended a moment ago, and looks only if that is not so."""

    def test_a_further_save_needs_no_look(self, store: Store) -> None:
        warm, dynamo = quick(store)
        calls = counted(dynamo)
        warm.save(ALICE)
        assert calls == ["query", "put_item"]
        warm.save(ALICE, 2)
        warm.save_batch(ALICE, 2)
        assert calls[2:] == ["put_item", "put_item", "transact_write_items"]
        entries = store.primary_entries(ALICE)
        assert [(entry.cursor, entry.count) for entry in entries] == [(n, n) for n in range(1, 6)]

    def test_a_deletion_moves_it(self, store: Store) -> None:
        warm, dynamo = quick(store)
        warm.save(ALICE, 2)
        warm.services.primary.delete(ALICE, [Cursor(1)], store.deadline)
        calls = counted(dynamo)
        assert warm.save(ALICE) == [4]
        assert calls == ["put_item"]
        assert store.primary_entries(ALICE)[3].count == 2

    def test_a_deletion_looks_for_the_tail(self, store: Store) -> None:
        """What another function saved is deleted here, though it lies beyond the tail known."""
        warm, _dynamo = quick(store)
        warm.save(ALICE)
        store.save(ALICE, 2)
        warm.services.primary.delete(ALICE, [Cursor(3)], store.deadline)
        kinds = [entry.kind for entry in store.primary_entries(ALICE)]
        assert kinds == ["image", "image", "erased", "deletion"]
        assert warm.save(ALICE) == [5]

    def test_one_that_is_old_costs_one_more_call_and_no_pause(self, store: Store) -> None:
        """Another function saved meanwhile; whose entry it is shows that the tail was old."""
        paused: list[float] = []
        dynamo = Intercepted(store.dynamo)
        clock = Clock(sleep=paused.append)
        warm = Store(build(dynamo, store.tables, clock), dynamo, store.tables)
        warm.save(ALICE)
        store.save(ALICE, 2)
        calls = counted(dynamo)
        assert warm.save(ALICE) == [4]
        assert calls == ["put_item", "query", "put_item"]
        assert paused == []
        assert store.primary_entries(ALICE)[3].count == 4

    def test_after_a_minute_it_is_looked_for(self, store: Store) -> None:
        now = [0.0]
        dynamo = Intercepted(store.dynamo)
        clock = Clock(monotonic=lambda: now[0], sleep=lambda _seconds: None)
        warm = Store(build(dynamo, store.tables, clock), dynamo, store.tables)
        warm.save(ALICE)
        calls = counted(dynamo)
        now[0] += SECONDS - 1
        warm.save(ALICE)
        now[0] += SECONDS
        warm.save(ALICE)
        assert calls == ["put_item", "query", "put_item"]

    def test_what_was_not_saved_moves_no_tail(self, store: Store) -> None:
        """A save whose outcome stayed unknown leaves no gap for the next one."""
        warm, dynamo = quick(store)
        warm.save(ALICE)
        dynamo.before = always(WRITES, UnknownOutcome("lost"))
        with pytest.raises(Unavailable):
            warm.save(ALICE)
        dynamo.before = lambda _operation, _request: None
        assert warm.save(ALICE) == [2]

    def test_users_do_not_share_it(self, store: Store) -> None:
        warm, _dynamo = quick(store)
        warm.save(ALICE, 3)
        assert warm.save(BOB) == [1]


@pytest.mark.parametrize("many", [1, 3])
def test_a_lost_reply_is_recognised_as_a_success(store: Store, many: int) -> None:
    """A save whose reply was lost after the commit answers its cursors and stands there once."""
    flaky, dynamo = quick(store)
    dynamo.after = once(WRITES, UnknownOutcome("lost"))
    assert flaky.save_batch(ALICE, many) == list(range(1, many + 1))
    assert len(store.primary_entries(ALICE)) == many


@pytest.mark.parametrize("many", [1, 3])
def test_a_call_that_never_arrived_is_repeated(store: Store, many: int) -> None:
    """A save whose first try failed before it was done is done by the second, once."""
    flaky, dynamo = quick(store)
    dynamo.before = once(WRITES, UnknownOutcome("never arrived"))
    assert flaky.save_batch(ALICE, many) == list(range(1, many + 1))
    assert len(store.primary_entries(ALICE)) == many


def test_an_unknown_outcome_is_repeated_at_the_same_cursor(store: Store) -> None:
    """Also when the tail has moved by our own lost commit, no second cursor is taken."""
    flaky, dynamo = quick(store)
    puts = []

    def lose_three(operation: str, request: Mapping[str, Any]) -> None:
        if operation == "put_item":
            puts.append(request["Item"]["cursor"]["N"])
            if len(puts) <= 3:
                raise UnknownOutcome("lost")

    dynamo.after = lose_three
    assert flaky.save(ALICE) == [1]
    assert set(puts) == {"1"}
    assert len(store.primary_entries(ALICE)) == 1


def test_a_request_that_was_sent_again_is_recognised(store: Store) -> None:
    """When the engine itself sends a put twice, the second refusal is known as our own success."""
    flaky, dynamo = quick(store)

    def send_before(operation: str, request: Mapping[str, Any]) -> None:
        if operation == "put_item":
            store.dynamo.put_item(**request)

    dynamo.before = send_before
    assert flaky.save(ALICE) == [1]
    assert len(store.primary_entries(ALICE)) == 1


def test_another_writer_at_the_tail_moves_the_save_up(store: Store) -> None:
    """A save that finds another's entry at its cursor stands after it, with an exact count."""
    flaky, dynamo = quick(store)
    rivals = iter([foreign(1)])

    def rival(operation: str, _request: Mapping[str, Any]) -> None:
        if operation == "put_item":
            for entry in itertools.islice(rivals, 1):
                store.put_entry(ALICE, entry)

    dynamo.before = rival
    assert flaky.save(ALICE) == [2]
    assert [entry.count for entry in store.primary_entries(ALICE)] == [1, 2]


def test_a_save_that_is_always_overtaken_gives_up_and_leaves_nothing(store: Store) -> None:
    """After all its turns `Contended` says that nothing was saved, and nothing was."""
    flaky, dynamo = quick(store)
    tries = itertools.count(1)

    def rival(operation: str, _request: Mapping[str, Any]) -> None:
        if operation == "put_item":
            store.put_entry(ALICE, foreign(next(tries)))

    dynamo.before = rival
    with pytest.raises(Contended):
        flaky.save(ALICE)
    assert {entry.request_id for entry in store.primary_entries(ALICE)} == {"another"}
    assert next(tries) == TURNS + 1


def test_a_save_without_any_sure_answer_says_so(store: Store) -> None:
    """When every try's outcome is unknown the caller is told that it may have been done."""
    flaky, dynamo = quick(store)

    def always(operation: str, _request: Mapping[str, Any]) -> None:
        if operation == "put_item":
            raise UnknownOutcome("never arrived")

    dynamo.before = always
    with pytest.raises(Unavailable):
        flaky.save(ALICE)


def test_a_save_whose_tail_cannot_be_read_is_unavailable_at_once(store: Store) -> None:
    """Nobody was faster. The engine has asked again already; asking on would multiply with that."""
    flaky, dynamo = quick(store)
    asked: list[str] = []

    def always(operation: str, _request: Mapping[str, Any]) -> None:
        asked.append(operation)
        raise UnknownOutcome("never arrived")

    dynamo.before = always
    with pytest.raises(Unavailable):
        flaky.save(ALICE)
    assert asked == ["query"]
    assert store.primary_entries(ALICE) == []


def test_nothing_is_put_after_the_deadline(store: Store) -> None:
    """When the time is up once the tail is known, the save ends without a put."""
    timed, dynamo = quick(store)
    made: list[str] = []
    dynamo.after = lambda operation, _request: made.append(operation)
    deadline = Deadline(at=1.0, monotonic=lambda: float(len(made)))
    with pytest.raises(Contended):
        timed.services.primary.append(ALICE, [picture()], deadline)
    assert made == ["query"]


def test_entries_are_put_only_where_nothing_is(store: Store) -> None:
    """A put at an occupied cursor is refused and leaves what stands there."""
    store.save(ALICE)
    before = store.primary_entries(ALICE)
    flaky, dynamo = quick(store)
    dynamo.query = lambda **_request: {"Items": []}  # type: ignore[method-assign]
    with pytest.raises(Contended):
        flaky.save(ALICE)
    assert store.primary_entries(ALICE) == before
    assert NOTHING_THERE == "attribute_not_exists(user_id)"


def test_a_batch_is_all_or_nothing(store: Store) -> None:
    """When any of a batch's cursors is taken, none of the batch is put there."""
    flaky, dynamo = quick(store)
    rivals = iter([foreign(1)])

    def rival(operation: str, _request: Mapping[str, Any]) -> None:
        if operation == "transact_write_items":
            for entry in itertools.islice(rivals, 1):
                store.put_entry(ALICE, entry)

    dynamo.before = rival
    assert flaky.save_batch(ALICE, 3) == [2, 3, 4]
    request_ids = [entry.request_id for entry in store.primary_entries(ALICE)]
    assert request_ids[0] == "another"
    assert len(set(request_ids[1:])) == 1


def test_the_first_entry_alone_is_in_the_index_of_users(store: Store) -> None:
    """The sparse index lists each user once."""
    store.save(ALICE, 2)
    store.save(BOB, 2)
    found = store.dynamo.scan(TableName=store.tables.primary, IndexName="users")["Items"]
    assert sorted(item["user_id"]["S"] for item in found) == sorted([ALICE, BOB])


class TestIdempotencyKey:
    def test_a_repeated_request_answers_the_same_and_saves_once(self, store: Store) -> None:
        """The second answer is the first one's, cursor and time included."""
        request = idempotent_request("key", "batch", pictures(3))
        append = store.services.primary.append
        first = append(ALICE, pictures(3), store.deadline, request)
        store.save(ALICE)
        assert append(ALICE, pictures(3), store.deadline, request) == first
        assert len(store.primary_entries(ALICE)) == 4

    def test_a_key_stands_for_one_content(self, store: Store) -> None:
        """Other content under a used key is refused, and not saved."""
        append = store.services.primary.append
        append(ALICE, [picture(1)], store.deadline, idempotent_request("k", "image", [picture(1)]))
        with pytest.raises(IdempotencyKeyReused):
            append(
                ALICE, [picture(2)], store.deadline, idempotent_request("k", "image", [picture(2)])
            )
        assert len(store.primary_entries(ALICE)) == 1

    def test_a_key_is_its_users_own(self, store: Store) -> None:
        """The same key of another user stands for another request."""
        request = idempotent_request("key", "image", [picture()])
        for user in (ALICE, BOB):
            store.services.primary.append(user, [picture()], store.deadline, request)
        assert len(store.primary_entries(BOB)) == 1

    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_faults_do_not_double_it(self, store: Store, moment: str) -> None:
        """A failed or lost first try under a key is one save in the end."""
        flaky, dynamo = quick(store)
        setattr(dynamo, moment, once(WRITES, UnknownOutcome("fault")))
        request = idempotent_request("key", "image", [picture()])
        (image,) = flaky.services.primary.append(ALICE, [picture()], flaky.deadline, request)
        assert image.cursor == 1
        assert len(store.primary_entries(ALICE)) == 1

    @pytest.mark.parametrize(("age", "saved"), [(LIFETIME - 1, 1), (LIFETIME, 2)])
    def test_a_key_ends_after_its_lifetime(self, store: Store, age: int, saved: int) -> None:
        """For 24 hours a key is remembered; then it is free, though the marker is still there."""
        request = idempotent_request("key", "image", [picture()])
        moment = [1_800_000_000.0]
        timed, _dynamo = quick(store, now=lambda: moment[0])
        timed.services.primary.append(ALICE, [picture()], timed.deadline, request)
        moment[0] += age
        timed.services.primary.append(ALICE, [picture()], timed.deadline, request)
        assert len(store.primary_entries(ALICE)) == saved

    def test_requests_at_once_are_one(self, store: Store) -> None:
        """Eight concurrent requests under one key have one effect and one answer."""
        request = idempotent_request("key", "batch", pictures(2))
        answers = []

        def save() -> None:
            answers.append(
                store.services.primary.append(ALICE, pictures(2), store.deadline, request)
            )

        assert at_once(8, save) == 8
        assert len(set(answers)) == 1
        assert len(store.primary_entries(ALICE)) == 2

    def test_the_marker_holds_no_payload(self, store: Store) -> None:
        """What is kept for a key is a hash, not what was saved."""
        request = idempotent_request("key", "image", [picture(77)])
        store.services.primary.append(ALICE, [picture(77)], store.deadline, request)
        key = {"user_id": {"S": ALICE}, "key": {"S": "key"}}
        found = store.dynamo.get_item(TableName=store.tables.idempotency, Key=key)["Item"]
        assert "prompt 77" not in str(found)
        assert "77.png" not in str(found)


class TestReadAfter:
    def test_answers_what_follows(self, store: Store) -> None:
        """The entries after a cursor come in order, and the last read says that it is all."""
        store.save(ALICE, 5)
        run = store.services.primary.read_after(ALICE, Cursor(2), 2, store.deadline)
        assert [entry.cursor for entry in run.entries] == [3, 4]
        assert not run.is_all
        run = store.services.primary.read_after(ALICE, Cursor(3), 10, store.deadline)
        assert [entry.cursor for entry in run.entries] == [4, 5]
        assert run.is_all

    def test_stops_before_a_gap(self, store: Store) -> None:
        """What stands beyond a gap is left for later, and is not "all"."""
        for cursor in (1, 2, 4):
            store.put_entry(ALICE, foreign(cursor))
        run = store.services.primary.read_after(ALICE, START, 10, store.deadline)
        assert [entry.cursor for entry in run.entries] == [1, 2]
        assert not run.is_all

    def test_waits_for_an_entry_that_is_not_visible_yet(self, store: Store) -> None:
        """When only later entries of a batch are seen, it reads again until the first is there."""
        flaky, dynamo = quick(store)
        store.put_entry(ALICE, foreign(2))
        dynamo.after = lambda _operation, _request: (
            None if store.primary_log.get(ALICE, Cursor(1)) else store.put_entry(ALICE, foreign(1))
        )
        run = flaky.services.primary.read_after(ALICE, START, 10, flaky.deadline)
        assert [entry.cursor for entry in run.entries] == [1, 2]

    def test_a_lasting_gap_is_an_error(self, store: Store) -> None:
        """A log that lacks the next entry for good is reported, never skipped over."""
        flaky, _dynamo = quick(store)
        store.put_entry(ALICE, foreign(2))
        with pytest.raises(HoleFound):
            flaky.services.primary.read_after(ALICE, START, 10, flaky.deadline)
