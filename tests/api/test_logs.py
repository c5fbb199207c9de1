"""Nothing that users send reaches the log: no prompt, no URL, no key, no token."""

import json
import re
import uuid

import httpx
import pytest

from chalicelib.model.user_keys import user_id
from local.issuer import ISSUER
from tests.api.server import Server
from tests.api.support import JSON, assert_problem, database, logged, picture, sync
from tests.support import wait_until


@pytest.fixture
def canary() -> str:
    """A word that stands nowhere else."""
    return f"canary{uuid.uuid4().hex}"


def put_broken(server: Server, table: str, name: str, **key: dict[str, str]) -> None:
    """Puts an item that the app cannot read where the user of that name has something."""
    item = {"user_id": {"S": user_id(ISSUER, name)}, "idem": {"S": "broken"}, **key}
    item["expires_at"] = {"N": "99999999999"}
    database(server).put_item(TableName=server.environ()[table], Item=item)


def test_saves_are_logged_without_what_they_save(
    server: Server, alice: httpx.Client, canary: str
) -> None:
    """A save and its reading leave routes and times in the log, and nothing of the image."""
    image = picture(canary, imageUrl=f"https://{canary}.example/{canary}", model=canary)
    saved = alice.post("/api/images", json=image, headers={"Idempotency-Key": canary})
    assert saved.status_code == 201
    sync(alice)
    assert canary in alice.get("/api/images", headers={"If-None-Match": canary}).text
    log = logged(server, alice)
    assert "POST /api/images 201" in log
    assert canary not in log
    assert alice.headers["Authorization"].removeprefix("Bearer ") not in log


def test_refused_requests_are_logged_without_what_they_say(
    server: Server, alice: httpx.Client, canary: str
) -> None:
    """Wherever in a wrong request a prompt stands, the log does not repeat it."""
    host = f"Host: 127.0.0.1:{server.port}\r\n"
    answers = [
        alice.post("/api/images", json=picture(**{canary: canary})),
        alice.post("/api/images", json=picture(imageUrl=canary, seed=canary)),
        alice.post("/api/images", content=f'{{"{canary}":NaN', headers=JSON),
        alice.post("/api/images", content=canary, headers={"Content-Type": f"text/{canary}"}),
        alice.post(
            "/api/images", json=picture(), headers={"Idempotency-Key": f"{canary} {canary}"}
        ),
        alice.get(f"/api/images/{canary}"),
        alice.get(f"/api/images?{canary}={canary}&before={canary}"),
        alice.get(f"/{canary}/{canary}?{canary}"),
        alice.put(f"/api/images/{canary}"),
        alice.get("/api/images", headers={"Authorization": f"Bearer {canary}"}),
        alice.get("/api/images", headers={"Authorization": canary}),
        server.send(f"GET /api/health {canary} HTTP/1.1\r\n{host}\r\n".encode()),
        server.send(f"{canary} /api/health HTTP/1.1\r\n{host}\r\n".encode()),
        server.send(f"GET /api/health HTTP/1.1\r\n{host}Content-Length: {canary}\r\n\r\n".encode()),
    ]
    assert all(400 <= answer.status_code < 500 for answer in answers)
    assert canary not in logged(server, alice)


def test_internal_errors_are_logged_without_what_was_sent(server: Server, canary: str) -> None:
    """When the app itself fails, the log says where, and nothing of the request or of the data."""
    name = f"carol {uuid.uuid4()}"
    put_broken(server, "IDEMPOTENCY_TABLE", name, key={"S": canary})
    put_broken(server, "PARTITION_TABLE", name, cursor={"N": "1"}, image={"S": canary})
    with server.client(name) as carol:
        headers = {"Idempotency-Key": canary}
        saving = carol.post("/api/images", json=picture(canary), headers=headers)
        reading = carol.get("/api/images", headers={"If-None-Match": canary})
        log = logged(server, carol)
    for answer in (saving, reading):
        assert_problem(answer, 500, "internal-error")
        assert canary not in json.dumps(answer.json())
    assert log.count("unexpected error") >= 2
    assert f"user={user_id(ISSUER, name)} error=" in log
    assert canary not in log
    assert name not in log


def test_users_are_logged_by_their_key(server: Server, canary: str) -> None:
    """Metrics are lines of the log too; who it is about stands there as in the tables."""
    with server.client(canary) as client:
        client.post("/api/images", json=picture()).raise_for_status()
        wait_until(lambda: f"user={user_id(ISSUER, canary)}" in logged(server, client))
        log = logged(server, client)
    (line,) = [line for line in log.splitlines() if user_id(ISSUER, canary) in line]
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d metrics EntriesApplied=1 SyncLagEntries=1 SyncLag=\d+ user=\S+", line
    )
    assert canary not in log


def test_a_request_is_one_line(server: Server, alice: httpx.Client) -> None:
    """The app's own line is for Lambda; here it is the server's, with the same in it."""
    before = logged(server, alice).count("DELETE")
    alice.delete("/api/images/12345")
    log = logged(server, alice)
    assert log.count("DELETE") == before + 1
    assert "DELETE /api/images/{cursor} 404" in log
    assert "request method=" not in log


def test_a_refused_token_is_counted(server: Server, anyone: httpx.Client, canary: str) -> None:
    """The log says why, since the settings may be what is wrong; it does not say the token."""
    anyone.get("/api/images", headers={"Authorization": f"Bearer {canary}"})
    log = logged(server, anyone)
    assert "metrics AuthorizerRefused=1 reason=Send one signed token" in log
    assert canary not in log
