"""An HTTP answer as plain values."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

JSON = "application/json"
UNSTORED: Mapping[str, str] = {"Cache-Control": "no-store"}
"""Forbids caches to store the answer (RFC 9111, 5.2.2.5): on a shared device, a library must not
outlive its user's sign-out. A client that keeps an ETag itself may still send it."""


class Answer(NamedTuple):
    status: int
    body: str
    headers: Mapping[str, str] = {}


def json_answer(body: str, status: int = 200, **headers: str) -> Answer:
    return Answer(status, body, {"Content-Type": JSON, **UNSTORED, **headers})


def revalidated(answer: Answer, if_none_match: str | None) -> Answer:
    """The answer with its ETag, or 304 if the client has it already (RFC 9110, 13.1.2 and 15.4.5).

    The tag is a hash of the body: a deletion changes older images before the tail moves.
    """
    etag = f'"{hashlib.sha256(answer.body.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, **UNSTORED}
    if if_none_match is not None and _matches(if_none_match, etag):
        return Answer(304, "", headers)
    return Answer(answer.status, answer.body, {**answer.headers, **headers})


def _matches(if_none_match: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in tags or etag in tags
