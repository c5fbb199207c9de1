"""The problems that only the local server answers, and no deployed stage."""

from collections.abc import Mapping

from chalicelib.api.answer import Answer
from chalicelib.api.problems import Problem, answer_of

LOCAL_PROBLEMS: Mapping[str, Problem] = {
    "foreign-origin": Problem(
        403,
        "A page of another origin asks for a change",
        "Start the server with that page's origin: make run CORS_ORIGINS=https://app.example",
    ),
    "request-timeout": Problem(
        408, "The request did not come in time", "Send it again, headers and body at once."
    ),
    "misdirected-request": Problem(
        421,
        "This server has no such address",
        "Use http://127.0.0.1 with the port that make run names. To reach it by another address, "
        "name that as the browser shows it: make run HOSTS=my.example:8000",
    ),
    "disk-full": Problem(
        507,
        "The disk is nearly full",
        "Nothing was changed. Make room on the disk of the data folder, then send it again.",
        {"Retry-After": "10"},
    ),
    "data-folder-away": Problem(
        503,
        "The data folder cannot be read",
        "Nothing was changed. Move the data folder back to its place, or connect its disk again; "
        "then send it again.",
        {"Retry-After": "10"},
    ),
}


def local_problem(code: str) -> Answer:
    """The answer for a code of `LOCAL_PROBLEMS`."""
    return answer_of(code, LOCAL_PROBLEMS[code])
