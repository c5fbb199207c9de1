"""Hard isolation: whose credentials are used for whom, and how long."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore import exceptions

from chalicelib.bootstrap import build
from chalicelib.dynamodb.protocol import Dynamo
from chalicelib.dynamodb.reader_role import LIFETIME, MAX_USERS, RENEW_BEFORE, ReaderRole
from chalicelib.dynamodb.signing import Credentials
from chalicelib.model.entries import UserId
from chalicelib.model.errors import Unavailable
from chalicelib.model.timing import Clock
from chalicelib.store.table_names import TableNames

ARN = "arn:aws:iam::123456789012:role/reader"
ALICE, BOB = UserId("alice".ljust(43, "-")), UserId("bob".ljust(43, "_"))


@dataclass
class Sts:
    """Gives credentials that name the tagged user, as AWS does in its own way."""

    now: float = 1_800_000_000.0
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    fails: bool = False

    def assume_role(self, **request: Any) -> Mapping[str, Any]:
        self.asked.append(request)
        if self.fails:
            raise exceptions.EndpointConnectionError(endpoint_url="https://sts.example")
        (tag,) = request["Tags"]
        end = datetime.fromtimestamp(self.now + request["DurationSeconds"], UTC)
        secrets = {"SecretAccessKey": "secret", "SessionToken": "token"}
        return {"Credentials": {"AccessKeyId": tag["Value"], "Expiration": end, **secrets}}


def whose(dynamo: Dynamo) -> str:
    return cast(Connection, dynamo).user


@dataclass(frozen=True)
class Connection:
    """A `Dynamo` that says nothing, but knows in whose name it would."""

    user: str

    def query(self, **_request: Any) -> Mapping[str, Any]:
        return {"Items": []}


@pytest.fixture
def sts() -> Sts:
    return Sts()


@pytest.fixture
def role(sts: Sts) -> ReaderRole:
    def connect(credentials: Credentials) -> Dynamo:
        return cast(Dynamo, Connection(credentials.access_key))

    return ReaderRole(sts, ARN, connect, lambda: sts.now)


def test_each_user_is_read_with_credentials_tagged_with_that_users_key(
    role: ReaderRole, sts: Sts
) -> None:
    for user in (ALICE, BOB, ALICE):
        assert whose(role.dynamo(user)) == user
    assert [request["RoleArn"] for request in sts.asked] == [ARN, ARN]
    assert [request["Tags"] for request in sts.asked] == [
        [{"Key": "user_id", "Value": user}] for user in (ALICE, BOB)
    ]


def test_credentials_are_renewed_before_they_end(role: ReaderRole, sts: Sts) -> None:
    first = role.dynamo(ALICE)
    sts.now += LIFETIME - RENEW_BEFORE - 1
    assert role.dynamo(ALICE) is first
    sts.now += 1
    assert role.dynamo(ALICE) is not first
    assert whose(role.dynamo(ALICE)) == ALICE
    assert len(sts.asked) == 2


def test_only_so_many_users_are_kept_and_the_one_longest_away_goes_first(
    role: ReaderRole, sts: Sts
) -> None:
    users = [UserId(f"user{n}".ljust(43, "-")) for n in range(MAX_USERS)]
    for user in [*users, users[0], ALICE]:
        role.dynamo(user)
    assert len(sts.asked) == MAX_USERS + 1
    role.dynamo(users[0])
    assert len(sts.asked) == MAX_USERS + 1
    role.dynamo(users[1])
    assert len(sts.asked) == MAX_USERS + 2


def test_without_credentials_the_read_is_unavailable_and_asked_for_anew(
    role: ReaderRole, sts: Sts
) -> None:
    sts.fails = True
    with pytest.raises(Unavailable):
        role.dynamo(ALICE)
    sts.fails = False
    assert whose(role.dynamo(ALICE)) == ALICE


def test_partitions_alone_are_opened_in_the_role(role: ReaderRole, sts: Sts) -> None:
    tables = TableNames("images", "partition", "idempotency")
    shared = cast(Dynamo, Connection("the function itself"))
    services = build(shared, tables, Clock(), dynamo_for=role.dynamo)
    services.primary.tail(ALICE)
    assert not sts.asked
    services.open_partition(ALICE).tail()
    assert [request["RoleSessionName"] for request in sts.asked] == [ALICE]
