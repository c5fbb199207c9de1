"""Goal 9: pages a second of one machine, and how long one takes on the local server; with DynamoDB
Local on the same machine, which has its share of the processors.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.common import ROOT, Result, milliseconds, payload, told
from chalicelib.model.user_keys import user_id
from local.dynamodb_local import free_port
from local.issuer import ISSUER
from tests.api.server import Server, running
from tests.api.support import sync

IMAGES = 500
PAGE = "/api/images?limit=50"
CONNECTIONS = 4
SECONDS = 3.0
ROUNDS = 5
SINGLE = 60


class Visitor:
    """One connection, over which the same page is asked for again and again."""

    def __init__(self, port: int, token: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        lines = [f"GET {PAGE} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}"]
        self._request = "\r\n".join([*lines, "", ""]).encode()

    def ask(self) -> None:
        self._socket.sendall(self._request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._socket.recv(65_536)
        head, _, body = received.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(head.decode())
        left = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]) - len(body)
        while left:
            left -= len(self._socket.recv(65_536))

    def close(self) -> None:
        self._socket.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as local:
        fill(local)
        token = local.token("alice")
        with wsgi("ours", local) as ours, wsgi("baseline", local) as baseline:
            ports = {"ours": ours, "baseline": baseline, "local": local.port}
            for port in ports.values():
                pages_a_second(port, token, 2.0)  # until all is warm, Java too
            many = in_turns({n: partial(pages_a_second, p, token) for n, p in ports.items()})
            one = in_turns({n: partial(seconds_a_page, p, token) for n, p in ports.items()})
    told(
        Result(
            "9",
            "pages a second, ours / Chalice + PynamoDB, each behind waitress",
            many["ours"] / many["baseline"],
            8,
            at_least=True,
            detail=", ".join(f"{name} {value:.0f}/s" for name, value in many.items()),
        )
    )
    told(
        Result(
            "9",
            "a page, median: local server / waitress",
            one["local"] / one["ours"],
            2,
            detail=", ".join(f"{name} {milliseconds(value)}" for name, value in one.items()),
        )
    )


def fill(local: Server) -> None:
    with local.client("alice") as client:
        for first in range(1, IMAGES, 25):
            images = [payload(number) for number in range(first, first + 25)]
            body = [{"prompt": i.prompt, "imageUrl": i.image_url, "seed": i.seed} for i in images]
            client.post("/api/images/batch", json={"images": body}).raise_for_status()
        sync(client)


@contextmanager
def wsgi(which: str, local: Server) -> Iterator[int]:
    port, user = free_port(), user_id(ISSUER, "alice")
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.wsgi", which, str(port), user],
        cwd=ROOT,
        env={**os.environ, **local.environ()},
    )
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit("The server did not start.")


def in_turns(contenders: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    measured: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, measure in contenders.items():
            measured[name].append(measure())
    return {name: statistics.median(values) for name, values in measured.items()}


def pages_a_second(port: int, token: str, seconds: float = SECONDS) -> float:
    until, counts = time.monotonic() + seconds, []

    def visit() -> None:
        visitor, count = Visitor(port, token), 0
        while time.monotonic() < until:
            visitor.ask()
            count += 1
        visitor.close()
        counts.append(count)

    threads = [threading.Thread(target=visit) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds


def seconds_a_page(port: int, token: str) -> float:
    visitor, taken = Visitor(port, token), []
    for _ in range(SINGLE):
        began = time.perf_counter()
        visitor.ask()
        taken.append(time.perf_counter() - began)
    visitor.close()
    return statistics.median(taken)


if __name__ == "__main__":
    main()
