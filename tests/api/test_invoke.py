"""The operator's functions from a shell, on the running server."""

import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

import httpx
import pytest

from chalicelib.model.user_keys import user_id
from chalicelib.operations import OPERATIONS
from local.invoke import run_to_its_end
from local.issuer import ISSUER
from tests.api.server import Server
from tests.api.support import database, picture, save
from tests.support import wait_until

EVENTS = Path(__file__).parents[2] / "events"


def invoke(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local", "invoke", *words]
    environ = {**os.environ, "DATA": str(data)}
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, check=False, timeout=120
    )


def test_every_operation_has_a_sample_event() -> None:
    """A console user finds an event for each, and none for what is not there."""
    assert {path.stem for path in EVENTS.glob("*.json")} == set(OPERATIONS)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "export_user"])
def test_the_sample_event_runs_to_its_end(server: Server, name: str) -> None:
    """Each sample does what it says, on a server that others use meanwhile."""
    done = invoke(server.data, name, (EVENTS / f"{name}.json").read_text())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["done"] is True


def test_an_export_can_be_imported(server: Server) -> None:
    """It is JSON Lines, one image each, and `make import` saves them for another user."""
    with server.client("exporter") as client:
        for number in range(3):
            client.post("/api/images", json=picture(f"prompt {number}")).raise_for_status()
    done = invoke(server.data, "export_user", '{"subject": "exporter"}')
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["cursor"] for line in lines] == [1, 2, 3]
    file = server.data / "exported.jsonl"
    file.write_text(done.stdout)
    command = [sys.executable, "-m", "local", "import", "--user=importer", "--", str(file)]
    environ = {**os.environ, "DATA": str(server.data), "PORT": str(server.port)}
    subprocess.run(command, env=environ, check=True, capture_output=True, timeout=120)
    with server.client("importer") as client:
        wait_until(lambda: client.get("/api/images").json()["count"] == 3)
        page = client.get("/api/images").json()
    assert [shown["prompt"] for shown in page["images"]] == [
        line["prompt"] for line in reversed(lines)
    ]


def test_an_erased_user_has_nothing_left(server: Server, alice: httpx.Client) -> None:
    """The receipt is printed once readers get nothing any more."""
    with server.client("leaver") as client:
        for number in range(3):
            client.post("/api/images", json=picture(f"prompt {number}")).raise_for_status()
        done = invoke(server.data, "erase_user", '{"subject": "leaver"}')
        receipt = json.loads(done.stdout)
        assert (receipt["through"], receipt["erased"]) == (3, 3)
        assert client.get("/api/images").json()["images"] == []
    assert alice.get("/api/images").status_code == 200


def test_long_work_shows_its_progress(server: Server) -> None:
    """What does not end at once says in between how far it is."""
    with server.client("page by page") as client:
        save(client, 3)
    done = invoke(server.data, "get_images_for_user", '{"subject": "page by page", "limit": 1}')
    assert done.returncode == 0, done.stderr
    assert "get_images_for_user: read 1, cursor 1 …" in done.stderr
    assert len(json.loads(done.stdout)["images"]) == 3


def test_trouble_is_told_beside_the_answer(server: Server) -> None:
    """Metrics and log lines do not get into what a shell reads as JSON."""
    subject = f"damaged {uuid.uuid4()}"
    user = user_id(ISSUER, subject)
    with server.client(subject) as client:
        save(client)
    row = {"user_id": {"S": user}, "cursor": {"N": "1"}}
    database(server).put_item(TableName=server.environ()["PARTITION_TABLE"], Item=row)
    done = invoke(server.data, "sweep", "{}")
    answer = json.loads(done.stdout)
    assert (answer["done"], answer["failed"] >= 1) == (True, True)
    assert re.search(rf"sync failed user={user} error=Unreadable damage=.+ at=", done.stderr)
    assert subject not in done.stderr


def test_a_damaged_log_is_told_once_and_with_what_to_do(server: Server) -> None:
    """To give the same command again would help nobody."""
    subject = f"damaged {uuid.uuid4()}"
    user = user_id(ISSUER, subject)
    with server.client(subject) as client:
        save(client, 3)
    table = server.environ()["PRIMARY_TABLE"]
    item = {"user_id": {"S": user}, "cursor": {"N": "2.5"}, "kind": {"S": "image"}}
    database(server).put_item(TableName=table, Item=item)
    done = invoke(server.data, "get_images_for_user", json.dumps({"user": user, "cursor": 2}))
    assert done.returncode == 1
    assert done.stderr == (
        "get_images_for_user ended with Unreadable. The primary is damaged at cursor 2.5: its "
        'entry cannot be read. See "A damaged log" in docs/operations.md.\n'
    )


def test_a_place_that_each_call_names_is_told_once() -> None:
    """And all images that any of them answers."""
    place = {"log": "primary", "cursor": 2.5, "what": "its entry cannot be read"}
    answers = iter(
        [
            {"done": False, "resume": {}, "images": [1], "damage": [place]},
            {"done": True, "images": [1], "damage": [place, {**place, "cursor": 7}]},
        ]
    )
    found = run_to_its_end(lambda _event, _context: next(answers), "export_user", {})
    assert found["damage"] == [place, {**place, "cursor": 7}]
    assert found["images"] == [1, 1]


@pytest.mark.parametrize(
    "event",
    [
        '{"subject": 3}',
        "[]",
        "{",
        '{"subject": "bob2", "subject": "bob"}',
        '{"limit": NaN}',
        '{"subject": "\\ud800"}',
        "\udcff",  # a byte that is not UTF-8, as Python hands it on from the command line
        "[" * 100_000,
    ],
)
def test_a_wrong_event_is_explained(server: Server, event: str) -> None:
    """Nothing is done, and the field is named."""
    done = invoke(server.data, "sync_user", event)
    assert done.returncode == 2
    assert "wrong event" in done.stderr
    assert "Traceback" not in done.stderr


def test_says_which_operations_there_are(server: Server) -> None:
    """A mistyped name is answered with the names."""
    done = invoke(server.data, "verify")
    assert done.returncode == 2
    assert "verify_user" in done.stderr


def test_without_a_server_it_says_how_to_start_one(tmp_path: Path) -> None:
    """Where nothing runs there is nothing to work on."""
    done = invoke(tmp_path, "sweep")
    assert done.returncode == 1
    assert "make run" in done.stderr
