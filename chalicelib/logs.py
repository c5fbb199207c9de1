"""What may be logged: a fixed message, and fields beside it (`extra`). Never payload or token.

In Lambda each record is one line of JSON, with the fields as members beside the request's id
(Lambda developer guide, "Using structured JSON logs with Python"). Users stand there by their key.
"""

import traceback

from chalicelib.dynamo import CallFailed


def told(error: BaseException) -> dict[str, str]:
    """Fields that say what went wrong and where. The error's own text may hold payload."""
    code = {"code": error.code} if isinstance(error, CallFailed) else {}
    return {"error": type(error).__name__, **code, "at": places(error)}


def places(error: BaseException) -> str:
    """Where the error came from, innermost last."""
    frames = traceback.extract_tb(error.__traceback__)
    return " > ".join(f"{frame.name}:{frame.lineno}" for frame in frames)
