"""Idempotency-Key: one effect per key and user for 24 hours, however often a request is sent.

The marker is written in the same transaction as the entries, so either both are there or neither.
It holds no payload: the same answer is rendered again from the repeated request's own body.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.dynamodb.protocol import Item
from chalicelib.model.entries import Cursor, Image, Payload, UserId
from chalicelib.model.errors import IdempotencyKeyReused
from chalicelib.store.items import Marker, marker_from_item, marker_to_item
from chalicelib.store.log import NOTHING_THERE

LIFETIME = 24 * 60 * 60
"""Seconds for which a key is remembered."""

NO_MARKER = NOTHING_THERE
EXPIRED = "expires_at <= :now"  # TTL deletes late: an expired marker may still be there


FORMER_FIELDS = ("prompt", "image_url", "model", "seed", "steps")
"""Fingerprints once hashed these as a list. A marker of that time may be read for 24 hours more."""


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request's key, and the hash of what it asks for.

    `former` is the hash that older code stored for the same request; None if it took no such one.
    """

    key: str
    fingerprint: str
    former: str | None = None


def idempotent_request(key: str, route: str, payloads: Sequence[Payload]) -> IdempotentRequest:
    """Binds the key to the route and the content, not to the body's spelling.

    Only the fields that are present count, by their names. So a field that a later version adds
    changes no fingerprint, and a retry across a deployment is still recognised.
    """
    present = [
        {name: value for name, value in payload._asdict().items() if value is not None}
        for payload in payloads
    ]
    former = None
    if all(fields.keys() <= set(FORMER_FIELDS) for fields in present):
        lists = [[fields.get(name) for name in FORMER_FIELDS] for fields in present]
        former = hashed([route, lists])
    return IdempotentRequest(key, hashed([route, present]), former)


def hashed(content: Any) -> str:
    """SHA-256 of the content as JSON, whatever the order of its members."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class Markers:
    """The `idempotency` table."""

    def __init__(self, table: str) -> None:
        self._table = table

    def put(self, marker: Marker, now: int) -> Mapping[str, Any]:
        """The write that joins the entries' transaction: only if the key is free."""
        return {
            "Put": {
                "TableName": self._table,
                "Item": marker_to_item(marker),
                "ConditionExpression": f"{NO_MARKER} OR {EXPIRED}",
                "ExpressionAttributeValues": {":now": {"N": str(now)}},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }


def new_marker(
    user: UserId,
    request: IdempotentRequest,
    request_id: str,
    first: Cursor,
    created_at: str,
    now: int,
) -> Marker:
    return Marker(
        user=user,
        key=request.key,
        request_id=request_id,
        fingerprint=request.fingerprint,
        first=first,
        created_at=created_at,
        expires_at=now + LIFETIME,
    )


def replay(
    found: Item, request: IdempotentRequest, payloads: Sequence[Payload]
) -> tuple[Image, ...]:
    """What the earlier request under this key saved; IdempotencyKeyReused if it was another."""
    marker = marker_from_item(found)
    if marker.fingerprint not in (request.fingerprint, request.former):
        raise IdempotencyKeyReused
    return tuple(
        Image(Cursor(marker.first + i), marker.created_at, payload)
        for i, payload in enumerate(payloads)
    )
