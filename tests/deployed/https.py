"""The issuer over https, as a deployed stage and its gallery will have it.

The emulator itself could speak https, but then it would speak nothing else, and on port 443 too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.web import HOST, Handler, listening

ASKED = ("Accept", "Content-Type", "Origin")
ANSWERED = ("Access-Control-Allow-Origin", "Cache-Control", "Content-Type", "Location")
"""The headers that are handed on, and back."""


@contextmanager
def fronting(upstream: str, certificate: Path) -> Iterator[str]:
    """Hands each request on to `upstream`, and its answer back; yields the server's URL."""

    class Front(Handler):
        def _hand_on(self) -> None:
            answer = httpx.request(
                self.command,
                upstream + self.path,
                content=self.asked(),
                headers={name: self.headers[name] for name in ASKED if name in self.headers},
                trust_env=False,
            )
            headers = {name: answer.headers[name] for name in ANSWERED if name in answer.headers}
            self.answer(answer.status_code, answer.content, **headers)

        do_GET = do_POST = _hand_on  # noqa: N815 (the names that http.server looks for)

    with listening(Front, certificate) as port:
        yield f"https://{HOST}:{port}"
