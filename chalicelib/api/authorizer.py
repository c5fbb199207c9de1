"""Answers API Gateway's authorizer about a token, and counts refusals."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from chalice.app import AuthResponse

from chalicelib.model.errors import KeysUnavailable, Unauthenticated
from chalicelib.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from chalicelib.auth.tokens import Caller

EXPIRES_AT = "expiresAt"
"""The context member with the token's end: API Gateway caches what is answered here."""


def decide(caller_of: Callable[[str], "Caller"], token: str, metrics: Metrics) -> AuthResponse:
    """Allows all routes to the caller that the token proves, and none to anybody else.

    Raises KeysUnavailable if no token can be judged: API Gateway then answers 500, and caches
    nothing.
    """
    try:
        caller = caller_of(token)
    except Unauthenticated as refused:
        metrics.count("AuthorizerRefused", reason=refused.reason)
        return AuthResponse(routes=[], principal_id="nobody")
    except KeysUnavailable:
        metrics.count("AuthorizerUnavailable")
        raise
    context = {EXPIRES_AT: str(caller.expires_at)}
    return AuthResponse(routes=["*"], principal_id=caller.user, context=context)
