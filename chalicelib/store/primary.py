"""The log of record: where saves are decided. One append-only log of entries per user."""

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TypeVar

from chalicelib.dynamodb.protocol import Dynamo, Item, Reason, Refused, UnknownOutcome
from chalicelib.model.entries import (
    MAX_CURSOR,
    START,
    Cursor,
    Entry,
    Image,
    Mark,
    Payload,
    Position,
    UserId,
    leading_run,
)
from chalicelib.model.errors import (
    Contended,
    HoleFound,
    ImageNotFound,
    LogDamaged,
    ResyncRequired,
    Unavailable,
    Unreadable,
)
from chalicelib.model.timing import Backoff, Clock, Deadline
from chalicelib.store.idempotency import IdempotentRequest, Markers, new_marker, replay
from chalicelib.store.items import ENTRY_PAYLOAD, entry_from_item, entry_to_item, mark_of, place_of
from chalicelib.store.log import Log, Write
from chalicelib.store.removal import Removal
from chalicelib.store.tail_cache import Tail, TailCache
from chalicelib.telemetry.metrics import Metrics

TURNS, LONGEST_TURN = 40, 0.1
"""Tries at a deletion while others write to the same log, and seconds between two at most."""

Done = TypeVar("Done")
"""What a put answers when it is done."""


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive entries read from a log. `is_all` says that nothing stood beyond them."""

    entries: tuple[Entry, ...]
    is_all: bool


@dataclass(frozen=True, slots=True)
class Save:
    """One request to save: who, what, and the random `request_id` that marks its entries as its
    own."""

    user: UserId
    payloads: tuple[Payload, ...]
    request_id: str
    created_at: str
    now: int
    idempotent: IdempotentRequest | None


@dataclass(slots=True)
class LogEnd:
    """What a request's next try comes after: `tail`; None says that it must be looked for.

    `is_unsettled` says that an earlier try after the same tail may yet turn out to be done.
    """

    user: UserId
    tail: Tail | None
    is_unsettled: bool = False


class Verdict(Enum):
    """What came of an append, and so what to do next."""

    COMMITTED = auto()
    """It is done, by this try or by an earlier one of this very request."""
    TAKEN = auto()
    """Another's entry stands there: read the tail again."""
    UNSETTLED = auto()
    """Nothing stands there, or not all of ours is seen yet: the same again at the same cursor."""


class Primary:
    def __init__(
        self,
        dynamo: Dynamo,
        table: str,
        markers: Markers,
        clock: Clock,
        backoff: Backoff,
        new_request_id: Callable[[], str],
        new_mark: Callable[[], Mark],
        metrics: Metrics,
        tail_cache: TailCache,
    ) -> None:
        self._log = Log(dynamo, table)
        self._markers = markers
        self._clock = clock
        self._backoff = backoff
        self._turns = backoff._replace(tries=TURNS, cap=LONGEST_TURN)
        self._new_request_id = new_request_id
        self._new_mark = new_mark
        self._metrics = metrics
        self._tail_cache = tail_cache

    def tail(self, user: UserId) -> Tail:
        item = self._log.last(user)
        if item is None:
            return Tail(START, 0)
        return end_of([read_entry(item)])

    def last_cursor(self, user: UserId) -> Cursor:
        """The tail's cursor, also where the entry there cannot be read; never beyond the last."""
        item = self._log.last(user)
        return START if item is None else min(Cursor(math.floor(place_of(item))), MAX_CURSOR)

    def append(
        self,
        user: UserId,
        payloads: Sequence[Payload],
        deadline: Deadline,
        idempotent: IdempotentRequest | None = None,
    ) -> tuple[Image, ...]:
        """Saves the images at the next cursors, all of them or none.

        Raises `Contended` when others were faster at every try (nothing was saved), `Unavailable`
        when the last try's outcome is not known, or the tail cannot be read (nothing was saved
        either), `IdempotencyKeyReused` when the key stands for other content.
        """
        save = Save(
            user=user,
            payloads=tuple(payloads),
            request_id=self._new_request_id(),
            created_at=self._clock.timestamp(),
            now=int(self._clock.now()),
            idempotent=idempotent,
        )
        return self._append(save, deadline)

    def _append(self, save: Save, deadline: Deadline) -> tuple[Image, ...]:
        def put(tail: Tail) -> tuple[Image, ...] | Verdict:
            check_room(tail, len(save.payloads))
            return self._put(save, numbered(save, tail))

        return self._insist(LogEnd(save.user, self._tail_cache.get(save.user)), put, deadline)

    def _insist(
        self, end: LogEnd, put: Callable[[Tail], Done | Verdict], deadline: Deadline
    ) -> Done:
        """Puts entries after the log's end, until they are there or it is sure that they are not.

        An unknown outcome is the database's trouble: the pauses before the next try grow.
        """
        for attempt in self._backoff.attempts(deadline):
            self._count_retry(end.user, attempt)
            with suppress(UnknownOutcome):
                return self._take_turns(end, put, deadline)
        raise Unavailable("append")

    def _take_turns(
        self, end: LogEnd, put: Callable[[Tail], Done | Verdict], deadline: Deadline
    ) -> Done:
        """Tries again while others write to the same log.

        Their success is no trouble: the pauses do not grow, or whoever came first would wait the
        longest, and who was lucky last would be lucky next.
        """
        # A remembered tail is worth one try more, at once: it may just be old.
        extra = [] if end.tail is None or end.is_unsettled else [0]
        for turn in itertools.chain(extra, self._turns.attempts(deadline)):
            self._count_retry(end.user, turn)
            # 1. The tail. It is read again only once another's entry was seen beyond it: until
            #    then an earlier try of ours may yet turn out to stand at the same cursor.
            if end.tail is None:
                end.tail = self._tail_now(end.user)
            if deadline.passed():
                break
            # 2. Put at tail+1 if nothing is there. 3. What is not settled is asked again there.
            was_unsettled, end.is_unsettled = end.is_unsettled, True
            outcome = put(end.tail)
            if not isinstance(outcome, Verdict):
                return outcome
            end.is_unsettled = was_unsettled
            if outcome is Verdict.TAKEN:
                end.tail, end.is_unsettled = None, False
        raise Unavailable("append") if end.is_unsettled else self._contended(end.user)

    def _tail_now(self, user: UserId) -> Tail:
        """The tail; `Unavailable` if it cannot be read.

        A read was tried again already: asking on would multiply with that. Nothing is under way.
        """
        try:
            return self.tail(user)
        except UnknownOutcome as error:
            raise Unavailable("append") from error

    def _count_retry(self, user: UserId, attempt: int) -> None:
        if attempt:
            self._metrics.count("AppendRetries", user=user)

    def _contended(self, user: UserId) -> Contended:
        self._metrics.count("Contended", user=user)
        return Contended()

    def _put(self, save: Save, entries: Sequence[Entry]) -> tuple[Image, ...] | Verdict:
        """The images, saved by this try or by an earlier one of the same request."""
        items = self._marked(save.user, entries)
        try:
            self._log.put_new(items, self._marker(save, entries[0].cursor))
        except Refused as refused:
            found = foreign_marker(refused.reasons, save)
            if found is not None and save.idempotent is not None:
                return replay(found, save.idempotent, save.payloads)
            verdict = judge(refused.reasons[: len(entries)], save.request_id)
            if verdict is not Verdict.COMMITTED:
                return verdict
        self._tail_cache.remember(save.user, end_of(entries))
        return images(entries)

    def delete(
        self,
        user: UserId,
        cursors: Sequence[Cursor],
        deadline: Deadline,
        seen: Position | None = None,
    ) -> None:
        """Puts their deletions after the tail and turns the images into tombstones: all or none.

        The cursors are distinct, at most `MAX_DELETIONS`; a tombstone needs no deletion. `seen` is
        where the caller saw the log. Nothing is deleted by what raises `ImageNotFound` (it names
        the cursors at which no image ever stood), `ResyncRequired` (the log is not the one that was
        seen), `HoleFound`, or `Contended` (others were faster at every try, or time ran out before
        one was sent). `Unavailable` says that the database gave no answer: it may have been done.
        """
        # From the newest on, so that a page passes over all of them at once (`Entry.skip`).
        newest_first = tuple(sorted(cursors, reverse=True))
        removal = Removal(newest_first, self._new_request_id(), self._clock.timestamp())
        if seen is not None:
            self._check_seen(user, seen, deadline)
        put = functools.partial(self._put_deletions, user, removal)
        self._insist(LogEnd(user, tail=None), put, deadline)

    def _check_seen(self, user: UserId, seen: Position, deadline: Deadline) -> None:
        """ResyncRequired if another entry stands there, or none."""
        item = self._log.get(user, seen.cursor)
        if item is None or mark_of(item) != seen.mark:
            raise ResyncRequired
        if deadline.passed():
            raise self._contended(user)

    def _put_deletions(self, user: UserId, removal: Removal, tail: Tail) -> bool | Verdict:
        """True once there are tombstones in place of all the images."""
        self._check_within(user, removal.left, tail.cursor)
        check_room(tail, len(removal.left))
        deletions = removal.after(tail)
        tombstones = [self._log.strip_image(user, cursor, ENTRY_PAYLOAD) for cursor in removal.left]
        try:
            self._log.put_new(self._marked(user, deletions), tombstones)
        except Refused as refused:
            many = len(deletions)
            # Whatever became of an earlier try shows in the images: it turned all or none.
            removal.learn(refused.reasons[many:])
            return judge(refused.reasons[:many], removal.request_id) if removal.left else True
        self._tail_cache.remember(user, end_of(deletions))
        return True

    def _check_within(self, user: UserId, cursors: Sequence[Cursor], tail: Cursor) -> None:
        """ImageNotFound if any lies beyond the tail; it names also what else is no image."""
        if max(cursors) <= tail:
            return
        within = [self.entry(user, cursor) for cursor in cursors if cursor <= tail]
        deletions = {entry.cursor for entry in within if entry and entry.kind == "deletion"}
        raise ImageNotFound(sorted(c for c in cursors if c > tail or c in deletions))

    def entry(self, user: UserId, cursor: Cursor) -> Entry | None:
        """What stands at the cursor; None if nothing does, or is visible yet."""
        item = self._log.get(user, cursor)
        return None if item is None else read_entry(item)

    def check_kind(self, user: UserId, entry: Entry) -> Write:
        """For a transaction of the partition: only while the entry is what it was read as."""
        return self._log.check_kind(user, entry.cursor, entry.kind)

    def check_nothing(self, user: UserId, cursor: Cursor) -> Write:
        """For a transaction of the partition: only while nothing stands there in the log."""
        return self._log.check_nothing(user, cursor)

    def read_after(self, user: UserId, cursor: Cursor, limit: int, deadline: Deadline) -> Run:
        """The consecutive entries from cursor+1 on, at most `limit`.

        Entries of one transaction may become visible one by one; what does not follow without a
        gap is left for the next read, and so is what cannot be read. `HoleFound` when even cursor+1
        stays missing under others, `Unreadable` when it cannot be read.
        """
        after = Cursor(math.floor(cursor))
        for _ in self._backoff.attempts(deadline):
            found = self._log.after(user, cursor, limit)
            entries = readable(found.items)
            length = leading_run((entry.cursor for entry in entries), after)
            if length or not found.items:
                is_all = length == len(found.items) and not found.cut
                return Run(entries[:length], is_all)
        raise damage_at(found.items[0], cursor)

    def below_first(self, user: UserId) -> list[Cursor]:
        """Where something stands below the first cursor, where nothing reads: the highest few."""
        return [place_of(item) for item in self._log.before(user, Cursor(1), limit=100).items]

    def beyond_last(self, user: UserId) -> list[Cursor]:
        """Where something stands beyond the last cursor, where nothing reads: the lowest few."""
        return [place_of(item) for item in self._log.after(user, MAX_CURSOR, limit=100).items]

    def has_nothing_at(self, user: UserId, cursor: Cursor) -> bool:
        """Whether it is sure that nothing stands there, be it a write that is seen half-way."""
        return self._log.has_nothing_at(user, cursor)

    def strip(self, user: UserId, cursor: Cursor) -> None:
        """Takes the payload from whatever stands there, by itself: for a log that is damaged."""
        with suppress(Refused):  # nothing stands there
            self._log.strip(user, cursor, ENTRY_PAYLOAD)

    def _marked(self, user: UserId, entries: Sequence[Entry]) -> list[Item]:
        """The entries as items, each with a mark of its own, and with another at every try.

        So an entry that is tried again, at the same cursor or elsewhere, has never stood there
        under that mark before; not even in a log that was put back to an earlier state meanwhile.
        """
        return [entry_to_item(user, replace(entry, mark=self._new_mark())) for entry in entries]

    def _marker(self, save: Save, first: Cursor) -> list[Write]:
        if save.idempotent is None:
            return []
        marker = new_marker(
            save.user, save.idempotent, save.request_id, first, save.created_at, save.now
        )
        return [self._markers.put(marker, save.now)]


def readable(items: Sequence[Item]) -> tuple[Entry, ...]:
    """The entries up to the first that cannot be read."""
    entries: list[Entry] = []
    with suppress(KeyError, ValueError):
        for item in items:
            entries.append(entry_from_item(item))
    return tuple(entries)


def read_entry(item: Item) -> Entry:
    """The entry; `Unreadable` if it is none that the product wrote."""
    try:
        return entry_from_item(item)
    except (KeyError, ValueError):
        raise Unreadable("primary", place_of(item)) from None


def check_room(tail: Tail, many: int) -> None:
    """LogDamaged if so many entries would be numbered beyond the last cursor.

    Nobody saves that often: somebody put an entry up there by hand.
    """
    if tail.cursor + many > MAX_CURSOR:
        raise LogDamaged("primary", tail.cursor, "no cursor is left beyond it")


def damage_at(item: Item, after: Cursor) -> LogDamaged:
    """What is wrong where this item is the first after the cursor."""
    place, expected = place_of(item), math.floor(after) + 1
    if place <= expected or expected > MAX_CURSOR:
        return Unreadable("primary", place)
    return HoleFound("primary", expected, beyond=min(math.ceil(place) - 1, MAX_CURSOR))


def numbered(save: Save, tail: Tail) -> tuple[Entry, ...]:
    """The entries that the save makes if it comes directly after this tail."""
    return tuple(
        Entry(
            cursor=Cursor(tail.cursor + i),
            request_id=save.request_id,
            created_at=save.created_at,
            count=tail.count + i,
            payload=payload,
            skip=tail.skip_after() if i == 1 else 0,
        )
        for i, payload in enumerate(save.payloads, start=1)
    )


def end_of(entries: Sequence[Entry]) -> Tail:
    last = entries[-1]
    return Tail(last.cursor, last.count, last.skip, last.kind == "image")


def images(entries: Sequence[Entry]) -> tuple[Image, ...]:
    return tuple(
        Image(entry.cursor, entry.created_at, entry.payload)
        for entry in entries
        if entry.payload is not None
    )


def judge(reasons: Sequence[Reason], request_id: str) -> Verdict:
    """What the entries' reasons say. Only if *every* entry shows our `request_id` had we committed.

    Another's `request_id` at any of the cursors proves that ours can never be done there, since
    entries are never removed and ours go all together or not at all.
    """
    request_ids = [found_request_id(reason) for reason in reasons]
    if all(found == request_id for found in request_ids):
        return Verdict.COMMITTED
    if any(found not in (None, request_id) for found in request_ids):
        return Verdict.TAKEN
    return Verdict.UNSETTLED


def found_request_id(reason: Reason) -> str | None:
    """Who wrote what stands there, in an image or a tombstone; None if nothing was seen there."""
    return None if reason.item is None else str(reason.item["idem"]["S"])


def foreign_marker(reasons: Sequence[Reason], save: Save) -> Item | None:
    """The marker that another request under the same key left, if that is what was found."""
    if save.idempotent is None:
        return None
    reason = reasons[-1]
    return reason.item if found_request_id(reason) not in (None, save.request_id) else None
