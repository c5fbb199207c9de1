"""Holds the tables, as they stand in the end, against what clients were told.

Raw items, from a `Dynamo` without faults. Each check answers what is wrong, in words.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.model.entries import Entry, UserId
from chalicelib.store.items import entry_from_item, row_to_item
from chalicelib.sync.projection import to_row
from tests.chaos.board import Deleted, Folded, Report, Saved
from tests.support import Store, dump

Items = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Standing:
    """One user's two logs as they stand."""

    user: UserId
    entries: tuple[Entry, ...]
    rows: Items

    @classmethod
    def of(cls, store: Store, user: UserId) -> "Standing":
        """The partition is read first, so that it cannot seem to be ahead."""
        rows = dump(store.partition_log, user)
        entries = tuple(entry_from_item(item) for item in dump(store.primary_log, user))
        return cls(user, entries, rows)

    @property
    def projected(self) -> Items:
        return [row_to_item(self.user, to_row(entry)) for entry in self.entries]

    @property
    def is_equal(self) -> bool:
        """Whether the partition is the projection of the primary, byte for byte."""
        return list(self.rows) == list(self.projected)

    @property
    def missing(self) -> range:
        """The cursors that the partition is behind by."""
        return range(len(self.rows) + 1, len(self.entries) + 1)


@dataclass(frozen=True)
class Audit:
    standings: Mapping[UserId, Standing]

    @classmethod
    def of(cls, store: Store, users: Iterable[UserId]) -> "Audit":
        return cls({user: Standing.of(store, user) for user in users})

    @property
    def equal(self) -> int:
        return sum(standing.is_equal for standing in self.standings.values())

    @property
    def behind(self) -> list[Standing]:
        return [standing for standing in self.standings.values() if standing.missing]

    def wrong(self, report: Report) -> list[str]:
        """All that is wrong after the sweep."""
        found = [what for standing in self.standings.values() for what in wrong_log(standing)]
        found += self._wrong_saves(report.saves)
        found += [what for deleted in report.deletes for what in self._wrong_delete(deleted)]
        found += [what for folded in report.folds for what in self._wrong_fold(folded)]
        found += [
            f"{user}: the partition is not the projection of the log"
            for user, standing in self.standings.items()
            if not standing.is_equal
        ]
        return found

    def _wrong_saves(self, saves: Iterable[Saved]) -> Iterator[str]:
        """An acknowledged save stands where it was told, once; another once, or not at all."""
        cursors: dict[str, list[int]] = defaultdict(list)
        for standing in self.standings.values():
            for entry in standing.entries:
                cursors[entry.request_id.rpartition(".")[0]].append(entry.cursor)
        for save in saves:
            found = tuple(cursors[save.key])
            if save.cursors is not None and found != save.cursors:
                yield f"{save.key}: acknowledged at {save.cursors}, stands at {found}"
            if save.cursors is None and len(found) not in (0, save.many):
                yield f"{save.key}: not acknowledged, {save.many} images stand at {found}"

    def _wrong_delete(self, deleted: Deleted) -> Iterator[str]:
        """A tombstone stands in both."""
        standing, at = self.standings[deleted.user], deleted.cursor - 1
        rows = [row["kind"]["S"] for row in standing.rows[at : at + 1]]
        entries = [entry.kind for entry in standing.entries[at : at + 1]]
        if (entries, rows) != (["erased"], ["erased"]):
            yield f"{deleted}: primary has {entries}, partition {rows}"

    def _wrong_fold(self, folded: Folded) -> Iterator[str]:
        """What a follower's feed came to is what is live."""
        rows = self.standings[folded.user].rows
        images = {int(row["cursor"]["N"]): row["image"]["S"] for row in rows if "image" in row}
        live = {cursor: image for cursor, image in images.items() if cursor >= folded.bottom}
        if folded.cursor != len(rows) or folded.live != live:
            missing, extra = live.keys() - folded.live.keys(), folded.live.keys() - live.keys()
            yield f"{folded.user}: the feed to {folded.cursor} lacks {missing}, has {extra} more"


def wrong_log(standing: Standing) -> Iterator[str]:
    """The primary's cursors are 1 … n, its counts exact, and each tombstone has one deletion."""
    deletions = [entry.deletes for entry in standing.entries if entry.deletes is not None]
    tombstones = [entry.cursor for entry in standing.entries if entry.kind == "erased"]
    if sorted(deletions) != tombstones:
        yield f"{standing.user}: tombstones at {tombstones}, deletions of {sorted(deletions)}"
    count = 0
    for expected, entry in enumerate(standing.entries, start=1):
        count += 1 if entry.deletes is None else -1
        if (entry.cursor, entry.count) != (expected, count):
            yield f"{standing.user}: {entry.cursor} counts {entry.count}, not {count} at {expected}"
            return
