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
    """A request's key, its route, and the hash of what it asks for."""

    key: str
    route: str
    fingerprint: str


def idempotent_request(key: str, route: str, payloads: Sequence[Payload]) -> IdempotentRequest:
    """Binds the key to the route and the content, not to the body's spelling.

    Only the fields that are present count, by their names. So a field that a later version adds
    changes no fingerprint, and a retry across a deployment is still recognised.
    """
    content = [route, [present(payload) for payload in payloads]]
    return IdempotentRequest(key, route, hashed(content))


def former_fingerprint(route: str, payloads: Sequence[Payload]) -> str | None:
    """Returns the hash that older code stored for the request; None if it has newer fields."""
    fields = [present(payload) for payload in payloads]
    if any(one.keys() - set(FORMER_FIELDS) for one in fields):
        return None
    return hashed([route, [[one.get(name) for name in FORMER_FIELDS] for one in fields]])


def present(payload: Payload) -> Mapping[str, Any]:
    return {name: value for name, value in payload._asdict().items() if value is not None}


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
    is_same = marker.fingerprint == request.fingerprint
    if not is_same and marker.fingerprint != former_fingerprint(request.route, payloads):
        raise IdempotencyKeyReused
    return tuple(
        Image(Cursor(marker.first + i), marker.created_at, payload)
        for i, payload in enumerate(payloads)
    )
