"""The routes that need no token."""

import functools
import json
from collections.abc import Mapping

from chalice.app import Request as ChaliceRequest
from chalice.app import Response

from chalicelib.api.answer import json_answer
from chalicelib.api.endpoint import response_of
from chalicelib.api.gateway import gateway_response
from chalicelib.config import demo_command, drawn_images, sign_in

REST = "proxy"
ELSEWHERE = f"/{{{REST}+}}"
"""The route that API Gateway takes where no other fits: all of the path is its parameter."""


def health() -> Response:
    """Says that the function runs; touches no table."""
    return response_of(json_answer('{"status":"ok"}'))


def openapi() -> Response:
    return response_of(json_answer(_document()))


def gallery_page(request: ChaliceRequest, environ: Mapping[str, str]) -> Response:
    """The gallery, whichever of its addresses was asked for: the page looks at that itself."""
    from chalicelib.api import gallery

    return page_at(gallery.base(request.context["path"], request.path), environ)


def elsewhere(request: ChaliceRequest, environ: Mapping[str, str]) -> Response:
    """For every path that no other route has. A browser gets the gallery, which says so; any other
    program gets a problem, and so does whoever asks for the API."""
    from chalicelib.api import gallery

    own = (request.uri_params or {}).get(REST, "")
    is_browser = "text/html" in request.headers.get("accept", "")
    if not is_browser or gallery.is_api(own):
        return response_of(gateway_response("MISSING_AUTHENTICATION_TOKEN"))
    page = page_at(gallery.base_before(request.context["path"], own), environ)
    page.status_code = 404
    return page


def page_at(base: str, environ: Mapping[str, str]) -> Response:
    """The gallery's page, with the settings of this environment."""
    from chalicelib.api import gallery

    drawn, demo = drawn_images(environ), demo_command(environ)
    return response_of(gallery.html_page(base, sign_in(environ), drawn, demo))


def gallery_asset(name: str) -> Response:
    from chalicelib.api import gallery

    return response_of(gallery.asset(name))


def gallery_worker() -> Response:
    from chalicelib.api import gallery

    return response_of(gallery.worker())


@functools.cache
def _document() -> str:
    from chalicelib.api.openapi import document

    return json.dumps(document())
