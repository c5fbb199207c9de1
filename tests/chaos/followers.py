"""Readers of the changes feed, who believe nothing: from the answers alone they tell a hole.

The feed leaves tombstones out, since their deletions come later. So each cursor that it skips is
*owed*: a deletion must name it. One that never does was a hole.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from chalicelib.bootstrap import build
from chalicelib.config import table_names
from chalicelib.dynamodb.client import HttpDynamo
from chalicelib.model.entries import NO_MARK, START, Cursor, Mark, Row, UserId
from chalicelib.model.errors import HoleFound, ResyncRequired, Unavailable
from chalicelib.model.timing import Deadline
from chalicelib.store.partition import Changes, Page, Partition
from tests.chaos.board import FOLLOWERS, Board, Folded, Plan, Report
from tests.chaos.clients import cursor_of
from tests.chaos.faults import FaultyDynamo

PAGE = 30
TRIES = 50
PAGES = 0.1
"""How likely it is that a follower from cursor 0 looks at the first page, too."""

ELSEWHERE = 0.3
RESTARTS = 0.05
"""How likely a follower who has seen everything is to begin anew."""

T = TypeVar("T")


class Broken(Exception):
    """An answer that no reader may get."""


@dataclass
class Fold:
    """A user's images as the feed tells them: from cursor 0, or from a first page.

    Of what the page did not show, down to `bottom`, nothing is known but that it is deleted or a
    deletion. `owed` are cursors that a later deletion must name.
    """

    cursor: int = 0
    bottom: int = 0
    live: dict[int, str] = field(default_factory=dict)
    owed: set[int] = field(default_factory=set)
    page: int = 0
    mark: Mark = NO_MARK

    @classmethod
    def of(cls, page: Page) -> "Fold":
        cursor = page.cursor or START
        live = {cursor_of(image): image for image in page.images}
        return cls(cursor, page.next or START, live, set(), cursor, page.mark)

    def advance(self, changes: Changes) -> None:
        """Takes one answer in; Broken if it does not follow."""
        told = [row.cursor for row in changes.rows]
        expected = range(self.cursor + 1, changes.cursor + 1)
        if told != sorted(set(told)) or not set(told) <= set(expected):
            raise Broken(f"{told} told for {expected}")
        self.owed |= set(expected) - set(told)
        for row in changes.rows:
            self._take(row)
        if changes.cursor == self.cursor and self.mark not in (NO_MARK, changes.mark):
            raise Broken(f"another mark at {self.cursor}")
        self.cursor, self.mark = changes.cursor, changes.mark

    def _take(self, row: Row) -> None:
        if row.image is not None:
            self._take_image(row.cursor, row.image)
        elif row.deletes is None or row.deletes >= row.cursor:
            raise Broken(f"{row.cursor} deletes {row.deletes}")
        else:
            self._drop(row.deletes)

    def _take_image(self, cursor: int, image: str) -> None:
        if cursor_of(image) != cursor:
            raise Broken(f"at {cursor} stands {image}")
        self.live[cursor] = image

    def _drop(self, cursor: int) -> None:
        if cursor in self.live or cursor in self.owed:
            self.live.pop(cursor, None)
            self.owed.discard(cursor)
        elif cursor > self.page:
            raise Broken(f"{cursor} is deleted and was never told of, or is deleted twice")

    def compare(self, page: Page) -> None:
        """Holds a first page, read before, against the feed from 0 up to the page's cursor.

        The page shows nothing that the feed lacks, and lacks only what was deleted after it.
        """
        shown = {cursor_of(image) for image in page.images}
        told = {cursor for cursor in self.live if cursor >= (page.next or START)}
        if not shown <= told | self.owed:
            raise Broken(f"a page shows {shown - told - self.owed}, which the feed lacks")
        self.owed |= told - shown
        many = len(self.live.keys() | self.owed)
        if page.count != many:
            raise Broken(f"a page counts {page.count}, the feed {many} at {self.cursor}")

    def folded(self, user: UserId) -> Folded:
        return Folded(user, self.cursor, self.bottom, self.live)


@dataclass
class Follower:
    """Follows one user's feed; `top` is the highest tail that any answer has told."""

    user: UserId
    partition: Partition
    random: Random
    report: Report
    read: Callable[[], None]
    deadline: Callable[[], Deadline]
    fold: Fold = field(default_factory=Fold)
    top: int = 0
    is_up_to_date: bool = False

    def step(self) -> None:
        """One look at the feed, or at the first page; what is broken is noted, and begun anew."""
        try:
            self._step()
        except (Broken, HoleFound) as error:
            self._broken("holes", error)
        except ResyncRequired as error:
            self._broken("steps back", error)

    def finish(self) -> None:
        """Follows to the end: nothing may be owed there."""
        self.is_up_to_date = False
        while not self.is_up_to_date:
            self._advance(PAGE)
        if self.fold.owed:
            self._broken("holes", Broken(f"never deleted, and not there: {self.fold.owed}"))
        self.report.folds.append(self.fold.folded(self.user))

    def from_here(self) -> None:
        """Goes on where it is."""

    def from_zero(self) -> None:
        self.fold = Fold()

    def from_first_page(self) -> None:
        self.fold = Fold.of(self._page())

    def _step(self) -> None:
        chance = self.random.random()
        if self.is_up_to_date and not self.fold.owed and chance < RESTARTS:
            self.is_up_to_date = False
            self.report.counts["follows begun"] += 1
            self.random.choice([self.from_zero, self.from_first_page])()
        elif not self.fold.page and chance < PAGES:
            self._compare()
        else:
            self._advance(self.random.randint(1, PAGE))

    def _advance(self, limit: int) -> None:
        after, mark = Cursor(self.fold.cursor), self.fold.mark
        changes = answered(lambda: self.partition.changes(after, limit, self.deadline(), mark))
        self.read()
        if changes.up_to_date:
            self._tail(changes.cursor)
        self.is_up_to_date = changes.up_to_date
        self.fold.advance(changes)

    def _compare(self) -> None:
        page = self._page()
        end = page.cursor or START
        while self.fold.cursor < end:
            self._advance(min(PAGE, end - self.fold.cursor))
        if self.fold.cursor == end:
            self.fold.compare(page)

    def _page(self) -> Page:
        page = answered(lambda: self.partition.page(200, None, None, self.deadline()))
        self.report.counts["page reads"] += 1
        self._tail(page.cursor or START)
        return page

    def _tail(self, cursor: int) -> None:
        """The partition ends there, says an answer: never before where an earlier one said."""
        if cursor < self.top:
            self._broken("steps back", Broken(f"from {self.top} to {cursor}"))
        self.top = max(self.top, cursor)

    def _broken(self, what: str, error: Exception) -> None:
        self.report.counts[what] += 1
        name = self.user.rstrip("-")
        self.report.violations.append(f"feed of {name}: {type(error).__name__} {error}")
        self.fold = Fold()


def answered(call: Callable[[], T]) -> T:
    """Asks again where the answer was a passing 503."""
    for _ in range(TRIES):
        with suppress(Unavailable):
            return call()
    raise AssertionError(f"no answer in {TRIES} tries")


def follow(plan: Plan, board: Board, number: int) -> Report:
    """One process of followers: it goes on until the sweep is done and enough was read."""
    random, report = Random(f"{plan.seed} follower {number}"), Report()
    faulty = FaultyDynamo(HttpDynamo.from_environment(os.environ), f"{plan.seed} follower {number}")
    services = build(faulty, table_names(os.environ), emit=report.take_metric)

    def read() -> None:
        board.count_read()
        report.counts["feed reads"] += 1
        report.counts["feed reads during writes"] += board.operations.value < plan.total

    followers = [
        Follower(
            user,
            services.open_partition(user),
            random,
            report,
            read,
            lambda: services.clock.deadline(20),
        )
        for user in plan.all_users()[number::FOLLOWERS]
    ]
    while not board.swept.is_set() or board.reads.value < plan.feed_reads:
        followers[place(plan, board, random, len(followers))].step()
    for follower in followers:
        finish(follower)
    faulty.close()
    report.faults = faulty.counts
    return report


def finish(follower: Follower) -> None:
    """To the end where it is; then all of it again, from both places where a client begins."""
    for begin in (follower.from_here, follower.from_zero, follower.from_first_page):
        try:
            begin()
            follower.finish()
        except (Broken, HoleFound, ResyncRequired) as error:
            follower.report.violations.append(f"feed of {follower.user}: {error!r}")


def place(plan: Plan, board: Board, random: Random, many: int) -> int:
    """Mostly a user at whose log the writers are at work now, for they take users in turn."""
    if random.random() < ELSEWHERE:
        return random.randrange(many)
    busy = round(many * board.operations.value / plan.total) + random.randint(-2, 2)
    return min(max(busy, 0), many - 1)
