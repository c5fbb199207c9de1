"""The log of record: where saves are decided. One append-only log of entries per user."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum, auto

from chalicelib.dynamo import Dynamo, Item, Reason, Refused, UnknownOutcome
from chalicelib.entries import START, Cursor, Entry, Image, Mark, Payload, UserId, leading_run
from chalicelib.errors import Contended, HoleFound, ImageNotFound, Unavailable
from chalicelib.idempotency import IdempotentRequest, Markers, new_marker, replay
from chalicelib.items import ENTRY_PAYLOAD, entry_from_item, entry_to_item
from chalicelib.log import Log, Write
from chalicelib.metrics import Metrics
from chalicelib.tails import Tail, Tails
from chalicelib.timing import Backoff, Clock, Deadline

MAX_DELETIONS = 33
"""Images that one transaction deletes: two writes each, and room to spare below its 100."""


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive entries read from a log. `is_all` says that nothing stood beyond them."""

    entries: tuple[Entry, ...]
    is_all: bool


@dataclass(frozen=True, slots=True)
class Save:
    """One request to save: who, what, and the random `idem` that marks its entries as its own."""

    user: UserId
    payloads: tuple[Payload, ...]
    idem: str
    created_at: str
    now: int
    idempotent: IdempotentRequest | None


class Verdict(Enum):
    """What came of an append, and so what to do next."""

    COMMITTED = auto()
    """It is done, by this try or by an earlier one of this very request."""
    TAKEN = auto()
    """Another's entry stands there: read the tail again."""
    UNSETTLED = auto()
    """Nothing stands there, or not all of ours is seen yet: the same again at the same cursor."""
    UNKNOWN = auto()
    """No answer, so it may have been done: the same again at the same cursor."""


class Primary:
    def __init__(
        self,
        dynamo: Dynamo,
        table: str,
        markers: Markers,
        clock: Clock,
        backoff: Backoff,
        new_idem: Callable[[], str],
        new_mark: Callable[[], Mark],
        metrics: Metrics,
        tails: Tails,
    ) -> None:
        self._log = Log(dynamo, table)
        self._markers = markers
        self._clock = clock
        self._backoff = backoff
        self._new_idem = new_idem
        self._new_mark = new_mark
        self._metrics = metrics
        self._tails = tails

    def tail(self, user: UserId) -> Tail:
        item = self._log.last(user)
        if item is None:
            return Tail(START, 0)
        return end_of([entry_from_item(item)])

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
            idem=self._new_idem(),
            created_at=self._clock.timestamp(),
            now=int(self._clock.now()),
            idempotent=idempotent,
        )
        return self._append(save, deadline)

    def _append(self, save: Save, deadline: Deadline) -> tuple[Image, ...]:
        tail, unknown = self._tails.get(save.user), False
        attempts = self._attempts(save.user, deadline)
        # A remembered tail is worth one try more, at once: it may just be old.
        for _ in attempts if tail is None else itertools.chain([0], attempts):
            # 1. The tail. It is read again only once another's entry was seen beyond it: until
            #    then an earlier try of ours may yet turn out to stand at the same cursor.
            if tail is None:
                tail = self.tail(save.user)
            if deadline.passed():
                continue
            # 2. Put at tail+1 if nothing is there. 3. What is not settled is asked again there.
            entries = numbered(save, tail)
            match self._put(save, entries):
                case Verdict.COMMITTED:
                    self._tails.remember(save.user, end_of(entries))
                    return images(entries)
                case Verdict.TAKEN:
                    tail, unknown = None, False
                case Verdict.UNKNOWN:
                    unknown = True
                case Verdict.UNSETTLED:
                    pass
                case replayed:
                    return replayed
        raise Unavailable("append") if unknown else self._contended(save.user)

    def _attempts(self, user: UserId, deadline: Deadline) -> Iterator[int]:
        """Tries at a write to the user's log; those beyond the first are counted."""
        for attempt in self._backoff.attempts(deadline):
            if attempt:
                self._metrics.count("AppendRetries", user=user)
            yield attempt

    def _contended(self, user: UserId) -> Contended:
        self._metrics.count("Contended", user=user)
        return Contended()

    def _put(self, save: Save, entries: Sequence[Entry]) -> tuple[Image, ...] | Verdict:
        """What came of it; or the images that the same request had saved before."""
        items = self._marked(save.user, entries)
        try:
            self._log.put_new(items, self._marker(save, entries[0].cursor))
        except UnknownOutcome:
            return Verdict.UNKNOWN
        except Refused as refused:
            found = foreign_marker(refused.reasons, save)
            if found is not None and save.idempotent is not None:
                return replay(found, save.idempotent, save.payloads)
            return judge(refused.reasons[: len(entries)], save.idem)
        return Verdict.COMMITTED

    def delete(self, user: UserId, cursor: Cursor, deadline: Deadline) -> None:
        """Puts a deletion after the tail and turns the image into a stub: both or neither.

        Nothing is left to do where a stub stands already. Raises `ImageNotFound` where no image
        ever stood, `Unavailable` when it could not be made sure of in time.
        """
        idem, created_at = self._new_idem(), self._clock.timestamp()
        for _ in self._attempts(user, deadline):
            # Whatever became of an earlier try shows in the entry itself. A try that is still on
            # its way can do no harm later: only the first deletion finds an image there.
            with suppress(Refused, UnknownOutcome):
                tail = self.tail(user)
                if deadline.passed():
                    break
                if self._is_erased(user, cursor, tail.cursor):
                    return
                if deadline.passed():
                    break
                (deletion,) = deletions_of([cursor], tail, idem, created_at)
                stub = self._log.strip_image(user, cursor, ENTRY_PAYLOAD)
                self._log.put_new(self._marked(user, [deletion]), [stub])
                self._tails.remember(user, end_of([deletion]))
                return
        raise Unavailable("delete")

    def _is_erased(self, user: UserId, cursor: Cursor, tail: Cursor) -> bool:
        """Whether the image is a stub already; ImageNotFound where no image ever stood."""
        if cursor > tail:
            raise ImageNotFound
        entry = self.entry(user, cursor)
        if entry is None:  # below the tail it must be there: its transaction is seen half-way
            raise UnknownOutcome("not visible yet")
        if entry.kind == "deletion":
            raise ImageNotFound
        return entry.kind == "erased"

    def delete_many(self, user: UserId, cursors: Sequence[Cursor], deadline: Deadline) -> bool:
        """One try at deleting images that were just seen, all or none; whether it is known done.

        At most `MAX_DELETIONS`. False is no failure: another save was faster, one of them is
        deleted already, or the outcome is unknown. The caller looks at the entries again.
        """
        tail = self.tail(user)
        if deadline.passed():
            return False
        deletions = deletions_of(cursors, tail, self._new_idem(), self._clock.timestamp())
        stubs = [self._log.strip_image(user, cursor, ENTRY_PAYLOAD) for cursor in cursors]
        try:
            self._log.put_new(self._marked(user, deletions), stubs)
        except (Refused, UnknownOutcome):
            return False
        return True

    def entry(self, user: UserId, cursor: Cursor) -> Entry | None:
        """What stands at the cursor; None if nothing does, or is visible yet."""
        item = self._log.get(user, cursor)
        return None if item is None else entry_from_item(item)

    def check_kind(self, user: UserId, entry: Entry) -> Write:
        """For a transaction of the partition: only while the entry is what it was read as."""
        return self._log.check_kind(user, entry.cursor, entry.kind)

    def check_nothing(self, user: UserId, cursor: Cursor) -> Write:
        """For a transaction of the partition: only while nothing stands there in the log."""
        return self._log.check_nothing(user, cursor)

    def read_after(self, user: UserId, cursor: Cursor, limit: int, deadline: Deadline) -> Run:
        """The consecutive entries from cursor+1 on, at most `limit`.

        Entries of one transaction may become visible one by one; what does not follow without a
        gap is left for the next read. `HoleFound` when even cursor+1 stays missing under others.
        """
        for _ in self._backoff.attempts(deadline):
            found = self._log.after(user, cursor, limit)
            entries = tuple(entry_from_item(item) for item in found.items)
            length = leading_run((entry.cursor for entry in entries), cursor)
            if length or not entries:
                is_all = length == len(entries) and not found.cut
                return Run(entries[:length], is_all)
        raise HoleFound

    def _marked(self, user: UserId, entries: Sequence[Entry]) -> list[Item]:
        """The entries as items, each with a mark of its own, and with another at every try.

        So an entry that is tried again, at the same cursor or elsewhere, has never stood there
        under that mark before; not even in a log that was put back to an earlier state meanwhile.
        """
        return [entry_to_item(user, replace(entry, mark=self._new_mark())) for entry in entries]

    def _marker(self, save: Save, first: Cursor) -> list[Write]:
        if save.idempotent is None:
            return []
        marker = new_marker(save.user, save.idempotent, save.idem, first, save.created_at, save.now)
        return [self._markers.put(marker, save.now)]


def numbered(save: Save, tail: Tail) -> tuple[Entry, ...]:
    """The entries that the save makes if it comes directly after this tail."""
    return tuple(
        Entry(
            cursor=Cursor(tail.cursor + i),
            idem=save.idem,
            created_at=save.created_at,
            count=tail.count + i,
            payload=payload,
            skip=tail.skip_after() if i == 1 else 0,
        )
        for i, payload in enumerate(save.payloads, start=1)
    )


def deletions_of(
    cursors: Sequence[Cursor], tail: Tail, idem: str, created_at: str
) -> tuple[Entry, ...]:
    """The entries that delete these images if they come directly after this tail."""
    skip = tail.skip_after(cursors)
    return tuple(
        Entry(
            cursor=Cursor(tail.cursor + i),
            idem=idem,
            created_at=created_at,
            count=tail.count - i,
            deletes=cursor,
            skip=skip + i - 1,
        )
        for i, cursor in enumerate(cursors, start=1)
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


def judge(reasons: Sequence[Reason], idem: str) -> Verdict:
    """What the entries' reasons say. Only if *every* entry shows our `idem` had we committed.

    Another's `idem` at any of the cursors proves that ours can never be done there, since entries
    are never removed and ours go all together or not at all.
    """
    idems = [found_idem(reason) for reason in reasons]
    if all(found == idem for found in idems):
        return Verdict.COMMITTED
    if any(found not in (None, idem) for found in idems):
        return Verdict.TAKEN
    return Verdict.UNSETTLED


def found_idem(reason: Reason) -> str | None:
    """Who wrote what stands there, in an image or a stub; None if nothing was seen there."""
    return None if reason.item is None else str(reason.item["idem"]["S"])


def foreign_marker(reasons: Sequence[Reason], save: Save) -> Item | None:
    """The marker that another request under the same key left, if that is what was found."""
    if save.idempotent is None:
        return None
    reason = reasons[-1]
    return reason.item if found_idem(reason) not in (None, save.idem) else None
