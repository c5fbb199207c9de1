"""The importer against a small server of the same API: retries, kills at every point, resuming."""

import json
import os
import signal
import subprocess
import sys
import termios
import threading
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from local.importer.command import main
from local.importer.progress import Progress, Store
from local.importer.rows import Reader, Reading, Rejected
from local.importer.saving import KEY_LIFETIME, Import
from local.importer.server import Server, Stopped

URL = "https://images.example/1.png"
TOKEN = jwt.encode({"iss": "https://issuer.example", "sub": "alice"}, "secret" * 6)
WAIT = 30


class LostReply(Exception):
    """The connection ends without an answer."""


@dataclass
class Api:
    """One user's images behind the API, and what is to go wrong with the next batches.

    A fault is a status to answer without saving, or "" for none; "lost request" or "lost reply" end
    the connection before or after saving; "hold request" and "hold reply" set `held` and wait for
    `release` before or after saving, "hold and lose" does so and saves nothing. Prompts that begin
    with "bad" are refused; more than `most` images at once are too long. `token` None: any will do.
    """

    most: int = 25
    faults: deque[int | str] = field(default_factory=deque)
    log: list[dict[str, Any]] = field(default_factory=list)
    keys: dict[str, tuple[str, list[dict[str, Any]]]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    sent_keys: list[str] = field(default_factory=list)
    retry_after: str = "0"
    created_at: str = "2026-01-01T00:00:00.000Z"
    token: str | None = TOKEN
    lock: threading.Lock = field(default_factory=threading.Lock)
    held: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def prompts(self) -> list[str]:
        return [entry["image"]["prompt"] for entry in self.log if "image" in entry]

    def append(self, image: dict[str, Any]) -> dict[str, Any]:
        cursor = len(self.log) + 1
        shown = image | ({"seed": str(image["seed"])} if "seed" in image else {})
        saved = {"cursor": cursor, **shown, "createdAt": self.created_at}
        self.log.append({"cursor": cursor, "image": saved})
        return saved

    def delete(self, cursor: int) -> None:
        self.log[cursor - 1] = {"cursor": cursor}
        self.log.append({"cursor": len(self.log) + 1, "deleted": cursor})

    def batch(self, body: str, key: str) -> tuple[int, dict[str, Any]]:
        self.sent_keys.append(key)
        fault = self.faults.popleft() if self.faults else None
        if isinstance(fault, int):
            return fault, {"detail": "Told to fail."}
        if fault in ("hold request", "hold and lose"):
            self.hold()
        if fault in ("lost request", "hold and lose"):
            raise LostReply
        answer = self.save(body, key)
        if fault == "hold reply":
            self.hold()
        if fault == "lost reply":
            raise LostReply
        return answer

    def hold(self) -> None:
        self.held.set()
        assert self.release.wait(WAIT)

    def save(self, body: str, key: str) -> tuple[int, dict[str, Any]]:
        images = json.loads(body)["images"]
        if key in self.keys:
            before, saved = self.keys[key]
            return (201, {"images": saved}) if before == body else (422, {"detail": "Reused."})
        if len(images) > self.most:
            return 413, {"detail": "Too long."}
        if bad := [i for i, image in enumerate(images) if image["prompt"].startswith("bad")]:
            return 400, {"errors": [self.refusal(i) for i in bad]}
        if any(image["prompt"].startswith("odd") for image in images):
            return 400, {"detail": "Something is odd."}
        saved = [self.append(image) for image in images]
        self.keys[key] = (body, saved)
        return 201, {"images": saved}

    def refusal(self, place: int) -> dict[str, str]:
        return {"detail": "is bad", "pointer": f"#/images/{place}/prompt"}

    def image(self, cursor: int) -> tuple[int, dict[str, Any]]:
        entry = self.log[cursor - 1] if cursor <= len(self.log) else {}
        return (200, entry["image"]) if "image" in entry else (404, {"code": "not-found"})

    def page(self, before: int) -> dict[str, Any]:
        """One row a page, as if the server's bound were reached at each."""
        entry = self.log[before - 2] if before > 1 else {}
        shown = [entry["image"]] if "image" in entry else []
        return {"images": shown, "next": before - 1 if before > 2 else None}

    def changes(self, after: int, limit: int) -> dict[str, Any]:
        page = self.log[after : after + limit]
        shown = [entry for entry in page if len(entry) > 1]
        end = after + len(page)
        return {"changes": shown, "cursor": end, "upToDate": end == len(self.log)}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for the client's acknowledgement
    wbufsize = -1

    def __init__(self, *arguments: Any, api: Api) -> None:
        self.api = api
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self.reply(self.read)

    def do_POST(self) -> None:
        self.reply(self.write)

    def read(self) -> tuple[int, dict[str, Any]]:
        query = parse_qs(urlsplit(self.path).query)
        if "before" in query:
            return 200, self.api.page(int(query["before"][0]))
        if not query:
            return self.api.image(int(self.path.rpartition("/")[2]))
        return 200, self.api.changes(int(query["after"][0]), int(query["limit"][0]))

    def write(self) -> tuple[int, dict[str, Any]]:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/api/images/sync":
            return 200, {"cursor": len(self.api.log), "applied": 0, "upToDate": True}
        return self.api.batch(body, self.headers["Idempotency-Key"])

    def reply(self, act: Callable[[], tuple[int, dict[str, Any]]]) -> None:
        try:
            with self.api.lock:
                self.api.requests.append(self.path)
                status, answer = act() if self.is_known() else (401, {"detail": "Unknown token."})
        except LostReply:
            self.close_connection = True
            return
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if status in (429, 503):
            self.send_header("Retry-After", self.api.retry_after)
        self.end_headers()
        self.wfile.write(content)

    def is_known(self) -> bool:
        return self.api.token in (None, self.headers["Authorization"].removeprefix("Bearer "))

    def log_message(self, *_: object) -> None:
        pass


class Listener(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that was killed is no error here."""


@dataclass
class Running:
    """A served `Api`, and the folder with the files of the tests' one import."""

    api: Api
    port: int
    folder: Path
    told: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def file(self) -> Path:
        return self.folder / "images.jsonl"

    def write(self, *prompts: str) -> None:
        images = [{"prompt": prompt, "imageUrl": URL, "seed": 7} for prompt in prompts]
        self.file.write_text("".join(json.dumps(image) + "\n" for image in images))


@contextmanager
def serving(api: Api, folder: Path, port: int = 0) -> Iterator[Running]:
    with Listener(("127.0.0.1", port), partial(Handler, api=api)) as listener:
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Running(api, listener.server_port, folder)
        finally:
            api.release.set()
            listener.shutdown()
            thread.join()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with serving(Api(), tmp_path) as it:
        yield it


class Kill(BaseException):
    """Ends an import as a kill would: nothing in it can handle this."""


class Fuse:
    """Kills at the given step, counted from 1; 0 never does. `steps` is how many were taken."""

    def __init__(self, kill_at: int = 0) -> None:
        self._kill_at = kill_at
        self.steps = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == self._kill_at:
            raise Kill


class FusedStore(Store):
    """A store with a step before and after every write."""

    def __init__(self, running: Running, fuse: Fuse) -> None:
        super().__init__(running.folder, "server", "alice", running.file)
        self._fuse = fuse

    def save(self, progress: Progress) -> None:
        self._fuse.step()
        super().save(progress)
        self._fuse.step()

    def append_rejected(self, length: int, rows: Sequence[Rejected]) -> int:
        self._fuse.step()
        length = super().append_rejected(length, rows)
        self._fuse.step()
        return length


class FusedTransport(httpx.HTTPTransport):
    """A step before every request is sent and after its answer came."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self._fuse.step()
        response = super().handle_request(request)
        response.read()
        self._fuse.step()
        return response


@dataclass
class Clock:
    """Unix seconds that pass by sleeping alone; `during_sleep` may do more."""

    now: float = 1_000_000.0
    slept: list[float] = field(default_factory=list)
    during_sleep: Callable[[], object] = lambda: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.during_sleep()

    def advance(self, seconds: float) -> None:
        self.now += seconds


def run_import(
    running: Running,
    fuse: Fuse | None = None,
    clock: Clock | None = None,
    timeout: float = WAIT,
    token: str = TOKEN,
) -> Progress:
    """One run, composed as the command does, which ends, stops or is killed."""
    fuse, clock = fuse or Fuse(), clock or Clock()
    with running.file.open("rb") as file:
        reader, store = Reader(file, Reading("jsonl")), FusedStore(running, fuse)
        progress = store.load() or Progress(Reading("jsonl"), reader.here())
        reader.resume(progress.done, progress.flight.end if progress.flight else progress.done)
        with httpx.Client(
            base_url=running.url, transport=FusedTransport(fuse), timeout=timeout
        ) as http:
            server = Server(http, lambda: token, clock, clock.sleep, 60, running.told.append)
            importing = Import(server, store, progress, clock, new_key, lambda _: None)
            importing.run(reader.rows())
            return importing.progress


def new_key() -> str:
    return uuid.uuid4().hex


def rejected(running: Running, progress: Progress) -> list[int]:
    return [reported["line"] for reported in report(running)][: progress.rejected]


def report(running: Running) -> list[dict[str, Any]]:
    return [json.loads(line) for line in FusedStore(running, Fuse()).rejections()]


def many(count: int, *, bad: tuple[int, ...] = ()) -> list[str]:
    return [f"bad {n}" if n in bad else f"image {n}" for n in range(1, count + 1)]


class TestSaving:
    def test_everything_once_and_in_order(self, running: Running) -> None:
        """Every line is saved once, in the file's order, 25 at a time."""
        running.write(*many(60))
        progress = run_import(running)
        assert running.api.prompts == many(60)
        assert (progress.saved, progress.rejected, progress.cursor) == (60, 0, 60)
        assert len(running.api.sent_keys) == 3

    def test_rejected_lines_stop_nothing(self, running: Running) -> None:
        """Lines that the server refuses are reported; the rest of their batch is saved."""
        running.write(*many(60, bad=(3, 4, 60)))
        with running.file.open("a") as file:
            file.write("not JSON\n")
        progress = run_import(running)
        assert running.api.prompts == [p for p in many(60) if p.split()[1] not in ("3", "4", "60")]
        assert (progress.saved, progress.rejected) == (57, 4)
        assert rejected(running, progress) == [3, 4, 60, 61]
        assert report(running)[0] == {"line": 3, "reason": "prompt: is bad"}

    def test_a_batch_of_nothing_but_rejected_lines(self, running: Running) -> None:
        """When all of a batch is refused the next one follows."""
        running.write(*["bad"] * 25, "image 1")
        assert run_import(running).rejected == 25
        assert running.api.prompts == ["image 1"]

    @pytest.mark.parametrize("most", [1, 2, 10])
    def test_too_long_batches_are_split(self, running: Running, most: int) -> None:
        """A batch that is too long for the server is sent in smaller ones."""
        running.api.most = most
        running.write(*many(30, bad=(2, 29)))
        progress = run_import(running)
        assert running.api.prompts == [p for p in many(30) if p not in ("image 2", "image 29")]
        assert rejected(running, progress) == [2, 29]

    def test_an_image_that_fits_in_no_batch(self, running: Running) -> None:
        """An image that the server finds too long alone is rejected."""
        running.api.most = 0
        running.write("image 1", "image 2")
        assert run_import(running).rejected == 2

    def test_a_refusal_without_a_culprit(self, running: Running) -> None:
        """A refusal that names no image is narrowed down to the images that cause it."""
        running.write("image 1", "odd", "image 2", "image 3")
        progress = run_import(running)
        assert running.api.prompts == ["image 1", "image 2", "image 3"]
        assert rejected(running, progress) == [2]

    def test_again(self, running: Running) -> None:
        """A finished import run again asks the server nothing; a grown file's new lines follow."""
        running.write(*many(3))
        run_import(running)
        asked = len(running.api.requests)
        assert run_import(running).saved == 3
        assert len(running.api.requests) == asked
        running.write(*many(5))
        assert run_import(running).saved == 5
        assert running.api.prompts == many(5)


class TestRetrying:
    @pytest.mark.parametrize("fault", ["lost request", "lost reply", 500, 502, 503, 504, 429, 408])
    def test_same_key_again(self, running: Running, fault: int | str) -> None:
        """Whatever fails on the way is sent again under the same key, and saved once."""
        running.api.faults.extend([fault] * 3)
        running.write(*many(3))
        run_import(running)
        assert running.api.prompts == many(3)
        assert len(running.api.sent_keys) == 4
        assert len(set(running.api.sent_keys)) == 1

    def test_a_reply_that_comes_too_late(self, running: Running) -> None:
        """A request that times out after it was saved is sent again, and not saved again."""
        running.api.faults.append("hold reply")
        running.write(*many(3))
        run_import(running, clock=Clock(during_sleep=running.api.release.set), timeout=0.3)
        assert running.api.prompts == many(3)

    def test_retry_after(self, running: Running) -> None:
        """The pause is at least as long as the server asks for."""
        running.api.retry_after = "17"
        running.api.faults.append(503)
        running.write("image 1")
        clock = Clock()
        run_import(running, clock=clock)
        assert clock.slept == [17]

    @pytest.mark.parametrize(("retry_after", "waited"), [("0", 40), ("3600", 0)])
    def test_giving_up(self, running: Running, retry_after: str, waited: float) -> None:
        """It stops when its patience ends, at once if it is asked for more, and can go on later."""
        running.api.retry_after = retry_after
        running.api.faults.extend([503] * 1000)
        running.write("image 1")
        clock = Clock()
        with pytest.raises(Stopped, match="503"):
            run_import(running, clock=clock)
        assert waited <= sum(clock.slept) <= 60
        assert len(running.told) == 1
        assert "answers 503" in running.told[0]
        running.api.faults.clear()
        run_import(running)
        assert running.api.prompts == ["image 1"]
        assert len(set(running.api.sent_keys)) == 1

    def test_no_key_is_sent_after_a_suspension(self, running: Running) -> None:
        """A computer that sleeps through a pause gives up instead of using an old key."""
        running.api.faults.append("lost reply")
        running.write("image 1")
        clock = Clock()
        clock.during_sleep = lambda: clock.advance(30 * 3600)
        with pytest.raises(Stopped):
            run_import(running, clock=clock)
        assert len(running.api.sent_keys) == 1

    def test_nobody_listens(self, running: Running) -> None:
        """A server that is down is waited for, then named."""
        running.write("image 1")
        with pytest.raises(Stopped, match="ConnectError"):
            run_import(Running(running.api, 1, running.folder))

    def test_wrong_token(self, running: Running) -> None:
        """A token that is not accepted ends the import at once, and loses nothing."""
        running.write("image 1")
        clock = Clock()
        with pytest.raises(Stopped, match="DATA"):
            run_import(running, clock=clock, token="another")
        assert clock.slept == []
        run_import(running)
        assert running.api.prompts == ["image 1"]


PROMPTS = many(55, bad=(2, 30, 31, 55))
GOOD = [prompt for prompt in PROMPTS if prompt.startswith("image")]
BAD = [n for n, prompt in enumerate(PROMPTS, 1) if prompt.startswith("bad")]


def assert_complete(running: Running, progress: Progress) -> None:
    """Exactly one copy of each good line, each bad line reported once."""
    assert running.api.prompts == GOOD
    assert rejected(running, progress) == BAD
    assert (progress.saved, progress.rejected, progress.flight) == (len(GOOD), len(BAD), None)


class TestKills:
    @pytest.mark.parametrize("most", [25, 13])
    def test_kill_at_every_point(self, tmp_path: Path, most: int) -> None:
        """Killed before or after any write or request, the next run completes the import."""
        killed, kill_at = True, 0
        while killed:
            kill_at += 1
            (folder := tmp_path / str(kill_at)).mkdir()
            with serving(Api(most=most), folder) as running:
                running.write(*PROMPTS)
                killed = self.is_killed(running, kill_at)
                assert_complete(running, run_import(running))
        assert kill_at > 35

    def is_killed(self, running: Running, kill_at: int) -> bool:
        try:
            run_import(running, Fuse(kill_at))
        except Kill:
            return True
        return False

    @pytest.mark.parametrize("every", [6, 7, 11])
    def test_kill_again_and_again(self, running: Running, every: int) -> None:
        """Killed after every few steps, an import still comes to its end."""
        running.write(*PROMPTS)
        kills = 0
        while self.is_killed(running, every):
            kills += 1
            assert kills < 50
        assert kills > 3
        assert_complete(running, run_import(running))

    @pytest.mark.parametrize("moment", ["hold request", "hold reply", "hold and lose"])
    def test_real_kill(self, running: Running, moment: str) -> None:
        """A process that is killed while its batch is under way is completed by the next."""
        running.write(*PROMPTS)
        running.api.faults.extend(["", "", "", moment])
        with command(running) as process:
            assert running.api.held.wait(WAIT)
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert 0 < len(running.api.prompts) < len(GOOD)
        running.api.release.set()
        with command(running) as process:
            out, _ = process.communicate(timeout=WAIT)
        assert process.returncode == 1
        assert f"{len(GOOD)} saved, {len(BAD)} rejected." in out
        assert running.api.prompts == GOOD

    def test_server_down(self, running: Running) -> None:
        """A server that is down, and comes up at the same address, is waited for."""
        running.write(*PROMPTS)
        running.api.faults.extend(["", "", "lost reply"])
        clock = Clock()
        with ExitStack() as stack:
            port = stack.enter_context(serving(running.api, running.folder)).port
            stack.close()
            clock.during_sleep = lambda: (
                len(clock.slept) == 3
                and stack.enter_context(serving(running.api, running.folder, port))
            )
            progress = run_import(Running(running.api, port, running.folder), clock=clock)
        assert_complete(running, progress)


class TestOldKeys:
    """A batch that was under way when the server may have forgotten its key."""

    images = many(40)

    def killed(self, running: Running, *, was_saved: bool) -> None:
        """A run that is killed in its second batch, and the server without its keys."""
        running.write(*self.images)
        with pytest.raises(Kill):
            run_import(running, Fuse(12 if was_saved else 11))  # after, before the second request
        assert len(running.api.log) == (40 if was_saved else 25)
        running.api.keys.clear()

    def late(self, seconds: float = KEY_LIFETIME + 1) -> Clock:
        return Clock(1_000_000.0 + seconds)

    @pytest.mark.parametrize("was_saved", [True, False])
    def test_feed_decides(self, running: Running, was_saved: bool) -> None:
        """Whether the batch was saved is seen in the feed."""
        self.killed(running, was_saved=was_saved)
        progress = run_import(running, clock=self.late())
        assert running.api.prompts == self.images
        assert (progress.saved, progress.cursor) == (40, 40)

    def test_other_images_between(self, running: Running) -> None:
        """Images that were saved meanwhile, and many of them, do not hide the batch."""
        self.killed(running, was_saved=True)
        for n in range(500):
            running.api.append({"prompt": f"other {n}", "imageUrl": URL})
        run_import(running, clock=self.late())
        assert len(running.api.log) == 540

    def test_deleted_meanwhile(self, running: Running) -> None:
        """An image that was deleted meanwhile is not saved again, nor are those around it."""
        self.killed(running, was_saved=True)
        running.api.delete(30)
        run_import(running, clock=self.late())
        assert running.api.prompts == [p for p in self.images if p != "image 30"]

    def test_only_what_came_after_counts(self, running: Running) -> None:
        """The same images, saved before the import began, are not taken for the import's."""
        for prompt in many(3):
            running.api.append({"prompt": prompt, "imageUrl": URL, "seed": 7})
        running.write(*many(3))
        with pytest.raises(Kill):
            run_import(running, Fuse(5))
        run_import(running, clock=self.late())
        assert running.api.prompts == many(3) * 2

    def test_a_young_key_is_used(self, running: Running) -> None:
        """Before that age the batch is sent again under its key."""
        self.killed(running, was_saved=False)
        run_import(running, clock=self.late(KEY_LIFETIME - 1))
        assert len(running.api.sent_keys) == 2
        assert running.api.prompts == self.images

    def test_the_feed_is_asked_only_when_it_must_be(self, running: Running) -> None:
        """An import that ends within a day never reads the feed."""
        running.write(*self.images)
        run_import(running)
        assert not [path for path in running.api.requests if "changes" in path]


class TestCommand:
    def run(
        self, running: Running, *arguments: str, file: Path | None = None, token: str = TOKEN
    ) -> int:
        environ = {"DATA": str(running.folder / "data"), "IMAGE_STORAGE_TOKEN": token}
        argv = ["--server", running.url, str(file or running.file), *arguments]
        return main(argv, environ)

    def test_report(self, running: Running, capsys: pytest.CaptureFixture[str]) -> None:
        """Rejected lines are summed up, and all written to the report, again at every run."""
        running.write(*["bad"] * 12, "image 1")
        report = running.folder / "report.jsonl"
        for _ in range(2):
            assert self.run(running, "--report", str(report)) == 1
            out = capsys.readouterr().out
            assert "1 saved, 12 rejected." in out
            assert "line 10: prompt: is bad" in out
            assert "2 more" in out
            written = [json.loads(line) for line in report.read_text().splitlines()]
            assert written == [{"line": n, "reason": "prompt: is bad"} for n in range(1, 13)]
        assert "finished before" in out

    def test_all_saved(self, running: Running, capsys: pytest.CaptureFixture[str]) -> None:
        """When all lines are saved the report is empty, and what was not read is named."""
        file = running.folder / "images.tsv"
        file.write_text(f"Prompt\tNote\timageUrl\na cat\tn\t{URL}\n")
        report = running.folder / "report.jsonl"
        arguments = ("--column", "prompt=Prompt", "--value", "model=m", "--report", str(report))
        assert self.run(running, *arguments, file=file) == 0
        out = capsys.readouterr().out
        assert "1 saved, 0 rejected." in out
        assert "Not imported from the file: 'Note'." in out
        assert report.read_text() == ""
        assert running.api.log[0]["image"]["model"] == "m"

    def test_stopped(self, running: Running, capsys: pytest.CaptureFixture[str]) -> None:
        """An import that is stopped says how to go on; that is done by the same command."""
        running.write(*many(30))
        running.api.faults.extend(["", 401])
        assert self.run(running) == 3
        captured = capsys.readouterr()
        assert "25 saved" in captured.out
        assert "Run the same command again to go on." in captured.err
        assert self.run(running) == 0
        assert running.api.prompts == many(30)

    def test_restart(self, running: Running, capsys: pytest.CaptureFixture[str]) -> None:
        """--restart saves everything a second time; going on after a stop is without it."""
        running.write(*many(30))
        assert self.run(running) == 0
        running.api.faults.extend(["", 401])
        assert self.run(running, "--restart") == 3
        assert "without --restart" in capsys.readouterr().err
        assert self.run(running) == 0
        assert Counter(running.api.prompts) == Counter(many(30) * 2)

    def test_restart_that_comes_to_nothing(self, running: Running) -> None:
        """A --restart that is stopped before its first batch is gone on with all the same."""
        running.write(*many(3))
        assert self.run(running) == 0
        running.api.token = "another"
        assert self.run(running, "--restart") == 3
        running.api.token = TOKEN
        assert self.run(running) == 0
        assert running.api.prompts == many(3) * 2

    def again(self, running: Running, capsys: pytest.CaptureFixture[str], *more: str) -> Any:
        """The exit code, stdout and stderr of the same command again."""
        capsys.readouterr()
        code = self.run(running, *more)
        return code, *capsys.readouterr()

    def test_after_an_erasure(self, running: Running, capsys: pytest.CaptureFixture[str]) -> None:
        """Nothing is claimed of an emptied library, nor brought back unless it is asked for."""
        running.write(*many(3))
        assert self.run(running) == 0
        for cursor in (1, 2, 3):
            running.api.delete(cursor)
        code, out, err = self.again(running, capsys)
        assert (code, out, running.api.prompts) == (2, "", [])
        assert "none of the 3 images" in err
        assert "--restart" in err
        assert self.again(running, capsys, "--restart")[:2] == (0, "3 saved, 0 rejected.\n")
        assert running.api.prompts == many(3)

    def test_after_some_deletions(
        self, running: Running, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """What somebody deleted, be it the last one, is not brought back."""
        running.write(*many(3))
        assert self.run(running) == 0
        running.api.delete(3)
        code, out, _err = self.again(running, capsys)
        assert (code, running.api.prompts) == (0, many(2))
        assert "finished before" in out

    @pytest.mark.parametrize("has", [0, 2, 5])
    def test_another_library_at_the_same_address(
        self, running: Running, capsys: pytest.CaptureFixture[str], has: int
    ) -> None:
        """A new or restored one, shorter or outgrown by others' saves: the import begins anew."""
        running.write(*many(3))
        assert self.run(running) == 0
        running.api.log.clear()
        running.api.keys.clear()
        running.api.created_at = "2026-02-02T00:00:00.000Z"
        others = [f"other {n}" for n in range(has)]
        for prompt in others:
            running.api.append({"prompt": prompt, "imageUrl": URL})
        code, out, err = self.again(running, capsys)
        assert (code, out) == (0, "3 saved, 0 rejected.\n")
        assert "begins anew" in err
        assert running.api.prompts == [*others, *many(3)]
        assert "finished before" in self.again(running, capsys)[1]

    def test_other_mapping(self, running: Running, capsys: pytest.CaptureFixture[str]) -> None:
        """An import is not gone on with under another mapping."""
        running.write(*many(3))
        assert self.run(running) == 0
        assert self.run(running, "--value", "model=m") == 2
        assert "--restart" in capsys.readouterr().err
        assert self.run(running, "--value", "model=m", "--restart") == 0

    def test_another_token_of_the_same_user(self, running: Running) -> None:
        """Progress belongs to the user whom the token names: a newer token goes on with it."""
        running.write(*many(3))
        assert self.run(running) == 0
        claims = {"iss": "https://issuer.example", "sub": "alice"}
        newer = jwt.encode(claims | {"exp": 2**40}, "secret" * 6)
        running.api.token = newer
        assert self.run(running, token=newer) == 0
        other = jwt.encode(claims | {"sub": "bob"}, "secret" * 6)
        assert self.run(running, token=other) == 3
        assert running.api.prompts == many(3)

    def test_no_jwt(self, running: Running, capsys: pytest.CaptureFixture[str]) -> None:
        """A token that names nobody is refused before anything is sent."""
        running.write("image 1")
        assert self.run(running, token="opaque") == 2
        assert "JWT" in capsys.readouterr().err
        assert running.api.requests == []

    def test_local_users(self, running: Running) -> None:
        """On this machine each name has a token and a progress, whatever the server's port."""
        running.write(*many(3))
        environ = {"DATA": str(running.folder / "data"), "PORT": str(running.port)}
        running.api.token = None
        for user in ("alice", "bob", "alice"):
            assert main([str(running.file), "--user", user], environ) == 0
        assert running.api.prompts == many(3) * 2
        with serving(running.api, running.folder) as moved:
            again = {**environ, "PORT": str(moved.port)}
            assert main([str(running.file), "--user", "alice"], again) == 0
        assert running.api.prompts == many(3) * 2

    def test_twice_at_once(self, running: Running, capsys: pytest.CaptureFixture[str]) -> None:
        """A second run of an import that is under way ends with a clear message."""
        running.write(*many(3))
        running.api.faults.append("hold reply")
        with command(running) as process:
            assert running.api.held.wait(WAIT)
            assert self.run(running) == 2
            assert "already" in capsys.readouterr().err
            running.api.release.set()
            assert process.wait(WAIT) == 0

    def test_bar(self, running: Running) -> None:
        """On a terminal a bar is drawn, which ends at 100% with the counts."""
        running.write(*many(30))
        ours, terminal = os.openpty()
        os.set_blocking(ours, False)  # an empty terminal is a failure, not a wait
        termios.tcsetwinsize(terminal, (24, 100))
        with command(running, stderr=terminal) as process:
            assert process.wait(WAIT) == 0
        os.close(terminal)  # so that reading ends, with an error if nothing was drawn
        shown = os.read(ours, 10_000).decode()
        os.close(ours)
        assert "100%" in shown
        assert "saved=30" in shown

    def test_interrupt(self, running: Running) -> None:
        """Ctrl-C ends the import with the words that a stop has, not with a traceback."""
        running.write(*many(3))
        running.api.faults.append("hold reply")
        with command(running) as process:
            assert running.api.held.wait(WAIT)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=WAIT)
        assert process.returncode == 3
        assert "again to go on" in err
        assert "Traceback" not in err

    def test_its_summary_may_be_read_in_part(self, running: Running) -> None:
        """As by `head`: it ends as it would have, and says nothing of a broken pipe."""
        running.write(*many(30))
        with command(running) as process:
            assert process.stdout
            process.stdout.close()
            process.stdout = None
            _, err = process.communicate(timeout=WAIT)
        assert process.returncode == 0
        assert "pipe" not in err


def command(running: Running, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """The import as a process of its own; use it as a context that ends with the process."""
    script = (
        "import os, signal, sys, local.importer as i;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"  # as at a terminal
        "sys.exit(i.main(sys.argv[1:], os.environ))"
    )
    environ = {
        "DATA": str(running.folder / "data"),
        "IMAGE_STORAGE_TOKEN": TOKEN,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    return subprocess.Popen(
        [sys.executable, "-c", script, "--server", running.url, str(running.file)],
        env=os.environ | environ,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )
