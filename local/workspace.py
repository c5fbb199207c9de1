"""The data folder of one local installation: its secrets, its lock, how files are written in it."""

import fcntl
import json
import os
import re
import secrets
import shlex
import string
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

DEFAULT_DATA = Path(".local")
DEFAULT_PORT = 8000

KEY = re.compile("[A-Za-z0-9]+")
ALPHANUMERIC = string.ascii_letters + string.digits


DATABASE = "dynamodb"
"""The folder, in the data folder, that holds the database's files."""


class WorkspaceBusy(Exception):
    """Another server uses the folder."""


class NotRunning(Exception):
    """No server uses the folder; the message says how to start one."""


@dataclass(frozen=True)
class Credentials:
    """An AWS access key pair.

    DynamoDB Local checks no signature; it gives each access key id a database of its own. There the
    id is the secret, so neither half is shown by `repr`.
    """

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)

    @classmethod
    def random(cls) -> "Credentials":
        """A new pair, about 190 bits each. DynamoDB Local takes letters and digits only."""
        return cls(_random_text(32), _random_text(32))


@dataclass(frozen=True)
class Workspace:
    """One data folder, made at first use: private to its owner (mode 0700) and ignored by git."""

    folder: Path

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.folder / ".gitignore").write_text("*\n", encoding="utf-8")

    def credentials(self) -> Credentials:
        """The database's key pair: made at the first call, the same at every later one.

        ValueError if it is damaged, or if it is missing where a database is: with another key pair
        that would be empty.
        """
        path = self.folder / "database-key.json"
        has_database = any((self.folder / DATABASE).glob("*.db"))
        if has_database and not path.exists():
            raise ValueError(f"{path} is missing. {self._how_to_restore_the_key()}")
        credentials = _credentials_in(read_or_create(path, _new_credentials))
        if credentials is None:
            begin_anew = "Delete it to have a new one made; there is no database yet."
            what_next = self._how_to_restore_the_key() if has_database else begin_anew
            raise ValueError(f"{path} is damaged. {what_next}")
        return credentials

    def _how_to_restore_the_key(self) -> str:
        return (
            f"The database in {self.folder / DATABASE} opens with that key pair only. Put a copy "
            "of the file back. If you have none, write it again as "
            '{"access_key_id": "ID", "secret_access_key": "ID"}: both times ID is the name of the '
            "database's file up to the first _. Or choose another data folder (DATA=…)."
        )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder alone. The lock ends with the process, however that ends.

        Raises WorkspaceBusy at once when another process holds it.
        """
        lock = try_lock(self.folder / "server.lock")
        if lock is None:
            another = shlex.quote(f"DATA={self.folder}-2")
            raise WorkspaceBusy(
                f"The data folder {self.folder} is in use by another server. "
                f"Stop that one, or choose another folder: make run {another} PORT=8001"
            )
        with lock:
            yield


def try_lock(path: Path) -> BinaryIO | None:
    """An open file that holds the lock of `path` until it is closed, or None when another does."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def write_atomically(path: Path, data: bytes) -> None:
    """Replace `path` durably: a reader or a power cut finds the old bytes or the new, no mixture.

    The file can be read by its owner only (mode 0600).
    """
    temporary = _write_beside(path, data)
    temporary.replace(path)
    _sync_folder(path.parent)


def read_or_create(path: Path, make: Callable[[], bytes]) -> bytes:
    """The bytes of `path`, made and written durably (mode 0600) if it is not there.

    When several processes come at once, one's bytes are kept and all of them answer those.
    """
    if not path.exists():
        temporary = _write_beside(path, make())
        with suppress(FileExistsError):
            os.link(temporary, path)  # unlike a rename, fails when another was faster
        temporary.unlink()
        _sync_folder(path.parent)
    return path.read_bytes()


def _write_beside(path: Path, data: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        Path(name).unlink()
        raise
    return Path(name)


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable (fsync(2): the directory needs an fsync of its own)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new_credentials() -> bytes:
    return json.dumps(asdict(Credentials.random())).encode()


def _credentials_in(stored: bytes) -> Credentials | None:
    """None if that is no key pair."""
    try:
        content = json.loads(stored)
    except (ValueError, RecursionError):
        return None
    match content:
        case {"access_key_id": str(identifier), "secret_access_key": str(secret)}:
            is_sound = KEY.fullmatch(identifier) and KEY.fullmatch(secret)
            return Credentials(identifier, secret) if is_sound else None
        case _:
            return None


def _random_text(length: int) -> str:
    return "".join(secrets.choice(ALPHANUMERIC) for _ in range(length))
