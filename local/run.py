"""`make run`: the database, the stream's pump and the app, all on this machine."""

import json
import logging
import os
import shlex
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalice.local import LambdaContext

from chalicelib.api import access_log
from chalicelib.config import cors_origins, table_names
from chalicelib.store.tables import create_tables
from local.dev_routes import JWKS_PATH, Own
from local.doors import Doors
from local.dynamodb_local import Engine, cache_dir, ensure_installed
from local.issuer import AUDIENCE, ISSUER, Issuer
from local.placeholder_images import DRAWN
from local.placeholder_images import url as drawn_url
from local.pump import Pump, Trouble
from local.room import Room
from local.server import HOST, Around, make_server
from local.sign_in import AUTHORIZE_PATH, TOKEN_PATH
from local.terminal import log_to_terminal, show_metrics
from local.workspace import DATABASE, DEFAULT_DATA, DEFAULT_PORT, Workspace, write_atomically

STREAM_FUNCTION_MS = SWEEP_MS = 60_000
SWEEP_SECONDS = 30.0
"""Seconds from the end of one sweep to the next. On AWS a schedule does it every few minutes."""

SCHEDULED_EVENT = {
    "version": "0",
    "id": "a-schedule-of-this-machine",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "1970-01-01T00:00:00Z",
    "region": "local",
    "resources": [],
    "detail": {},
}
"""What EventBridge sends (its user guide, "Scheduled events"); only its form counts."""

log = logging.getLogger(__name__)


def app_variables(port: int, data: Path = DEFAULT_DATA) -> dict[str, str]:
    """The app's own settings on a laptop."""
    return {
        "PRIMARY_TABLE": "images",
        "PARTITION_TABLE": "partition",
        "IDEMPOTENCY_TABLE": "idempotency",
        "OIDC_ISSUER": ISSUER,
        "OIDC_AUDIENCE": AUDIENCE,
        "OIDC_JWKS_URL": f"http://{HOST}:{port}{JWKS_PATH}",
        "OIDC_CLIENT_ID": AUDIENCE,
        "OIDC_AUTHORIZATION_ENDPOINT": AUTHORIZE_PATH.removeprefix("/"),
        "OIDC_TOKEN_ENDPOINT": TOKEN_PATH.removeprefix("/"),
        "DRAWN_IMAGES": DRAWN,
        "DEMO_COMMAND": command("demo", data, port),
    }


def run(data: Path, port: int, stop: threading.Event) -> int:
    """Serves until `stop` is set; ends all that it started. Answers the exit code."""
    log_to_terminal(logging.INFO)
    logging.getLogger(access_log.__name__).setLevel(logging.WARNING)  # the server has its own
    workspace = Workspace(data)
    with workspace.locked():
        return _serve(workspace, port, stop)


def _serve(workspace: Workspace, port: int, stop: threading.Event) -> int:
    import app

    vars(app)["emit"] = show_metrics
    issuer = Issuer(workspace.folder)
    doors = Doors.of(port, os.environ.get("HOSTS", ""), cors_origins(os.environ))
    room = Room(workspace.folder)
    try:
        server = make_server(app.app, port, Around(Own(issuer, doors.origins), doors, room))
    except OSError as error:
        other = command("run", workspace.folder, port + 1)
        say(f"Port {port}: {error.strerror}. Choose another: {other}")
        return 1
    installed = ensure_installed(cache_dir(os.environ), say)
    room.require()
    say("Starting DynamoDB Local …")
    with Engine.start(workspace.folder / DATABASE, workspace.credentials(), installed) as engine:
        variables = engine.environ(os.environ) | app_variables(port, workspace.folder)
        os.environ.clear()
        os.environ.update(variables)
        write_atomically(workspace.folder / "env", _exports(os.environ))
        names = table_names(os.environ)
        create_tables(names)
        sweep_now = threading.Event()
        schedule = Schedule(room, stop, sweep_now)
        pump = Pump.of(
            names.primary, schedule.stream_function, workspace.folder, stop, sweep_now.set
        )
        threads = [
            threading.Thread(target=pump.run, name="pump"),
            threading.Thread(target=server.server.serve_forever, name="server"),
            threading.Thread(target=schedule.sweep_regularly, name="sweeper"),
        ]
        for thread in threads:
            thread.start()
        if not stop.is_set():
            _greet(workspace, port, issuer.token("alice", time.time()))
        code = _wait(engine, stop)
        stop.set()
        sweep_now.set()  # wakes the sweeper, which then sees `stop`
        server.shutdown()
        for thread in threads:
            thread.join()
    server.server.server_close()
    say("Stopped.")
    return code


@dataclass(frozen=True)
class Schedule:
    """What AWS would call: the stream's function, and the sweep by the clock, or when it is asked.

    Both write, and so wait while there is no room on the disk.
    """

    room: Room
    stop: threading.Event
    sweep_now: threading.Event

    def stream_function(self, event: dict[str, Any]) -> Mapping[str, Any]:
        """The very function that Lambda would call."""
        from app import on_images

        self.room.wait_for_sync(self.stop)
        context = LambdaContext("on_images", memory_size=256, max_runtime_ms=STREAM_FUNCTION_MS)
        answer: Mapping[str, Any] = on_images(event, context)
        return answer

    def sweep_regularly(self) -> None:
        """Calls the same function as EventBridge would, again and again."""
        trouble = Trouble("sweep")
        while not self.stop.is_set():
            self.sweep_now.clear()
            try:
                self._sweep()
                trouble.end()
            except Exception as error:  # the next one may do better
                trouble.begin(error)
            if not self.stop.is_set():
                self.sweep_now.wait(SWEEP_SECONDS)

    def _sweep(self) -> None:
        from app import scheduled_sweep

        self.room.wait_for_sync(self.stop)
        context = LambdaContext("scheduled_sweep", memory_size=256, max_runtime_ms=SWEEP_MS)
        scheduled_sweep(SCHEDULED_EVENT, context)


def _wait(engine: Engine, stop: threading.Event) -> int:
    while not stop.wait(0.2):
        if engine.process.poll() is not None:
            say(f"The database has stopped; see {engine.folder / 'engine.log'}. Run this again.")
            return 1
    return 0


def _exports(environ: Mapping[str, str]) -> bytes:
    """Shell lines for a plain `chalice local` beside this server."""
    names = sorted(name for name in environ if name.startswith("AWS_") or name in app_variables(0))
    return "".join(f"export {name}={shlex.quote(environ[name])}\n" for name in names).encode()


def _greet(workspace: Workspace, port: int, token: str) -> None:
    url = f"http://{HOST}:{port}"
    image = json.dumps({"prompt": "a red fox", "imageUrl": drawn_url("a red fox", 1234, 768, 512)})
    say(
        f"\nImage Storage is at {url}  (data in {workspace.folder}; Ctrl-C stops it)\n\n"
        f"Save an image as alice, then list her images:\n\n"
        f"TOKEN={token}\n"
        f'curl {url}/api/images -H "Authorization: Bearer $TOKEN" '
        f"-H 'Content-Type: application/json' -d '{image}'\n"
        f'curl {url}/api/images -H "Authorization: Bearer $TOKEN"\n\n'
        f"A token for anyone: {command('-s token', workspace.folder, port)} USER=bob\n"
    )


def command(target: str, data: Path, port: int) -> str:
    """Returns the command to type for this data folder and port."""
    words = ["make", *target.split()]
    if data != DEFAULT_DATA:
        words.append(f"DATA={data}")
    if port != DEFAULT_PORT:
        words.append(f"PORT={port}")
    return shlex.join(words)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
