"""Words that the tests of the API share."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import botocore.session
import httpx

from local.demo import images
from tests.api.server import Server

JSON = {"Content-Type": "application/json"}


def picture(prompt: str = "a red fox", **members: Any) -> dict[str, Any]:
    """An image to save."""
    return {"prompt": prompt, "imageUrl": "https://images.example/fox.png", **members}


def save(client: httpx.Client, many: int = 1) -> int:
    """Saves so many images and syncs; answers the library's newest cursor."""
    for first in range(1, many + 1, 25):
        images = [picture(f"prompt {n}") for n in range(first, min(first + 25, many + 1))]
        client.post("/api/images/batch", json={"images": images}).raise_for_status()
    return sync(client)


def sync(client: httpx.Client) -> int:
    """Syncs; answers the library's newest cursor."""
    synced = client.post("/api/images/sync").raise_for_status().json()
    assert synced["upToDate"]
    cursor: int = synced["cursor"]
    return cursor


def fill_with_demo(server: Server, name: str, many: int) -> None:
    """Gives the user so many of the demo's images."""
    with server.client(name) as client:
        left = images(many)
        while batch := list(islice(left, 25)):
            client.post("/api/images/batch", json={"images": batch}).raise_for_status()
        sync(client)


def pages(client: httpx.Client, limit: int) -> Iterator[dict[str, Any]]:
    """Every page from the newest on; they must come to an end."""
    query = {"limit": limit}
    for _ in range(500):
        page = client.get("/api/images", params=query).raise_for_status().json()
        yield page
        if page["next"] is None:
            return
        query["before"] = page["next"]
    raise AssertionError("The pages do not end.")


def library(client: httpx.Client) -> list[dict[str, Any]]:
    """All images, newest first."""
    return [image for page in pages(client, 200) for image in page["images"]]


def database(server: Server) -> Any:
    """A client for the server's own database, as someone with its secret has."""
    environ = server.environ()
    return botocore.session.get_session().create_client(
        "dynamodb",
        region_name=environ["AWS_DEFAULT_REGION"],
        endpoint_url=environ["AWS_ENDPOINT_URL_DYNAMODB"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
    )


def logged(server: Server, client: httpx.Client) -> str:
    """The log, with the lines of all that this client asked before.

    Its connection is served by one thread, which logs a request before it reads the next.
    """
    client.get("/api/health").raise_for_status()
    return server.log.read_text()


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Checks that the answer is this problem, in the shape that all have; answers its members."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.text
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert problem["status"] == answer.status_code
    assert problem["type"] == f"urn:problem-type:image-storage:{code}"
    assert all(isinstance(problem[name], str) and problem[name] for name in ("title", "detail"))
    assert set(problem) - {"errors"} == {"type", "title", "status", "code", "detail"}
    return problem


def where(problem: dict[str, Any]) -> list[str]:
    """What its errors name."""
    return [text for error in problem["errors"] for key, text in error.items() if key != "detail"]
