"""The routes that need no token."""

import functools
import json

from chalice.app import Response

from chalicelib.api.answer import json_answer
from chalicelib.api.endpoint import response_of
from chalicelib.api.openapi import document


def health() -> Response:
    """Says that the function runs; touches no table."""
    return response_of(json_answer('{"status":"ok"}'))


def openapi() -> Response:
    return response_of(json_answer(_document()))


@functools.cache
def _document() -> str:
    return json.dumps(document())
