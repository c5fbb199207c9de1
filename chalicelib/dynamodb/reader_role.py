"""Hard isolation: each user's partition is read in a role that can reach that user's keys alone.

A stage may ask for it. The function's own role then reads no table at all; it may take the reader's
role, tagged with a user's key, and DynamoDB refuses whatever that session asks of other keys
(`dynamodb:LeadingKeys`). A mistake in our code cannot read across users then.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore import exceptions

from chalicelib.botocore_client import client
from chalicelib.dynamodb.client import HttpDynamo
from chalicelib.dynamodb.protocol import Dynamo
from chalicelib.dynamodb.signing import Credentials
from chalicelib.model.entries import UserId
from chalicelib.model.errors import Unavailable

TAG = "user_id"
"""The session tag that the role's policy compares keys with."""

LIFETIME = 3600
"""Seconds: the longest that AWS lets a role hold another role."""

RENEW_BEFORE = 300
"""Seconds before the end at which credentials are no longer used."""

MAX_USERS = 1000
"""Users whose credentials one function keeps."""


@dataclass(frozen=True, slots=True)
class Held:
    dynamo: Dynamo
    until: float


class ReaderRole:
    """`sts` is a botocore client; `connect` makes a `Dynamo` of the credentials that STS gives."""

    @classmethod
    def from_environment(
        cls, role_arn: str, dynamo: HttpDynamo, now: Callable[[], float]
    ) -> "ReaderRole":
        return cls(client("sts"), role_arn, dynamo.as_other, now)

    def __init__(
        self,
        sts: Any,
        role_arn: str,
        connect: Callable[[Credentials], Dynamo],
        now: Callable[[], float],
    ) -> None:
        self._sts = sts
        self._role_arn = role_arn
        self._connect = connect
        self._now = now
        self._held: OrderedDict[UserId, Held] = OrderedDict()

    def dynamo(self, user: UserId) -> Dynamo:
        """Returns a client that can read this user's partition and nothing else; Unavailable if STS
        does not answer.

        When there are too many, forgets the users who were not seen for the longest time.
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
        given = answer["Credentials"]
        credentials = Credentials(
            given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
        )
        until = given["Expiration"].timestamp() - RENEW_BEFORE
        return Held(self._connect(credentials), until)
