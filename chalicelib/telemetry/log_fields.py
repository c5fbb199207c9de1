"""Rules for logging: a fixed message, with fields beside it (`extra`), never a payload or a token.

In Lambda each record is one line of JSON, with the fields as members beside the request's id
(Lambda developer guide, "Using structured JSON logs with Python"). Users stand there by their key.
"""

import traceback

from chalicelib.dynamodb.protocol import CallFailed
from chalicelib.model.errors import LogDamaged


def error_fields(error: BaseException) -> dict[str, str]:
    """Fields that say what went wrong and where. The error's own text may hold payload."""
    more = {"code": error.code} if isinstance(error, CallFailed) else {}
    if isinstance(error, LogDamaged):
        more = {"damage": str(error)}
    return {"error": type(error).__name__, **more, "at": places(error)}


def places(error: BaseException) -> str:
    """Where the error came from, innermost last."""
    frames = traceback.extract_tb(error.__traceback__)
    return " > ".join(f"{frame.name}:{frame.lineno}" for frame in frames)
