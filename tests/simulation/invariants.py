"""The invariants of the design, I1 … I9, judged at every change and at every answer.

The judge watches the engine: it is told of each change as it is decided and as it is shown, and
looks only at what the change touched. What the product answers is held against the same ledgers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from chalicelib.dynamodb.protocol import Item
from chalicelib.model.entries import Image, Payload, UserId
from chalicelib.model.errors import (
    Contended,
    HoleFound,
    IdempotencyKeyReused,
    ImageNotFound,
    ResyncRequired,
    Unavailable,
)
from chalicelib.store.idempotency import LIFETIME, IdempotentRequest
from chalicelib.store.partition import Changes, Page
from chalicelib.store.table_names import TableNames
from chalicelib.sync.syncer import Synced
from tests.simulation.engine import Change
from tests.simulation.ledger import FIRST_FORM, Copy, Ledger, kind_of, number, row_of, tombstone_of

QUOTE = "«"
"""Stands in every prompt, so that a payload is known wherever it turns up."""


class Violation(BaseException):
    """An invariant does not hold. Not an `Exception`, so that nothing under test swallows it."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What a client asks to be saved."""

    user: UserId
    payloads: tuple[Payload, ...]
    idempotent: IdempotentRequest | None = None

    @property
    def place(self) -> tuple[str, str] | None:
        """Whose key it is; None without one."""
        return None if self.idempotent is None else (self.user, self.idempotent.key)


@dataclass(frozen=True, slots=True)
class Issued:
    """A request's random mark, what it was for (None: no save) and when (Unix seconds)."""

    errand: Errand | None
    now: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What was saved under an Idempotency-Key, and when its request began."""

    content: str
    cursors: tuple[int, ...]
    now: int

    def lives_at(self, now: int) -> bool:
        return now < self.now + LIFETIME


@dataclass(frozen=True, slots=True)
class Before:
    """How things stood for a user when a call began."""

    ledger: Ledger
    now: int
    primary_tail: int
    partition_tail: int
    acked: int
    forgotten: frozenset[int]
    disturbed: int
    pending: int

    @property
    def may_see_a_hole(self) -> bool:
        """Whether something was half shown, or changed between two reads of the same call."""
        copies = (self.ledger.primary, self.ledger.partition)
        return self.pending > 0 or sum(copy.disturbed for copy in copies) > self.disturbed


class Judge:
    """`now` gives virtual Unix seconds."""

    def __init__(self, tables: TableNames, now: Callable[[], float]) -> None:
        self._tables = tables
        self._now = now
        self._issued: dict[str, Issued] = {}
        self._done: set[str] = set()
        self._nothing_saved: set[str] = set()
        self._effects: dict[tuple[str, str], list[Effect]] = {}
        self.ledgers: dict[str, Ledger] = {}
        self.checks = 0
        self.arranging = False

    def ledger(self, user: str) -> Ledger:
        return self.ledgers.setdefault(user, Ledger(UserId(user)))

    def require(self, holds: object, invariant: str, what: str, *details: object) -> None:
        self.checks += 1
        if not holds:
            self.fail(invariant, what, *details)

    def fail(self, invariant: str, what: str, *details: object) -> NoReturn:
        raise Violation(
            f"{invariant} {what}{': ' if details else ''}{', '.join(map(str, details))}"
        )

    # Changes

    def committed(self, changes: Sequence[Change]) -> None:
        for table, judge in (
            (self._tables.primary, self._primary_committed),
            (self._tables.partition, self._partition_committed),
        ):
            for user in dict.fromkeys(change.user for change in changes if change.table == table):
                judge(user, [c for c in changes if c.table == table and c.user == user])
        for change in changes:
            if change.table == self._tables.idempotency:
                self.require(QUOTE not in str(change.new), "I6", "a payload in a marker")

    def _primary_committed(self, user: str, changes: list[Change]) -> None:
        ledger = self.ledger(user)
        new = self._appended(ledger.primary, changes, "I1")
        for change in changes:
            if change.old is not None:
                self._stubbed(change, new)
        for item in new:
            self._counted(ledger, item, changes)
            self._entered(ledger, item)
        if new:
            self._one_request(ledger, new)

    def _appended(self, copy: Copy, changes: list[Change], invariant: str) -> list[Item]:
        """The new items in order: they must follow the tail without a gap. Nothing is removed."""
        self.require(all(c.new is not None for c in changes), invariant, "something was removed")
        added = [c.new for c in changes if c.old is None and c.new is not None]
        added.sort(key=lambda item: number(item, "cursor"))
        cursors = [number(item, "cursor") for item in added]
        expected = list(range(copy.tail + 1, copy.tail + 1 + len(added)))
        self.require(cursors == expected, invariant, "a hole", cursors, "after", copy.tail)
        copy.tail += len(added)
        copy.pending += len(changes)
        copy.disturbed += 1
        for change in changes:
            if change.new is not None:
                copy.truth[int(change.place)] = change.new
        return added

    def _stubbed(self, change: Change, new: list[Item]) -> None:
        """An entry changes only from an image to its tombstone, along with its deletion."""
        cursor = int(change.place)
        was, became = change.old or {}, change.new
        self.require(kind_of(was) == "image", "I1", f"{kind_of(was)} {cursor} was changed")
        self.require(became == tombstone_of(was), "I1", f"no sound tombstone at {cursor}", became)
        deletions = [i for i in new if "deletes" in i and number(i, "deletes") == cursor]
        self.require(len(deletions) == 1, "I1", f"{cursor} erased, deletions", len(deletions))

    def _counted(self, ledger: Ledger, item: Item, changes: list[Change]) -> None:
        cursor = number(item, "cursor")
        before = ledger.primary.truth.get(cursor - 1)
        count = 0 if before is None else number(before, "count")
        expected = count + (1 if kind_of(item) == "image" else -1)
        self.require(
            number(item, "count") == expected, "count", f"wrong at {cursor}", item["count"]
        )
        self.require(("registered_at" in item) == (cursor == 1), "users", f"index at {cursor}")
        mark = item.get("mark", {}).get("S")
        others = {entry["mark"]["S"] for c, entry in ledger.primary.truth.items() if c != cursor}
        self.require(mark is not None and mark not in others, "marks", f"of {cursor}", mark)
        skipped = range(cursor - int(item.get("skip", {}).get("N", 0)), cursor)
        alive = [c for c in skipped if kind_of(ledger.primary.truth[c]) == "image"]
        self.require(not alive, "skip", f"of {cursor} passes over images", alive)
        if kind_of(item) == "deletion":
            gone = number(item, "deletes")
            changed = any(c.place == gone and c.old is not None for c in changes)
            self.require(changed, "deletion", f"{cursor} deletes {gone}, and that is no image")
            self.require(gone not in ledger.deleted_by, "deletion", f"{gone} deleted twice")
            ledger.deleted_by[gone] = cursor

    def _entered(self, ledger: Ledger, item: Item) -> None:
        if kind_of(item) == "image":
            cursor = number(item, "cursor")
            ledger.images[cursor] = item
            ledger.rows[cursor] = row_of(item)

    def _one_request(self, ledger: Ledger, new: list[Item]) -> None:
        """I2: what goes in together is one request's, and a request goes in once."""
        request_ids = {item["idem"]["S"] for item in new}
        self.require(
            len(request_ids) == 1, "I2", "several requests in one transaction", sorted(request_ids)
        )
        (request_id,) = request_ids
        self.require(request_id in self._issued, "I2", "an unknown request", request_id)
        self.require(request_id not in self._done, "I2", "a request was done twice", request_id)
        self.require(request_id not in self._nothing_saved, "I2", "saved after all", request_id)
        self._done.add(request_id)
        issued = self._issued[request_id]
        kinds = {kind_of(item) for item in new}
        self.require(kinds == {"image" if issued.errand else "deletion"}, "I2", "kinds", kinds)
        if issued.errand is not None:
            self._saved_as_asked(ledger, issued, issued.errand, new)

    def _saved_as_asked(
        self, ledger: Ledger, issued: Issued, errand: Errand, new: list[Item]
    ) -> None:
        saved = [text_of(item) for item in new]
        asked = [payload.prompt for payload in errand.payloads]
        self.require(saved == asked, "I2", "not what was asked for", saved, asked)
        self.require(errand.user == ledger.user, "I5", "another's log", errand.user, ledger.user)
        if errand.place is not None and errand.idempotent is not None:
            effects = self._effects.setdefault(errand.place, [])
            living = [effect for effect in effects if effect.lives_at(issued.now)]
            self.require(not living, "I2", "a second effect under a key", errand.place, living)
            cursors = tuple(number(item, "cursor") for item in new)
            effects.append(Effect(errand.idempotent.fingerprint, cursors, issued.now))

    def _partition_committed(self, user: str, changes: list[Change]) -> None:
        ledger = self.ledger(user)
        self._appended(ledger.partition, changes, "I4")
        tails = ledger.partition.tail, ledger.primary.tail
        self.require(tails[0] <= tails[1], "I3", "the partition is ahead", *tails)
        for change in changes:
            self._projected(ledger, int(change.place), change)

    def _projected(self, ledger: Ledger, cursor: int, change: Change) -> None:
        """I4: the projection of the entry; or the image still, where the entry is a tombstone by
        now."""
        entry = ledger.primary.truth[cursor]
        allowed = [row_of(entry)]
        if kind_of(entry) == "erased":
            allowed.append(dict(ledger.rows[cursor]))
        if self.arranging:
            allowed.append(row_of(entry, FIRST_FORM))
        self.require(change.new in allowed, "I4", f"no projection at {cursor}", change.new)
        if kind_of(change.new) == "image":
            self.require(cursor not in ledger.forgotten, "I6", f"{cursor} is back after its 204")
            was = kind_of(change.old)
            self.require(was in ("nothing", "image"), "I4", f"an image over {was} at {cursor}")

    def shown(self, change: Change) -> None:
        if change.table == self._tables.idempotency:
            return
        ledger = self.ledger(change.user)
        is_primary = change.table == self._tables.primary
        copy = ledger.primary if is_primary else ledger.partition
        cursor = int(change.place)
        copy.pending -= 1
        copy.shown_tail = max(copy.shown_tail, cursor)
        if change.new is not None:
            copy.shown[cursor] = change.new
            if not is_primary:
                self._shown_together(ledger, cursor, change.new)

    def _shown_together(self, ledger: Ledger, cursor: int, row: Item) -> None:
        """I4: never a deletion and still its image."""
        shown = ledger.partition.shown
        if kind_of(row) == "deletion":
            gone = number(row, "deletes")
            image_is_gone = kind_of(shown.get(gone)) != "image"
            self.require(image_is_gone, "I4", f"deletion {cursor} is shown, and {gone} is still")
        if kind_of(row) == "image":
            shows_deletion = ledger.deleted_by.get(cursor) in shown
            self.require(not shows_deletion, "I4", f"{cursor} is shown after its deletion")
            self.require(cursor not in ledger.forgotten, "I6", f"{cursor} is shown after its 204")

    # Answers

    def issue(self, request_id: str, errand: Errand | None) -> None:
        """A request got its mark; `errand` if it is a save."""
        self._issued[request_id] = Issued(errand, int(self._now()))

    def before(self, user: UserId) -> Before:
        ledger = self.ledger(user)
        copies = (ledger.primary, ledger.partition)
        return Before(
            ledger=ledger,
            now=int(self._now()),
            primary_tail=ledger.primary.shown_tail,
            partition_tail=ledger.partition.shown_tail,
            acked=ledger.acked,
            forgotten=frozenset(ledger.forgotten),
            disturbed=sum(copy.disturbed for copy in copies),
            pending=sum(copy.pending for copy in copies),
        )

    def saved(self, before: Before, errand: Errand, request_id: str, answer: object) -> None:
        """I2 for what a save answered."""
        if isinstance(answer, tuple):
            self._acknowledged(before, errand, request_id, answer)
        elif isinstance(answer, Contended):
            self.require(
                request_id not in self._done, "I2", "Contended, and it was saved", request_id
            )
            self._nothing_saved.add(request_id)
        elif isinstance(answer, IdempotencyKeyReused):
            content = errand.idempotent and errand.idempotent.fingerprint
            others = [e for e in self._living(before, errand) if e.content != content]
            self.require(others, "I2", "a key called used, and it was not", errand.place)
        else:
            self.allow(before, answer, Unavailable)

    def _living(self, before: Before, errand: Errand) -> list[Effect]:
        """What stands under the errand's key for a request that began then."""
        effects = self._effects.get(errand.place, []) if errand.place else []
        return [effect for effect in effects if effect.lives_at(before.now)]

    def _acknowledged(
        self, before: Before, errand: Errand, request_id: str, images: Sequence[Image]
    ) -> None:
        cursors = tuple(image.cursor for image in images)
        payloads = tuple(image.payload for image in images)
        self.require(payloads == errand.payloads, "I2", "other payloads answered", cursors)
        truth = before.ledger.primary.truth
        self.require(all(c in truth for c in cursors), "I2", "acknowledged, not there", cursors)
        request_ids = {truth[cursor]["idem"]["S"] for cursor in cursors if "idem" in truth[cursor]}
        if errand.idempotent is None or request_ids == {request_id}:
            self.require(
                request_ids == {request_id}, "I2", "acknowledged is another's", cursors, request_ids
            )
        else:
            effects = [(e.content, e.cursors) for e in self._living(before, errand)]
            mine = (errand.idempotent.fingerprint, cursors)
            self.require(mine in effects, "I2", "a replay of nothing", mine, effects)
        for image in images:
            saved = before.ledger.images[image.cursor]
            self.require(text_of(saved) == image.payload.prompt, "I2", "payload", image.cursor)
            self.require(saved["created_at"]["S"] == image.created_at, "I2", "time", image.cursor)
        before.ledger.acked = max(before.ledger.acked, *cursors)

    def deleted(
        self, before: Before, cursors: Sequence[int], request_id: str, answer: object
    ) -> None:
        """I6 for a 204: all are gone everywhere. A 404 only where no image had been shown, and then
        nothing was deleted, as with Contended."""
        if answer is None:
            for cursor in cursors:
                self._gone(before.ledger, cursor)
        elif isinstance(answer, (ImageNotFound, Contended)):
            self.require(
                request_id not in self._done, "I2", repr(answer), "and it was deleted", request_id
            )
            self._nothing_saved.add(request_id)
            for cursor in getattr(answer, "cursors", ()):
                known = before.primary_tail >= cursor and cursor in before.ledger.images
                self.require(not known, "I5", f"{cursor} not found, and it was there")
        else:
            self.allow(before, answer, Unavailable, HoleFound)

    def _gone(self, ledger: Ledger, cursor: int) -> None:
        for copy in (ledger.primary, ledger.partition):
            for state in (copy.truth, copy.shown):
                kind = kind_of(state.get(cursor))
                self.require(kind == "erased", "I6", f"{cursor} is {kind} at its 204")
        ledger.forgotten.add(cursor)

    def erased(self, before: Before, receipt: Mapping[str, Any]) -> None:
        """I6 for an erase receipt: every image up to there is gone everywhere."""
        through, ledger = receipt["through"], before.ledger
        self.require(through >= before.primary_tail, "I6", "erased too little", through)
        images = [cursor for cursor in ledger.images if cursor <= through]
        for cursor in images:
            self._gone(before.ledger, cursor)
        counts = (receipt["entries"], receipt["erased"])
        self.require(counts == (through, len(images)), "I6", "receipt", counts, through)

    def synced(self, before: Before, answer: object) -> None:
        """I7, and that the partition really stands where it is said to."""
        if not isinstance(answer, Synced):
            self.allow(before, answer, Unavailable, HoleFound)
            return
        shown = before.ledger.partition.shown_tail
        self.require(answer.cursor <= shown, "I7", "not there yet", answer.cursor, shown)
        was = before.partition_tail
        self.require(answer.cursor >= was, "I3", "the tail went back", answer.cursor, was)
        if answer.up_to_date:
            known = max(before.acked, before.primary_tail)
            self.require(answer.cursor >= known, "I7", "not up to date", answer.cursor, known)

    def page(
        self,
        before: Before,
        top: int | None,
        position: int,
        answer: Page,
        limit: int,
        at_least: int | None,
    ) -> None:
        """I5 for a page below `top` (None: the first); the client is at `position`."""
        ledger = before.ledger
        newest = ledger.partition.shown_tail
        self.require(newest >= (at_least or 0), "I5", "not as new as asked", at_least, newest)
        self.require(len(answer.images) <= limit, "I5", "too long", len(answer.images))
        if top is None:
            position = answer.cursor or 0
            self._fresh(before, position)
            alive = len(ledger.fold(position))
            self.require(answer.count == alive, "count", "of a page", answer.count, alive)
        low = answer.next or 1
        shown = self._images(before, answer.images)
        self.require(shown == sorted(shown, reverse=True), "I5", "not newest first", shown)
        high = position if top is None else top - 1
        expected = {cursor for cursor in ledger.fold(position) if low <= cursor <= high}
        extra = set(shown) - expected
        self.require(not extra, "I5", "shown, but not in the feed", extra, "at", position)
        self._all_deleted(ledger, expected - set(shown), position)

    def changes(self, before: Before, after: int, answer: Changes) -> None:
        """I5 for changes beyond `after`."""
        ledger = before.ledger
        cursors = [row.cursor for row in answer.rows]
        ascending = cursors == sorted(set(cursors)) and after <= answer.cursor
        self.require(ascending, "I5", "not forward", after, cursors, answer.cursor)
        self.require(all(after < c <= answer.cursor for c in cursors), "I5", "range", cursors)
        if answer.up_to_date:
            self._fresh(before, answer.cursor)
        self._images(before, [row.image for row in answer.rows if row.image is not None])
        for row in answer.rows:
            deleted = row.deletes is None or ledger.deleted_by.get(row.deletes) == row.cursor
            self.require(deleted, "I5", f"{row.cursor} deletes", row.deletes)
        skipped = set(range(after + 1, answer.cursor + 1)) - set(cursors)
        lost = skipped - ledger.deleted_by.keys()
        self.require(not lost, "I5", "skipped by the feed", lost)

    def marked(self, ledger: Ledger, cursor: int, mark: str) -> None:
        """A cursor is told with the mark of the entry that stands there."""
        entry = ledger.primary.truth.get(cursor, {})
        own = entry.get("mark", {}).get("S", "")
        self.require(mark == own, "marks", f"at {cursor}", mark, own)

    def followed(self, ledger: Ledger, position: int, images: set[int]) -> None:
        """I5 for a client's library that follows the feed and is at `position`."""
        extra = images - ledger.fold(position)
        self.require(not extra, "I5", "a client keeps", extra, "at", position)
        self._all_deleted(ledger, ledger.fold(position) - images, position)

    def image(self, before: Before, cursor: int, answer: object, *, was_there: bool) -> None:
        """I5 for a single image; `was_there`: something was shown at the cursor before."""
        ledger = before.ledger
        if isinstance(answer, str):
            self.require(self._images(before, [answer]) == [cursor], "I5", "another image", cursor)
        elif isinstance(answer, ImageNotFound):
            is_there = kind_of(ledger.partition.shown.get(cursor)) == "image"
            self.require(not (was_there and is_there), "I5", "an image not found", cursor)
        else:
            self.allow(before, answer, Unavailable)

    def allow(self, before: Before, answer: object, *known: type[Exception]) -> None:
        """Whether that may be raised there, and a hole only while the logs are being changed."""
        self.require(isinstance(answer, known), "answer", repr(answer))
        if isinstance(answer, HoleFound):
            self.require(before.may_see_a_hole, "I5", "a hole, and nothing was under way")

    def reading(self, before: Before, answer: object) -> None:
        """A reader that goes by the cursors it was given is never sent back to the start."""
        self.require(not isinstance(answer, ResyncRequired), "I5", "sent back to the start")
        self.allow(before, answer, Unavailable, HoleFound)

    def _fresh(self, before: Before, cursor: int) -> None:
        """I5: as new as everything that was shown when the read began, and no newer than now."""
        least, most = before.partition_tail, before.ledger.partition.shown_tail
        self.require(least <= cursor <= most, "I5", "not the tail", cursor, least, most)

    def _images(self, before: Before, texts: Sequence[str]) -> list[int]:
        """The cursors of images that a reader got: as they were saved, and not after a 204."""
        cursors = [int(text.split(",", 1)[0].removeprefix('{"cursor":')) for text in texts]
        for cursor, text in zip(cursors, texts, strict=True):
            self.require(text == before.ledger.text(cursor), "I5", "not as saved", cursor, text)
            self.require(cursor not in before.forgotten, "I6", f"{cursor} read after its 204")
        return cursors

    def _all_deleted(self, ledger: Ledger, missing: set[int], position: int) -> None:
        lost = {c for c in missing if ledger.deleted_by.get(c, 0) <= position}
        self.require(not lost, "I5", "missing, and not deleted later", lost, "at", position)

    # The end

    def settled(self, state: Callable[[str, str], list[Any]], listed: set[str]) -> None:
        """I8: each partition is the projection of its primary, item by item; all users listed."""
        for user, ledger in self.ledgers.items():
            entries = state(self._tables.primary, user)
            rows = state(self._tables.partition, user)
            expected = [row_of(entry) for entry in entries]
            self.require(rows == expected, "I8", "partition and primary differ", user)
            for copy in (ledger.primary, ledger.partition):
                self.require(copy.shown == copy.truth, "I8", "decided and never shown", user)
            self.require(not entries or user in listed, "users", "not in the index", user)


def text_of(item: Item) -> str:
    return str(item["prompt"]["S"])
