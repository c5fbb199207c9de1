"""What API Gateway answers by itself, before a function runs, said in problem details.

The names are those of API Gateway's gateway responses ("Gateway response types", API Gateway
developer guide). The development server answers by the same table.
"""

from collections.abc import Mapping

GATEWAY_RESPONSES: Mapping[str, str] = {
    "UNAUTHORIZED": "unauthenticated",  # no Authorization header
    "ACCESS_DENIED": "unauthenticated",  # the authorizer found no user in the token
    "AUTHORIZER_FAILURE": "unavailable",  # the issuer's keys cannot be had
    "MISSING_AUTHENTICATION_TOKEN": "no-such-route",  # API Gateway's word for an unknown path
    "REQUEST_TOO_LARGE": "body-too-large",
    "UNSUPPORTED_MEDIA_TYPE": "unsupported-media-type",
    "DEFAULT_4XX": "bad-request",
    "DEFAULT_5XX": "internal-error",
}
"""Gateway response type to the code of the problem that it is answered with."""
