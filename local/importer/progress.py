"""How far an import got, on disk: written before each batch is sent and after it is settled.

The record is replaced atomically and flushed to the disk, so a kill at any moment leaves either
the old one or the new one. Rejected lines are appended to a file beside it, of which the record
holds the valid length: what a killed run had appended beyond it is overwritten.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local.importer.rows import Mark, Reading, Rejected, Unusable
from local.workspace import try_lock, write_atomically


@dataclass(frozen=True, slots=True)
class Flight:
    """The batch that was sent, or was about to be: from the record's `done` to `end`.

    `started_at` is in Unix seconds, before `key` was first sent. `rejected` are those of its lines
    that are not sent.
    """

    key: str
    end: Mark
    started_at: float
    rejected: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """All before `done` is settled: saved, or rejected. Later lines are untouched but for `flight`.

    `cursor` is that of the last image known to be saved, at first the user's last before the
    import; `created_at` is what the server told of that image, None if it told nothing. With them
    the next run knows the library again. `rejected_bytes` is the length of the file of rejected
    lines.
    """

    reading: Reading
    done: Mark
    saved: int = 0
    rejected: int = 0
    rejected_bytes: int = 0
    cursor: int | None = None
    created_at: str | None = None
    flight: Flight | None = None


def to_json(progress: Progress) -> bytes:
    return json.dumps(asdict(progress)).encode()


def from_json(text: bytes) -> Progress:
    """Reads what `to_json` wrote; Unusable for any other text."""
    try:
        return _from_record(json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        raise Unusable(
            "The import's progress record cannot be read; it may be of another version of this "
            "command. Begin anew with --restart, which saves the saved images a second time."
        ) from error


def _from_record(record: dict[str, Any]) -> Progress:
    flight = record["flight"]
    return Progress(
        **record
        | {
            "reading": Reading(**record["reading"]),
            "done": Mark(**record["done"]),
            "flight": flight and _flight_from_record(flight),
        }
    )


def _flight_from_record(record: dict[str, Any]) -> Flight:
    rejected = tuple((line, reason) for line, reason in record["rejected"])
    return Flight(**record | {"end": Mark(**record["end"]), "rejected": rejected})


class Store:
    """The files of one import in a folder: of one input file, for one user, on one server."""

    def __init__(self, folder: Path, server: str, user: str, file: Path) -> None:
        identity = json.dumps([server, user, str(file.resolve())])
        base = folder / hashlib.sha256(identity.encode()).hexdigest()[:32]
        self._record = base.with_suffix(".json")
        self._rejections = base.with_suffix(".rejected.jsonl")
        self._lock = base.with_suffix(".lock")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second run of the same import out; the system lets go when this one dies."""
        self._record.parent.mkdir(exist_ok=True)
        lock = try_lock(self._lock)
        if lock is None:
            raise Unusable("This file is being imported for this user already. Wait for its end.")
        with lock:
            yield

    def load(self) -> Progress | None:
        return from_json(self._record.read_bytes()) if self._record.exists() else None

    def save(self, progress: Progress) -> None:
        write_atomically(self._record, to_json(progress))

    def append_rejected(self, length: int, rows: Sequence[Rejected]) -> int:
        """Writes the rows behind the first `length` bytes, durably; the new length."""
        self._rejections.touch()
        with self._rejections.open("r+b") as file:
            file.truncate(length)
            file.seek(length)
            for row in rows:
                file.write(json.dumps({"line": row.line, "reason": row.reason}).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
            return file.tell()

    def rejections(self) -> Iterator[str]:
        """The rejected lines as JSON Lines; the record's `rejected` says how many are valid."""
        if self._rejections.exists():
            with self._rejections.open() as lines:
                yield from lines
