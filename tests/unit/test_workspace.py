"""The data folder: private, stable secrets, one server at a time, files never half-written."""

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from local.workspace import Credentials, Workspace, WorkspaceBusy, read_or_create, write_atomically

HOLD_THE_LOCK = """
import pathlib, sys
from local.workspace import Workspace
with Workspace(pathlib.Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_folder_is_private_and_ignored_by_git(tmp_path: Path) -> None:
    """A data folder that did not exist is made for its owner only, and git leaves it out."""
    folder = Workspace(tmp_path / "deep" / "data").folder
    assert mode(folder) == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"


def test_a_folder_that_was_there_is_left_as_it_is(tmp_path: Path) -> None:
    """A folder that someone already uses for something keeps its mode and gets no .gitignore."""
    tmp_path.chmod(0o755)
    Workspace(tmp_path)
    assert mode(tmp_path) == 0o755
    assert not (tmp_path / ".gitignore").exists()


def test_the_key_pair_is_made_once(tmp_path: Path) -> None:
    """The key pair is the same at every later start."""
    assert Workspace(tmp_path).credentials() == Workspace(tmp_path).credentials()


def test_every_folder_has_a_key_pair_of_its_own(tmp_path: Path) -> None:
    """Two folders share neither half of the key pair, and its halves differ."""
    one = Workspace(tmp_path / "one").credentials()
    two = Workspace(tmp_path / "two").credentials()
    halves = {one.access_key_id, one.secret_access_key, two.access_key_id, two.secret_access_key}
    assert len(halves) == 4


def test_the_key_pair_is_what_dynamodb_local_takes(tmp_path: Path) -> None:
    """Both halves are letters and digits only, and long enough not to be guessed."""
    keys = Workspace(tmp_path).credentials()
    assert re.fullmatch("[A-Za-z0-9]{32}", keys.access_key_id)
    assert re.fullmatch("[A-Za-z0-9]{32}", keys.secret_access_key)


def test_the_key_pair_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    """The file of the key pair has mode 0600, also in a folder that others may list."""
    Workspace(tmp_path).credentials()
    assert mode(tmp_path / "database-key.json") == 0o600


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[]", b"{}", b'{"access_key_id": 1, "secret_access_key": "a"}',
     b'{"access_key_id": "", "secret_access_key": "a"}', b"[" * 10**5],
)  # fmt: skip
def test_a_damaged_key_pair_is_named_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    """Where there is a database, deleting the file would hide it."""
    (tmp_path / "database-key.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"database-key\.json is damaged\. Delete it"):
        Workspace(tmp_path).credentials()
    with_database(tmp_path)
    with pytest.raises(ValueError, match=r"database-key\.json is damaged\. .*Put a copy"):
        Workspace(tmp_path).credentials()


def test_a_database_is_not_opened_with_a_new_key_pair(tmp_path: Path) -> None:
    """It would be an empty library, without a word."""
    with_database(tmp_path)
    with pytest.raises(ValueError, match=r"database-key\.json is missing\. .*Put a copy"):
        Workspace(tmp_path).credentials()
    assert not (tmp_path / "database-key.json").exists()


def with_database(folder: Path) -> None:
    (folder / "dynamodb").mkdir()
    (folder / "dynamodb" / "abc_us-east-1.db").touch()


def test_a_key_pair_is_not_shown() -> None:
    """A key pair that ends up in a log or a traceback tells nothing."""
    keys = Credentials("IDENTIFIER", "SECRET")
    assert "IDENTIFIER" not in repr(keys)
    assert "SECRET" not in repr(keys)


def test_a_second_server_is_refused(tmp_path: Path) -> None:
    """While one holds the folder another is told which folder it is and what to do."""
    with (
        Workspace(tmp_path).locked(),
        pytest.raises(WorkspaceBusy, match=rf"{re.escape(str(tmp_path))} .* Stop .* DATA="),
        Workspace(tmp_path).locked(),
    ):
        pass


def test_the_lock_is_given_back(tmp_path: Path) -> None:
    """When one server has stopped the next may start."""
    with Workspace(tmp_path).locked():
        pass
    with Workspace(tmp_path).locked():
        pass


def test_the_lock_ends_with_a_killed_process(tmp_path: Path) -> None:
    """A server that was killed with kill -9 leaves the folder free."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_LOCK, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(WorkspaceBusy), Workspace(tmp_path).locked():
            pass
        holder.kill()
    with Workspace(tmp_path).locked():
        pass


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """Whoever reads while a file is replaced finds one version whole, never a mixture."""
    path = tmp_path / "file"
    versions = [bytes([letter]) * 100_000 for letter in b"abcd"]
    write_atomically(path, versions[0])
    done = threading.Event()

    def write() -> None:
        for turn in range(100):
            write_atomically(path, versions[turn % 4])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = {path.read_bytes() for _ in iter(done.is_set, True)}
    writer.join()
    assert seen <= set(versions)
    assert list(tmp_path.iterdir()) == [path]


def test_a_written_file_is_private(tmp_path: Path) -> None:
    """A written file can be read by its owner only."""
    write_atomically(tmp_path / "file", b"x")
    assert mode(tmp_path / "file") == 0o600


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    """Bytes that are there are answered, and stay."""
    assert read_or_create(tmp_path / "file", lambda: b"first") == b"first"
    assert read_or_create(tmp_path / "file", lambda: b"second") == b"first"


def test_the_first_of_two_makers_wins(tmp_path: Path) -> None:
    """When another process makes the file at the same time, its bytes are the answer and stay."""
    path = tmp_path / "file"

    def make_while_another_does() -> bytes:
        path.write_bytes(b"theirs")
        return b"ours"

    assert read_or_create(path, make_while_another_does) == b"theirs"
    assert list(tmp_path.iterdir()) == [path]
