"""The command line: `python -m local import`."""

import argparse
import itertools
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TextIO

import httpx
import jwt
from tqdm import tqdm

from local.importer.progress import Progress, Store
from local.importer.rows import FIELDS, FORMATS, Reader, Reading, Unreadable, Unusable, from_text
from local.importer.saving import Import
from local.importer.server import TIMEOUT, Library, Server, Stopped
from local.issuer import Issuer
from local.workspace import DEFAULT_DATA, DEFAULT_PORT, Workspace

SAVED, SOME_REJECTED, UNUSABLE, STOPPED = range(4)
"""Exit codes."""

SHOWN_REJECTED = 10
"""Rejected lines in the summary; all of them are in the report."""

SECONDS_BETWEEN_LINES = 5
"""Seconds between two lines of progress where there is no terminal for a bar."""

HELP = """\
Saves the images that a file lists, in order, over the API. Run again, it goes on where it was:
after a kill, a lost connection, or when the file has grown. No line is saved twice.

The file is UTF-8: JSON Lines (.jsonl, .ndjson), CSV (.csv, RFC 4180) or TSV (.tsv, tabs between
plain text: quotes are part of it). CSV and TSV need a header line. The fields of an image are
  prompt, imageUrl           needed
  model, seed, steps         may be absent: no such name, null, or an empty cell
Anything else in the file is not imported, and the summary names it. A line that cannot be saved is
rejected, with its number and the reason; the others are saved all the same.
"""

EPILOG = """\
examples:
  python -m local import --user alice images.csv
  python -m local import --user alice --column prompt=Prompt \\
    --value imageUrl=https://images.example/{line}.png prompts.tsv
  IMAGE_STORAGE_TOKEN=... python -m local import --server https://images.example images.jsonl

environment: DATA (default .local) is the workspace's folder, where the progress is kept, too;
PORT (default 8000) is the local server's; IMAGE_STORAGE_TOKEN is a deployed server's bearer token.

exit codes: 0 all lines are saved; 1 some were rejected; 2 nothing can be done as asked;
3 stopped before the end: run the same command again to go on.
"""


def main(argv: list[str], environ: Mapping[str, str]) -> int:
    """Runs the import that the arguments (without the program's name) ask for; the exit code."""
    try:
        return run(parse(argv), environ)
    except SystemExit as ending:  # argparse's own: 0 after --help, 2 for a usage error
        return int(ending.code or 0)
    except Unusable as error:
        print(f"import: {error}", file=sys.stderr)
    except OSError as error:
        print(f"import: {error}. DATA=… chooses another data folder.", file=sys.stderr)
    return UNUSABLE


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m local import",
        description=HELP,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("file", type=Path, metavar="FILE")
    add("--user", metavar="NAME", help="import for this user of the local server")
    add("--server", metavar="URL", help="a deployed server (default: the local one)")
    add("--format", choices=sorted(set(FORMATS.values())), help="default: by the file's name")
    add("--column", action="append", default=[], type=pair, metavar="FIELD=NAME",
        help="read FIELD from the column, or JSON name, NAME; may be repeated")  # fmt: skip
    add("--value", action="append", default=[], type=pair, metavar="FIELD=TEXT",
        help="give FIELD this value in every image, whatever the file says; {line} in it stands "
        "for the line's number; may be repeated")  # fmt: skip
    add("--report", type=Path, metavar="FILE",
        help="write the rejected lines there, as JSON Lines: line, reason")  # fmt: skip
    add("--patience", type=patience, default=60.0, metavar="SECONDS",
        help="stop when the server fails for so long (default: 60)")  # fmt: skip
    add("--restart", action="store_true",
        help="forget how far earlier runs got, and save every line: those that they saved "
        "are saved a second time")  # fmt: skip
    return parser.parse_args(argv)


def pair(text: str) -> tuple[str, str]:
    field, equals, value = text.partition("=")
    if field not in FIELDS or not equals:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be FIELD=TEXT, where FIELD is one of {', '.join(FIELDS)}"
        )
    return field, value


def patience(text: str) -> float:
    """At most an hour: far less than an Idempotency-Key lives."""
    seconds = float(text)
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text} must be more than 0 and at most 3600 seconds")
    return seconds


@dataclass(frozen=True, slots=True)
class Account:
    """The user and the server that images are saved for. `server` and `user` name the import's
    progress."""

    server: str
    user: str
    url: str
    token: Callable[[], str]


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Composes the import and runs it; the exit code. Raises `Unusable`."""
    data = Workspace(Path(environ.get("DATA") or DEFAULT_DATA)).folder
    reading = reading_for(options)
    account = account_for(options, environ, data)
    check_files(options)
    store = Store(data / "imports", account.server, account.user, options.file)
    with (
        store.locked(),
        options.file.open("rb") as file,
        connected(account, options) as server,
    ):
        reader = Reader(file, reading)
        try:
            earlier = None if options.restart else remembered(store, reading, server)
        except Stopped as stop:
            print(f"import: {stop} Run the same command again to go on.", file=sys.stderr)
            return STOPPED
        progress = begin(store, reader, reading, earlier)
        with meter(options.file, progress) as show:
            importing = Import(server, store, progress, time.time, lambda: uuid.uuid4().hex, show)
            trouble = run_until_stopped(importing, reader)
        write_report(store, importing.progress, options.report)
        with closed_early():
            print_summary(progress, importing.progress, reader, store, finished=not trouble)
    if trouble:
        again = "the same command without --restart" if options.restart else "the same command"
        print(f"import: {trouble} Run {again} again to go on.", file=sys.stderr)
        return STOPPED
    return SOME_REJECTED if importing.progress.rejected else SAVED


def run_until_stopped(importing: Import, reader: Reader) -> str:
    """Runs the import; returns why it stopped before the end, or an empty text if it did not."""
    try:
        importing.run(reader.rows())
    except Stopped as stop:
        return str(stop)
    except KeyboardInterrupt:
        return "Interrupted."
    return ""


def reading_for(options: argparse.Namespace) -> Reading:
    columns, values = dict(options.column), dict(options.value)
    if both := columns.keys() & values.keys():
        raise Unusable(f"{both.pop()} has a --column and a --value; give one of them.")
    kind = options.format or FORMATS.get(options.file.suffix.lower())
    if not kind:
        raise Unusable("The file's name does not tell its format; say it with --format.")
    try:
        from_text(values)
    except Unreadable as error:
        raise Unusable(f"--value {error}.") from error
    return Reading(kind, columns, values)


def account_for(options: argparse.Namespace, environ: Mapping[str, str], data: Path) -> Account:
    """The local server is known by its data folder, not its port, which may change."""
    local = f"http://127.0.0.1:{environ.get('PORT') or DEFAULT_PORT}"
    url = check_url(options.server or local)
    server = url if options.server else str(data.resolve())
    if options.user:
        return Account(server, options.user, url, local_token(options.user, data))
    if token := environ.get("IMAGE_STORAGE_TOKEN"):
        return Account(server, subject(token), url, lambda: token)
    raise Unusable(
        "Say whose images they are: --user NAME for the local server, or a bearer token in "
        "IMAGE_STORAGE_TOKEN for a deployed one."
    )


def local_token(user: str, data: Path) -> Callable[[], str]:
    try:
        issuer = Issuer(data)
        issuer.token(user, time.time())
    except ValueError as error:
        raise Unusable(str(error)) from error
    return lambda: issuer.token(user, time.time())


def subject(token: str) -> str:
    """Whom the token names, unverified: the same user's next token must find the same progress."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        return f"{claims['iss']}|{claims['sub']}"
    except (jwt.InvalidTokenError, KeyError) as error:
        raise Unusable("IMAGE_STORAGE_TOKEN must be a JWT with an issuer and a subject.") from error


def check_url(text: str) -> str:
    """The address without a slash at its end; https, unless it is on this machine."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise Unusable(f"{text!r} is no address; check --server and PORT.") from error
    port = 443 if url.port is None else url.port
    plain = url.host and 0 < port < 2**16 and not (url.userinfo or url.query or url.fragment)
    if not plain or not (url.scheme == "https" or (url.scheme == "http" and is_loopback(url.host))):
        raise Unusable(
            "The server's address must be https://HOST[:PORT][/PATH]; plain http would show the "
            "token to others, and is for 127.0.0.1 and localhost alone."
        )
    return text.rstrip("/")


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def check_files(options: argparse.Namespace) -> None:
    file, report = options.file, options.report
    if not file.is_file():
        raise Unusable(f"There is no file {str(file)!r}; check its name.")
    if report and (not report.parent.is_dir() or report.resolve() == file.resolve()):
        raise Unusable("--report must name another file, in a folder that exists.")


def remembered(store: Store, reading: Reading, server: Server) -> Progress | None:
    """The progress of earlier runs, if it is true of the library as it is now.

    Raises `Unusable` where only a person can say what is meant, `Stopped` as `Server` does.
    """
    earlier = store.load()
    if earlier is None:
        return None
    if earlier.reading != reading:
        raise Unusable(
            "This file's import was begun with another --format, --column or --value. Give the "
            "same again, or begin anew with --restart, which saves the saved lines a second time."
        )
    if not earlier.saved or earlier.cursor is None:
        return earlier
    match server.library(earlier.cursor, earlier.created_at):
        case Library.ANOTHER:
            tell(
                f"Earlier runs saved {earlier.saved} images to another library than this (was it "
                "restored, or its data removed?). The import begins anew."
            )
            return None
        case Library.EMPTIED:
            raise Unusable(
                f"The library has none of the {earlier.saved} images any more that earlier runs "
                "saved: they were deleted, or erased. To save them again, give --restart."
            )
        case Library.SAME:
            return earlier


def begin(store: Store, reader: Reader, reading: Reading, earlier: Progress | None) -> Progress:
    """The progress to go on from, with the reader at its place; Unusable if the file changed."""
    if earlier is None:
        progress = Progress(reading, done=reader.here())
        store.save(progress)
        return progress
    reader.resume(earlier.done, earlier.flight.end if earlier.flight else earlier.done)
    return earlier


@contextmanager
def connected(account: Account, options: argparse.Namespace) -> Iterator[Server]:
    # A proxy that the environment names does not reach this machine's own server.
    is_remote = not is_loopback(httpx.URL(account.url).host)
    with httpx.Client(base_url=account.url, timeout=TIMEOUT, trust_env=is_remote) as http:
        yield Server(http, account.token, time.time, time.sleep, options.patience, tell)


def tell(text: str) -> None:
    tqdm.write(f"import: {text}", file=sys.stderr)


@contextmanager
def meter(file: Path, progress: Progress) -> Iterator[Callable[[Progress], None]]:
    """Shows progress on stderr: a bar on a terminal, else a line now and then."""
    size = file.stat().st_size
    if not sys.stderr.isatty():
        yield lines_of_progress(size, sys.stderr, time.monotonic)
        return
    with tqdm(total=size, initial=progress.done.offset, unit="B", unit_scale=True) as bar:

        def show(now: Progress) -> None:
            bar.set_postfix(saved=now.saved, rejected=now.rejected, refresh=False)
            bar.update(now.done.offset - bar.n)

        yield show


def lines_of_progress(
    size: int, stream: TextIO, clock: Callable[[], float]
) -> Callable[[Progress], None]:
    last = clock()

    def show(now: Progress) -> None:
        nonlocal last
        if clock() - last >= SECONDS_BETWEEN_LINES:
            last = clock()
            part = now.done.offset / max(size, 1)
            print(f"{part:.0%}: {now.saved} saved, {now.rejected} rejected", file=stream)

    return show


@contextmanager
def closed_early() -> Iterator[None]:
    """Ignores that the reader of the output stopped early, as `head` does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_summary(
    before: Progress, after: Progress, reader: Reader, store: Store, finished: bool
) -> None:
    """On stdout: counts of all runs together, and the first rejected lines."""
    if finished and before.done == after.done and before.done.lines:
        print("This import was finished before; there is nothing new in the file.")
    print(f"{after.saved} saved, {after.rejected} rejected.")
    if reader.ignored:
        print(f"Not imported from the file: {', '.join(map(repr, reader.ignored))}.")
    for line in itertools.islice(store.rejections(), min(after.rejected, SHOWN_REJECTED)):
        print("  line {line}: {reason}".format(**json.loads(line)))
    if after.rejected > SHOWN_REJECTED:
        print(f"  … and {after.rejected - SHOWN_REJECTED} more: write them with --report FILE.")


def write_report(store: Store, progress: Progress, report: Path | None) -> None:
    if report:
        with report.open("w") as copy:
            copy.writelines(itertools.islice(store.rejections(), progress.rejected))
