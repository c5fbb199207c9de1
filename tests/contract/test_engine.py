"""DynamoDB Local as we run it: durable, ours alone, and never left behind."""

import json
import os
import re
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from local.dynamodb_local import (
    Connection,
    Engine,
    EngineError,
    ensure_installed,
    free_port,
    verify,
)
from local.workspace import Credentials, try_lock

START_AND_WAIT = """
import pathlib, sys
from local.dynamodb_local import Engine
from local.workspace import Credentials
folder, installed, key = sys.argv[1:]
engine = Engine.start(pathlib.Path(folder), Credentials(key, "secret"), pathlib.Path(installed))
print(engine.endpoint, flush=True)
sys.stdin.read()
"""

WHERE_DO_CALLS_GO = """
import boto3, json, sys
services = ("dynamodb", "dynamodbstreams", "sts")
endpoints = [boto3.client(service).meta.endpoint_url for service in services]
print(json.dumps([endpoints, boto3.client("dynamodb").list_tables()["TableNames"]]))
"""


def client(connection: Connection) -> DynamoDBClient:
    return boto3.client("dynamodb", **connection.client_args())


def make_table(connection: Connection, name: str) -> None:
    client(connection).create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def put(connection: Connection, table: str, key: str) -> None:
    client(connection).put_item(TableName=table, Item={"id": {"S": key}})


def keys(connection: Connection, table: str) -> set[str]:
    return {item["id"]["S"] for item in client(connection).scan(TableName=table)["Items"]}


def answers(endpoint: str) -> bool:
    address = urlsplit(endpoint)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname, address.port)) == 0


@pytest.fixture
def credentials() -> Credentials:
    return Credentials.random()


def test_another_access_key_sees_nothing(engine: Connection, table_prefix: str) -> None:
    """Who reaches the port without this installation's access key id finds no table."""
    make_table(engine, table_prefix)
    stranger = Connection(engine.endpoint, Credentials.random())
    assert client(engine).describe_table(TableName=table_prefix)["Table"]
    assert client(stranger).list_tables()["TableNames"] == []


def test_a_path_that_java_cannot_open_is_refused_at_once(
    tmp_path: Path, credentials: Credentials, engine_files: Path
) -> None:
    """With words, in place of a trace after a minute."""
    with pytest.raises(EngineError, match=r"has the character 🦊 in its path.*DATA="):
        Engine.start(tmp_path / "a fox 🦊", credentials, engine_files)
    assert not (tmp_path / "a fox 🦊").exists()


def test_acknowledged_data_outlives_a_killed_engine(
    tmp_path: Path, credentials: Credentials, engine_files: Path
) -> None:
    """What was acknowledged before Java is killed with kill -9 is there after the next start."""
    acknowledged = {str(number) for number in range(100)}
    with Engine.start(tmp_path, credentials, engine_files) as first:
        make_table(first.connection, "table")
        for key in acknowledged:
            put(first.connection, "table", key)
        first.process.kill()
    with Engine.start(tmp_path, credentials, engine_files) as second:
        assert keys(second.connection, "table") == acknowledged
    [database] = tmp_path.glob("*.db")
    assert database.name == f"{credentials.access_key_id}_us-east-1.db"


def test_an_engine_whose_owner_was_killed_is_ended(
    tmp_path: Path, credentials: Credentials, engine_files: Path
) -> None:
    """The Java that a killed owner left is ended by the next start, which finds its data."""
    arguments = [str(tmp_path), str(engine_files), credentials.access_key_id]
    owner = subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        endpoint = owner.stdout.readline().strip()
        make_table(Connection(endpoint, credentials), "table")
        owner.kill()
    assert answers(endpoint)
    with Engine.start(tmp_path, credentials, engine_files) as engine:
        assert not answers(endpoint)
        assert client(engine.connection).list_tables()["TableNames"] == ["table"]


def test_an_engine_that_no_file_names_is_not_joined_by_a_second(
    tmp_path: Path, credentials: Credentials, engine_files: Path
) -> None:
    """Two of them would write one database, each without the other's knowledge."""
    with Engine.start(tmp_path, credentials, engine_files):
        (tmp_path / "engine.pid").unlink()
        with (
            pytest.raises(EngineError, match="Another database process holds"),
            Engine.start(tmp_path, credentials, engine_files),
        ):
            pass
    with Engine.start(tmp_path, credentials, engine_files) as engine:
        assert client(engine.connection).list_tables()["TableNames"] == []


def test_a_process_that_only_has_the_old_number_is_spared(
    tmp_path: Path, credentials: Credentials, engine_files: Path
) -> None:
    """A stale engine.pid, whose number another program has by now, ends nobody."""
    with subprocess.Popen(["sleep", "60"]) as bystander:
        (tmp_path / "engine.pid").write_text(f"{bystander.pid}\n")
        with Engine.start(tmp_path, credentials, engine_files, in_memory=True):
            assert bystander.poll() is None
        bystander.kill()


def test_another_engine_on_the_chosen_port_is_not_taken_for_ours(
    tmp_path: Path, credentials: Credentials, engine_files: Path, engine: Connection
) -> None:
    """When a like engine got the port first, ours moves to another, though that answers."""
    ports = iter([int(engine.endpoint.rpartition(":")[2]), free_port()])
    with Engine.start(
        tmp_path, credentials, engine_files, in_memory=True, choose_port=lambda: next(ports)
    ) as ours:
        assert ours.endpoint != engine.endpoint
        assert client(ours.connection).list_tables()["TableNames"] == []


@pytest.fixture
def mute_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_mute_server_on_the_chosen_port_is_left_alone(
    tmp_path: Path, credentials: Credentials, engine_files: Path, mute_port: int
) -> None:
    """When something that never answers got the port first, the engine moves to another."""
    ports = iter([mute_port, free_port()])
    with Engine.start(
        tmp_path, credentials, engine_files, in_memory=True, choose_port=lambda: next(ports)
    ) as ours:
        assert ours.port != mute_port


def test_an_engine_that_dies_says_why(tmp_path: Path, credentials: Credentials) -> None:
    """When Java ends at once, the error carries what it said and where its log is."""
    folder = tmp_path / "data"
    with pytest.raises(
        EngineError, match=r"(?s)ended while it started.*engine\.log:.*Unable to access jarfile"
    ):
        Engine.start(folder, credentials, tmp_path / "nothing-installed")


def test_an_engine_that_is_too_slow_is_ended(
    tmp_path: Path, credentials: Credentials, engine_files: Path
) -> None:
    """When it does not answer in time nothing is left running and the folder is free."""
    with pytest.raises(EngineError, match=r"did not answer within 0 seconds"):
        Engine.start(tmp_path, credentials, engine_files, ready_within=0)
    lock = try_lock(tmp_path / "engine.pid")
    assert lock is not None
    lock.close()


def test_the_engine_is_out_of_reach_of_the_terminal(
    tmp_path: Path, credentials: Credentials, engine_files: Path
) -> None:
    """Ctrl-C reaches the terminal's processes; the engine is none of them, its owner stops it."""
    with Engine.start(tmp_path, credentials, engine_files, in_memory=True) as engine:
        assert os.getpgid(engine.pid) != os.getpgid(0)
        assert (tmp_path / "engine.pid").read_text() == f"{engine.pid}\n"
    assert not answers(engine.endpoint)


def test_a_folder_of_any_name_will_do(
    tmp_path: Path, credentials: Credentials, engine_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spaces and letters beyond ASCII in the data folder's path are no obstacle in any locale."""
    monkeypatch.setenv("LC_ALL", "C")
    folder = tmp_path / "Bilder für später 画像"
    with Engine.start(folder, credentials, engine_files) as engine:
        make_table(engine.connection, "table")
    assert list(folder.glob("*.db"))


def test_the_developers_own_aws_settings_lead_nowhere(engine: Connection, tmp_path: Path) -> None:
    """Whatever AWS and proxy settings a developer has, every call goes to the local engine."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(
        "[default]\nignore_configured_endpoint_urls = true\nregion = eu-west-1\n"
    )
    theirs = {
        "HOME": str(tmp_path),
        "AWS_PROFILE": "production",
        "AWS_REGION": "eu-west-1",
        "AWS_SESSION_TOKEN": "session",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_ENDPOINT_URL_STS": "https://example.invalid",
        "http_proxy": "http://127.0.0.1:9",
        "NO_PROXY": "intranet.invalid",
    }
    environ = engine.environ(theirs)
    answer = subprocess.check_output([sys.executable, "-c", WHERE_DO_CALLS_GO], env=environ)
    endpoints, tables = json.loads(answer)
    assert endpoints == [engine.endpoint] * 3
    assert tables == client(engine).list_tables()["TableNames"]
    assert environ["no_proxy"] == "intranet.invalid,127.0.0.1"


def tarball(folder: Path) -> Path:
    """A small archive laid out as the npm package is."""
    for name in ("index.js", "emulator/DynamoDBLocal.jar", "emulator/lib/a.so"):
        path = folder / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    with tarfile.open(folder / "package.tgz", "w:gz") as archive:
        archive.add(folder / "package", "package")
    return folder / "package.tgz"


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_engine_is_fetched_once(tmp_path: Path) -> None:
    """The first call fetches, and names size and licence; the next does neither."""
    said: list[str] = []
    first = ensure_installed(tmp_path / "cache", said.append, tarball)
    assert files(first) == {"DynamoDBLocal.jar", "lib/a.so"}
    assert re.search(r"56 MB.*licence", " ".join(said))
    said.clear()
    assert ensure_installed(tmp_path / "cache", said.append, tarball) == first
    assert said == []
    assert list((tmp_path / "cache").iterdir()) == [first]


def test_two_may_fetch_at_once(tmp_path: Path) -> None:
    """Who finishes second uses what the first has put there."""

    def fetch_while_another_does(folder: Path) -> Path:
        theirs = ensure_installed(tmp_path, print, tarball)
        (theirs / "first").touch()
        return tarball(folder)

    assert "first" in files(ensure_installed(tmp_path, print, fetch_while_another_does))


def test_a_failed_fetch_leaves_nothing_behind(tmp_path: Path) -> None:
    """When fetching fails nothing is installed, and the next call tries again."""

    def fail(folder: Path) -> Path:
        raise EngineError(f"no network to fill {folder}")

    with pytest.raises(EngineError):
        ensure_installed(tmp_path, print, fail)
    assert files(ensure_installed(tmp_path, print, tarball))


def test_another_file_than_the_pinned_is_refused(tmp_path: Path) -> None:
    """Only the exact content is let through (the value for "abc" is FIPS 180-2's example)."""
    abc = (
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    )
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    verify(file, abc)
    file.write_bytes(b"abd")
    with pytest.raises(EngineError, match="not the file that was pinned"):
        verify(file, abc)
