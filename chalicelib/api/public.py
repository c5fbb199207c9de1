"""The routes that need no token."""

import functools
import json
from collections.abc import Mapping

from chalice.app import Request as ChaliceRequest
from chalice.app import Response

from chalicelib.api.answer import json_answer
from chalicelib.api.endpoint import response_of
from chalicelib.config import drawn_images, sign_in


def health() -> Response:
    """Says that the function runs; touches no table."""
    return response_of(json_answer('{"status":"ok"}'))


def openapi() -> Response:
    return response_of(json_answer(_document()))


def gallery_page(request: ChaliceRequest, environ: Mapping[str, str]) -> Response:
    """The gallery, whichever of its addresses was asked for: the page looks at that itself."""
    from chalicelib.api import gallery

    path = request.context["path"]
    signing_in, drawn = sign_in(environ), drawn_images(environ)
    return response_of(gallery.html_page(path, request.path, signing_in, drawn))


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
