"""A handler behind a plain WSGI server: `python -m benchmarks.wsgi ours|baseline PORT USER`."""

import functools
import logging
import sys
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import waitress  # type: ignore[import-untyped]

from benchmarks.common import LambdaContext, event

StartResponse = Callable[[str, list[tuple[str, str]]], object]


def serve(app: Any, user: str, environ: Any, start_response: StartResponse) -> Iterable[bytes]:
    query = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    asked = event(environ["REQUEST_METHOD"], environ["PATH_INFO"], **query)
    asked["requestContext"]["authorizer"]["principalId"] = user
    answer = app(asked, LambdaContext())
    body = answer["body"].encode()
    headers = {**answer["headers"], "Content-Length": str(len(body))}
    start_response(f"{answer['statusCode']} OK", list(headers.items()))
    return [body]


def main(which: str, port: str, user: str) -> None:
    if which == "ours":
        from app import app
    else:
        from benchmarks.baseline.app import app
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # that a request waits is meant so
    handler = functools.partial(serve, app, user)
    waitress.serve(handler, host="127.0.0.1", port=int(port), threads=4, _quiet=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
