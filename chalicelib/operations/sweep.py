"""Syncs every user whose partition is behind, whatever records the stream has lost."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from chalicelib.dynamodb.protocol import UnknownOutcome
from chalicelib.model.entries import Cursor, UserId
from chalicelib.model.errors import InvalidEvent
from chalicelib.model.timing import Deadline, unix_time
from chalicelib.operations.counts import counts_of, finished, to_be_resumed
from chalicelib.operations.event import Event
from chalicelib.operations.redrive_dead_letters import redrive_dead_letters
from chalicelib.operations.walk import Place, walk
from chalicelib.services import Services
from chalicelib.store.users import Registration, Segment, Users
from chalicelib.sync.side_by_side import side_by_side
from chalicelib.sync.syncer import Synced
from chalicelib.telemetry.log_fields import error_fields
from chalicelib.telemetry.metrics import Metrics

DEFAULT_READ_UNITS = 10_000
MAX_READ_UNITS = 10_000_000
MIN_READ_UNITS = 1_000
"""Enough for a chunk of the largest images (1 MB, 256 units), so that every call gets on."""

MAX_SEGMENTS = 64
"""The most segments that a `resume` may name."""

LETTERS_PART = 4
"""A scheduled run spends at most one part in so many of its time on dead letters."""

LATE = 60
"""Seconds that a user was behind at the least to be told of as a metric: what was saved after that
may still be on its way through the stream."""

COUNTS = ("users", "behind", "applied", "failed")

log = logging.getLogger(__name__)


def sweep(services: Services, fields: Any, deadline: Deadline) -> dict[str, Any]:
    """Event: `{}` or `readUnits` (1000 …), the read capacity units to spend in this call at most.

    A sync of a user who is up to date is two small reads, and that is how being behind is found.
    Several segments of the users are swept side by side. Answers the `users` gone through, those
    that were `behind`, the entries `applied`, the users `failed` (their sync is tried at the next
    sweep), and the `readUnits` spent in this call. Raises `UnknownOutcome` if the users of no
    segment could be listed.
    """
    event = Event(fields, services.issuer)
    stretches = stretches_of(event, services.at_once)
    read_units = event.whole("readUnits", DEFAULT_READ_UNITS, MIN_READ_UNITS, MAX_READ_UNITS)
    counts = counts_of(event, *COUNTS)
    event.end()
    dynamo = services.metered.dynamo
    spent_before = dynamo.read_units
    budget = dynamo.budget(read_units, deadline)

    sweeps = [Sweep(services, stretch, budget) for stretch in stretches]
    left = [place for place in side_by_side(Sweep.run, sweeps, services.at_once) if place]
    check_listed(sweeps)
    for one in sweeps:
        counts.update(one.counts)
    services.metrics.count("UsersBehind", sum(one.late for one in sweeps))
    spent = round(dynamo.read_units - spent_before, 1)
    if not left:
        return finished(counts, readUnits=spent)
    return to_be_resumed({**to_json(left), "readUnits": read_units}, counts, readUnits=spent)


@dataclass(frozen=True, slots=True)
class Stretch:
    """One segment of the index of users, and where the sweep is in it."""

    segment: Segment
    place: Place


def stretches_of(event: Event, at_once: int) -> list[Stretch]:
    """What an earlier answer's `resume` has left; at a first call, so many segments of all users.

    A resume with a `place` alone is of one segment, as older code divided the users.
    """
    segments = event.part("segments")
    if segments is None:
        place = Place.of(event)
        of = at_once if place == Place() else 1
        return [Stretch(Segment(number, of), place) for number in range(of)]
    of = segments.whole("of", 1, 1, MAX_SEGMENTS)
    parts = [(Segment(number, of), segments.part(str(number))) for number in range(of)]
    segments.end()
    return [Stretch(segment, _place_in(part)) for segment, part in parts if part is not None]


def _place_in(part: Event) -> Place:
    place = Place.of(part)
    part.end()
    return place


def to_json(left: Sequence[Stretch]) -> dict[str, Any]:
    """For `stretches_of`. A segment that is not named is done."""
    of = left[0].segment.of
    if of == 1:
        return left[0].place.to_json()
    places = {str(stretch.segment.number): stretch.place.to_json() for stretch in left}
    return {"segments": {"of": of, **places}}


class Listing:
    """The users of one segment. Ends early where they cannot be listed: `error` says why."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self.error: UnknownOutcome | None = None

    def after(self, last: Registration | None) -> Iterator[Registration]:
        try:
            yield from self._users.after(last)
        except UnknownOutcome as error:  # the other segments are not to wait for it
            log.error("users not listed", extra=error_fields(error))
            self.error = error


class Sweep:
    """Sweeps one stretch in one thread, with `counts` of its own."""

    def __init__(self, services: Services, stretch: Stretch, budget: Deadline) -> None:
        self._metrics = services.metrics
        self._syncer = services.metered.syncer
        self._stretch = stretch
        self._budget = budget
        self.listing = Listing(services.metered.users.of(stretch.segment))
        self.counts: Counter[str] = Counter()
        self.late = 0

    def run(self) -> Stretch | None:
        """What is left once the budget is spent; None if that is nothing."""
        if self._budget.passed():
            return self._stretch
        walked = walk(self.listing, self._stretch.place, self._budget, self._user)
        is_done = walked.done and self.listing.error is None
        return None if is_done else Stretch(self._stretch.segment, walked.place)

    def _user(self, user: UserId, after: Cursor) -> Cursor | None:
        synced = self._synced(user)
        if synced is None:
            return None
        is_cut_short = self._budget.passed() and not synced.up_to_date
        is_found = not after and is_behind(synced, is_cut_short)
        self.counts.update(users=not is_cut_short, behind=is_found, applied=synced.applied)
        self.late += is_found and is_late(synced, self._metrics)
        # Beyond START says that this user is counted as behind.
        reached = synced.cursor if synced.applied else after
        return reached if is_cut_short else None

    def _synced(self, user: UserId) -> Synced | None:
        try:
            return self._syncer.sync(user, self._budget)
        except Exception as error:  # one user's trouble must not hold up the others
            log.error("sync failed", extra={"user": user, **error_fields(error)})
            self._metrics.count("SyncFailed", user=user)
            self.counts.update(users=1, failed=1)
            return None


def check_listed(sweeps: Sequence[Sweep]) -> None:
    """Raises the first error if no segment could list its users."""
    errors = [sweep.listing.error for sweep in sweeps]
    if errors and all(errors):
        raise UnknownOutcome("users") from errors[0]


def is_behind(synced: Synced, is_cut_short: bool) -> bool:
    """Whether the sync found the partition behind. A sync that was cut short earlier did not find
    it so."""
    return synced.applied > 0 or not (synced.up_to_date or is_cut_short)


def is_late(synced: Synced, metrics: Metrics) -> bool:
    """Whether what it added had waited so long that the stream seems to have lost it."""
    if synced.oldest is None:
        return False
    try:
        return metrics.milliseconds_since(unix_time(synced.oldest)) > LATE * 1000
    except ValueError:  # of a time that was damaged by hand
        return True


def scheduled(
    services: Services, deadline: Deadline, read_units: int | None = None
) -> dict[str, Any]:
    """Runs on the schedule: redrives dead letters first, since the stream forgets their records
    after 24 hours; then sweeps. A failure of the redrive does not stop the sweep."""
    letters = redriven(services, deadline.share(LETTERS_PART))
    return {**next_sweep(services, deadline, read_units), "deadLetters": letters}


def redriven(services: Services, deadline: Deadline) -> dict[str, Any] | None:
    """Redrives dead letters, and returns the counts; None if that failed."""
    try:
        return redrive_dead_letters(services, {}, deadline)
    except Exception as error:  # whatever it is, the sweep has to go on
        log.error("redrive failed", extra=error_fields(error))
        return None


def next_sweep(
    services: Services, deadline: Deadline, read_units: int | None = None
) -> dict[str, Any]:
    """Goes on where the last scheduled sweep ended: with many users, a round takes several.

    `read_units` is this call's budget, whatever that of an earlier one was.
    """
    kept = services.checkpoints.get("sweep")
    budget = {} if read_units is None else {"readUnits": read_units}
    try:
        swept = sweep(services, {**kept, **budget}, deadline)
    except InvalidEvent:  # kept by another version of the code
        swept = sweep(services, budget, deadline)
    _keep(services, swept.get("resume", {}), deadline)
    return swept


def _keep(services: Services, resume: Mapping[str, Any], deadline: Deadline) -> None:
    """Keeps the place. If that cannot be done in time, the next run begins where this one did."""
    for _ in services.backoff.attempts(deadline):
        with suppress(UnknownOutcome):
            services.checkpoints.put("sweep", resume)
            return
    log.error("place not kept")
