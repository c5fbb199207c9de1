"""The development server as its users run it: a process of its own, spoken to over HTTP."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from local.dynamodb_local import free_port
from local.invoke import exports_in
from local.issuer import Issuer

START_SECONDS = 300
"""Enough to fetch the database, which the first start on a machine does."""

STOP_SECONDS = 30


@dataclass(frozen=True)
class Server:
    """A running `python -m local run`. `log` is the file with its stdout and stderr."""

    port: int
    data: Path
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self, name: str) -> str:
        return Issuer(self.data).token(name, time.time())

    def client(self, name: str) -> httpx.Client:
        """A client that is signed in as the user of that name."""
        headers = {"Authorization": f"Bearer {self.token(name)}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def send(self, request: bytes) -> httpx.Response:
        """The answer to these very bytes and no more, for what no HTTP client would send."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            with closing(http.client.HTTPResponse(connection)) as answer:
                answer.begin()
                content = answer.read()
                return httpx.Response(answer.status, headers=answer.getheaders(), content=content)

    def environ(self) -> Mapping[str, str]:
        """The variables that lead to its database, as it writes them for other processes."""
        return exports_in(self.data / "env")


@contextmanager
def running(data: Path, **settings: str) -> Iterator[Server]:
    """Starts a server on a free port; ends it, and all that it started, afterwards.

    `settings` are environment variables besides.
    """
    server = Server(free_port(), data, data.with_suffix(".log"))
    environ = {**os.environ, "DATA": str(data), "PORT": str(server.port), **settings}
    with server.log.open("wb") as log:
        command = [sys.executable, "-m", "local", "run"]
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        wait_until_healthy(server, process)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_healthy(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            httpx.get(f"{server.url}/api/health").raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"The server did not start:\n{server.log.read_text()}")
