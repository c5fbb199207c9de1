"""The Image Storage API as the importer uses it, over HTTP, with retries.

Every request here may be repeated: saving carries an Idempotency-Key, the others change nothing
that a repetition would change again.
"""

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from http import HTTPStatus
from typing import Any

import httpx

TIMEOUT = httpx.Timeout(30, connect=5)
"""Seconds. API Gateway answers within 29 s (its integration time-out) or says 504."""

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
"""Seconds: bounds of the backoff, which is drawn evenly from 0 up to them ("full jitter")."""

PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
"""Answers that another try may change, beside all from 500 on."""

ADVICE: Mapping[int, str] = {
    401: "The server does not accept the token. On this machine: give the same DATA that the "
    "server runs with. Deployed: put a fresh token into IMAGE_STORAGE_TOKEN.",
    403: "The server does not let this token save images. Check the address in --server.",
    404: "There is no Image Storage API at this address. Check --server.",
    410: "The server holds less than was saved before (was it restored, or its data removed?). "
    "Begin anew with --restart, which saves again what the server still has.",
    422: "The server has seen this batch's Idempotency-Key with other content. Begin anew with "
    "--restart, which saves the lines before a second time.",
}


class Stopped(Exception):
    """The import cannot go on now; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Saved:
    """All images of the batch are saved; `cursor` and `created_at` are the last one's."""

    cursor: int
    created_at: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was saved, because of these images: position in the batch -> reason."""

    reasons: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class TooMuch:
    """Nothing was saved, and no image is named as the cause: fewer at once may do."""

    reason: str


Verdict = Saved | Refused | TooMuch


class Library(Enum):
    """What the library is to somebody who saved an image at a cursor before."""

    SAME = auto()
    EMPTIED = auto()
    """The same, but nothing is left of what was saved up to the cursor: deleted, or erased."""
    ANOTHER = auto()
    """One in which that image was never saved, such as a restored or a new one."""


class Server:
    """One user's view of one server. `clock` gives Unix seconds; `patience` is in seconds.

    Methods raise `Stopped` when the server cannot be reached, or does not take its part, for
    `patience` seconds in a row, and at once for an answer that no repetition would change.
    """

    def __init__(
        self,
        http: httpx.Client,
        token: Callable[[], str],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        patience: float,
        tell: Callable[[str], None],
    ) -> None:
        self._http = http
        self._tell = tell
        self._token = token
        self._clock = clock
        self._sleep = sleep
        self._patience = patience

    def save(self, images: Sequence[bytes], key: str) -> Verdict:
        """Saves all of the images (JSON) or none; again under the same key: the same answer."""
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        return verdict(self._ask("POST", "/api/images/batch", body(images), headers), len(images))

    def sync(self) -> int:
        """The user's last cursor, once reads show everything that was saved before this call."""
        give_up_at = self._clock() + self._patience
        while not (answer := self._ask_json("POST", "/api/images/sync"))["upToDate"]:
            if not self._rest(FIRST_PAUSE, give_up_at):
                raise Stopped("The server's sync does not catch up with what is being saved.")
        return int(answer["cursor"])

    def changes(self, after: int) -> Iterator[Mapping[str, Any]]:
        """What was saved and deleted beyond the cursor, oldest first."""
        up_to_date = False
        while not up_to_date:
            page = self._ask_json("GET", f"/api/images/changes?after={after}&limit=200")
            yield from page["changes"]
            after, up_to_date = page["cursor"], page["upToDate"]

    def library(self, cursor: int, created_at: str | None) -> Library:
        """Whether the library is the one where an image was saved at the cursor.

        `created_at` is what the server told of that image; None if it told nothing.
        """
        if self.sync() < cursor:
            return Library.ANOTHER
        response = self._ask("GET", f"/api/images/{cursor}", b"", {})
        if response.status_code == HTTPStatus.OK:
            is_same = created_at in (None, parse(response).get("createdAt"))
            return Library.SAME if is_same else Library.ANOTHER
        if response.status_code != HTTPStatus.NOT_FOUND or "code" not in parse(response):
            raise Stopped(explain(response))
        return Library.SAME if self._has_images_below(cursor) else Library.EMPTIED

    def _has_images_below(self, cursor: int) -> bool:
        before: int | None = cursor
        while before is not None:
            page = self._ask_json("GET", f"/api/images?before={before}&limit=1", "images")
            if page["images"]:
                return True
            before = page["next"]
        return False

    def _ask_json(self, method: str, path: str, member: str = "upToDate") -> Mapping[str, Any]:
        """The answer, which has this member."""
        response = self._ask(method, path, b"", {})
        answer = parse(response)
        if response.status_code != HTTPStatus.OK or member not in answer:
            raise Stopped(explain(response))
        return answer

    def _ask(
        self, method: str, path: str, content: bytes, headers: Mapping[str, str]
    ) -> httpx.Response:
        """The first answer that another try would not change."""
        give_up_at = self._clock() + self._patience
        longest = FIRST_PAUSE
        while True:
            asked = self._try(method, path, content, headers)
            if isinstance(asked, httpx.Response) and not is_passing(asked):
                return asked
            pause = max(random.uniform(0, longest), asked_pause(asked, self._clock()))
            if longest == FIRST_PAUSE:
                self._tell(f"{trouble(asked)} Trying for {self._patience:.0f} s …")
            if not self._rest(pause, give_up_at):
                raise Stopped(trouble(asked))
            longest = min(longest * 2, LONGEST_PAUSE)

    def _rest(self, pause: float, until: float) -> bool:
        """Sleeps if there is time; whether there is time left for another try.

        Asked again after the sleep: a computer that was suspended meanwhile must not send a key
        that the server may have forgotten.
        """
        if self._clock() + pause > until:
            return False
        self._sleep(pause)
        return self._clock() <= until

    def _try(
        self, method: str, path: str, content: bytes, headers: Mapping[str, str]
    ) -> httpx.Response | httpx.RequestError:
        headers = {"Authorization": f"Bearer {self._token()}", **headers}
        try:
            return self._http.request(method, path, content=content, headers=headers)
        except httpx.RequestError as error:
            return error


def body(images: Sequence[bytes]) -> bytes:
    """The batch as the API takes it; the same images always give the same bytes."""
    return b'{"images":[' + b",".join(images) + b"]}"


def verdict(response: httpx.Response, sent: int) -> Verdict:
    """What an answer to a batch of `sent` images means; Stopped for any that is unforeseen."""
    if response.status_code == HTTPStatus.CREATED:
        images = parse(response).get("images")
        if isinstance(images, list) and len(images) == sent:
            return Saved(int(images[-1]["cursor"]), images[-1].get("createdAt"))
    if response.status_code == HTTPStatus.BAD_REQUEST:
        reasons = refusals(parse(response), sent)
        return Refused(reasons) if reasons else TooMuch(detail(response))
    if response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return TooMuch("is longer than the server takes")
    raise Stopped(explain(response))


def refusals(problem: Mapping[str, Any], sent: int) -> Mapping[int, str]:
    """Position -> reason, of the errors that point (RFC 6901) at an image of the batch."""
    reasons: dict[int, str] = {}
    for error in problem.get("errors") or ():
        found = re.fullmatch(r"#?/images/([0-9]+)(?:/(.*))?", str(error.get("pointer")))
        if found and int(found[1]) < sent:
            place = f"{found[2]}: " if found[2] else ""
            reason = place + str(error.get("detail", "is refused by the server"))
            earlier = reasons.get(int(found[1]))
            reasons[int(found[1])] = f"{earlier}; {reason}" if earlier else reason
    return reasons


def is_passing(response: httpx.Response) -> bool:
    return response.status_code >= 500 or response.status_code in PASSING


def asked_pause(asked: httpx.Response | httpx.RequestError, now: float) -> float:
    """Seconds that the server asks to wait: Retry-After, seconds or a date (RFC 9110, 10.2.3)."""
    value = asked.headers.get("Retry-After", "") if isinstance(asked, httpx.Response) else ""
    if re.fullmatch("[0-9]{1,9}", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return 0.0


def parse(response: httpx.Response) -> Mapping[str, Any]:
    """The answer's JSON object; empty when it is none."""
    try:
        answer = json.loads(response.content)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def explain(response: httpx.Response) -> str:
    """What to say of an answer that ends the import."""
    advice = ADVICE.get(response.status_code, "Check the address in --server.")
    return f"The server answered {response.status_code}: {detail(response)} {advice}"


def detail(response: httpx.Response) -> str:
    return str(parse(response).get("detail", "(this is no answer of Image Storage)"))


def trouble(asked: httpx.Response | httpx.RequestError) -> str:
    """What to say of a server that does not take its part at the moment."""
    if isinstance(asked, httpx.Response):
        wait = asked.headers.get("Retry-After")
        seen = f"answers {asked.status_code}" + (f" and asks to wait ({wait})." if wait else ".")
    else:
        seen = f"cannot be reached ({type(asked).__name__}). Is it running, with this PORT?"
    server = asked.request.url.copy_with(path="/", query=None)
    return f"The server {server} {seen}"
