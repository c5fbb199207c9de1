"""Hard isolation: each user's partition is read in a role that can reach that user's keys alone.

A stage may ask for it. The function's own role then reads no table at all; it may take the reader's
role, tagged with a user's key, and DynamoDB refuses whatever that session asks of other keys
(`dynamodb:LeadingKeys`). A mistake in our code cannot read across users then.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore import exceptions

from chalicelib.botocore_engine import CLIENT_CONFIG, BotocoreDynamo
from chalicelib.dynamo import Dynamo
from chalicelib.entries import UserId
from chalicelib.errors import Unavailable

TAG = "user_id"
"""The session tag that the role's policy compares keys with."""

LIFETIME = 3600
"""Seconds: the longest that AWS lets a role hold another role."""

RENEW_BEFORE = 300
"""Seconds before the end at which credentials are no longer used."""

MAX_USERS = 64
"""Users whose credentials one function keeps. Each comes with a client of its own."""


@dataclass(frozen=True, slots=True)
class Held:
    dynamo: Dynamo
    until: float


class ReaderRole:
    """`sts` is a botocore client; `connect` makes a `Dynamo` of the credentials that STS gives."""

    @classmethod
    def from_environment(cls, role_arn: str, now: Callable[[], float]) -> "ReaderRole":
        session = botocore.session.get_session()
        sts = session.create_client("sts", config=CLIENT_CONFIG)

        def connect(credentials: Mapping[str, Any]) -> Dynamo:
            return BotocoreDynamo(
                session.create_client(
                    "dynamodb",
                    aws_access_key_id=credentials["AccessKeyId"],
                    aws_secret_access_key=credentials["SecretAccessKey"],
                    aws_session_token=credentials["SessionToken"],
                    config=CLIENT_CONFIG,
                )
            )

        return cls(sts, role_arn, connect, now)

    def __init__(
        self,
        sts: Any,
        role_arn: str,
        connect: Callable[[Mapping[str, Any]], Dynamo],
        now: Callable[[], float],
    ) -> None:
        self._sts = sts
        self._role_arn = role_arn
        self._connect = connect
        self._now = now
        self._held: OrderedDict[UserId, Held] = OrderedDict()

    def dynamo(self, user: UserId) -> Dynamo:
        """What can read this user's partition and nothing else; Unavailable if STS gives nothing.

        The users who were away the longest are forgotten first.
        """
        held = self._held.pop(user, None)
        if held is None or held.until <= self._now():
            held = self._hold(user)
        self._held[user] = held
        if len(self._held) > MAX_USERS:
            self._held.popitem(last=False)
        return held.dynamo

    def _hold(self, user: UserId) -> Held:
        try:
            answer = self._sts.assume_role(
                RoleArn=self._role_arn,
                RoleSessionName=user,
                DurationSeconds=LIFETIME,
                Tags=[{"Key": TAG, "Value": user}],
            )
        except (exceptions.ClientError, exceptions.BotoCoreError) as error:
            raise Unavailable("credentials") from error
        credentials = answer["Credentials"]
        until = credentials["Expiration"].timestamp() - RENEW_BEFORE
        return Held(self._connect(credentials), until)
