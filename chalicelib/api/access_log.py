"""Logs one line for each request: the route's pattern, the user, the outcome."""

import logging
from collections.abc import Callable
from typing import Any

from chalice.app import Request as ChaliceRequest
from chalice.app import Response

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}
"""The methods that may be logged. Any other text was written by the client, and may be private."""

log = logging.getLogger(__name__)


def logged(
    request: ChaliceRequest | None,
    get_response: Callable[[Any], Response],
    monotonic: Callable[[], float],
) -> Response:
    """Returns the response, and logs one line about it. `monotonic` gives seconds."""
    began = monotonic()
    response = get_response(request)
    took = {"status": response.status_code, "milliseconds": round((monotonic() - began) * 1000)}
    log.info("request", extra={**named(request), **took})
    return response


def named(request: ChaliceRequest | None) -> dict[str, str]:
    """Fields that tell one request from others; none of an event that is not API Gateway's.

    `apiRequestId` is what the client is answered as `x-amzn-RequestId`.
    """
    if request is None:
        return {}
    authorizer = request.context.get("authorizer") or {}
    fields = {
        "method": request.method if request.method in METHODS else None,
        "route": request.path,
        "user": authorizer.get("principalId"),
        "apiRequestId": request.context.get("requestId"),
    }
    return {name: value for name, value in fields.items() if value}
