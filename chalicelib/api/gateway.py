"""What API Gateway answers by itself, before a function runs, said in problem details.

The names are those of API Gateway's gateway responses ("Gateway response types", API Gateway
developer guide). The development server answers by the same table.
"""

from collections.abc import Mapping

from chalicelib.api.answer import Answer
from chalicelib.api.problems import problem

GATEWAY_RESPONSES: Mapping[str, str] = {
    "UNAUTHORIZED": "unauthenticated",  # no Authorization header
    "ACCESS_DENIED": "unauthenticated",  # the authorizer found no user in the token
    "AUTHORIZER_FAILURE": "unavailable",  # the issuer's keys cannot be had
    "AUTHORIZER_CONFIGURATION_ERROR": "unavailable",  # the authorizer cannot be called
    "MISSING_AUTHENTICATION_TOKEN": "no-such-route",  # API Gateway's word for an unknown path
    "RESOURCE_NOT_FOUND": "no-such-route",
    # An unknown path with an Authorization header: it looks for AWS's own signature in it.
    "INVALID_SIGNATURE": "no-such-route",
    "EXPIRED_TOKEN": "no-such-route",
    "DEFAULT_4XX": "no-such-route",  # its error IncompleteSignatureException has no type
    "WAF_FILTERED": "forbidden",
    "INVALID_API_KEY": "forbidden",
    "BAD_REQUEST_PARAMETERS": "bad-request",
    "BAD_REQUEST_BODY": "bad-request",
    "REQUEST_TOO_LARGE": "body-too-large",
    "UNSUPPORTED_MEDIA_TYPE": "unsupported-media-type",
    "THROTTLED": "too-many-requests",
    "QUOTA_EXCEEDED": "too-many-requests",
    "INTEGRATION_TIMEOUT": "unavailable",  # the function may yet have done it
    "INTEGRATION_FAILURE": "unavailable",
    "API_CONFIGURATION_ERROR": "internal-error",
    "DEFAULT_5XX": "internal-error",
}
"""Gateway response type to the code of the problem that it is answered with."""


def gateway_response(kind: str) -> Answer:
    """Pages of any origin may read it: it says nothing of anybody, and has no way to tell them
    apart."""
    answer = problem(GATEWAY_RESPONSES[kind])
    return answer._replace(headers={**answer.headers, "Access-Control-Allow-Origin": "*"})
