"""Cross-origin requests (the Fetch standard, "CORS protocol"): which other sites' pages may call.

No cookies are involved: what lets a caller in is the token that the page itself sends.
"""

from collections.abc import Mapping, Set

from chalicelib.api.answer import Answer

MAX_AGE = 7200
"""Seconds for which a browser need not ask again: the longest that Chromium keeps."""

REQUEST_HEADERS = "Authorization, Content-Encoding, Content-Type, Idempotency-Key, If-None-Match"
RESPONSE_HEADERS = "ETag, Location, Retry-After"


def preflight(allow: str, origin: str | None, origins: Set[str]) -> Answer:
    """Returns the answer to OPTIONS; `allow` are the path's methods."""
    if origin not in origins:
        return Answer(204, "", {"Allow": allow})
    permissions = {
        "Access-Control-Allow-Methods": allow,
        "Access-Control-Allow-Headers": REQUEST_HEADERS,
        "Access-Control-Max-Age": str(MAX_AGE),
    }
    return Answer(204, "", {"Allow": allow, **permissions})


def headers(origin: str | None, origins: Set[str]) -> Mapping[str, str]:
    """What every answer says to a browser of that origin; `origins` are those allowed.

    Vary tells caches what an answer depends on (RFC 9110, section 12.5.5); API Gateway, which
    compresses answers, does not say it by itself.
    """
    if not origins:
        return {"Vary": "Accept-Encoding"}
    vary = {"Vary": "Accept-Encoding, Origin"}
    if origin is None or origin not in origins:
        return vary
    allowed = {"Access-Control-Allow-Origin": origin}
    return {**vary, **allowed, "Access-Control-Expose-Headers": RESPONSE_HEADERS}
