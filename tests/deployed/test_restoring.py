"""A stage restored to an earlier moment, as the manual says, and what its clients see then."""

from collections.abc import Mapping

import httpx

from tests.api.support import assert_problem, picture
from tests.deployed.emulator import Emulator
from tests.deployed.manual import follow
from tests.deployed.people import Arrive, first_page, shown
from tests.deployed.stack import Project, Stack
from tests.support import wait_until

TABLE = "image-storage-dev-images-2"


def test_a_restored_stage(
    project: Project,
    parameters: Mapping[str, str],
    stack: Stack,
    emulator: Emulator,
    arrives: Arrive,
) -> None:
    """It has what there was by then; a client that is ahead of it is told, and all goes on."""
    alice = arrives("alice")
    for _ in range(2):
        alice.api.post("/api/images", json=picture("before")).raise_for_status()
    names = {
        "image-storage-prod-images-2": TABLE,
        "image-storage-prod-images": stack.outputs()["PrimaryTableName"],
    }
    follow("aws dynamodb restore", names, emulator, project.folder)
    alice.api.post("/api/images", json=picture("after")).raise_for_status()
    wait_until(lambda: shown(alice) == [3, 2, 1])
    first = alice.api.get("/api/images").raise_for_status().json()
    lost = {"after": first["cursor"], "mark": first["mark"]}
    changes = alice.api.get("/api/images/changes", params={"limit": 2}).raise_for_status().json()
    kept = {"after": changes["cursor"], "mark": changes["mark"]}

    project.configure("restored", {**parameters, "PrimaryTableName": TABLE})
    project.package("restored")
    names = {
        "out/prod2": "out/restored",
        "image-storage-prod2": "image-storage-restored",
        "image-storage-prod-images-2": TABLE,
    }
    follow("python3 -c", names, emulator, project.folder)
    project.deploy("restored")
    restored = Stack("image-storage-restored", emulator)
    swept = restored.invoke("sweep", {})
    assert (swept["done"], swept["failed"]) == (True, 0)
    verified = restored.invoke("verify_all", {})
    assert (verified["done"], verified["different"], verified["behind"]) == (True, 0, 0)

    headers = {"Authorization": alice.api.headers["Authorization"]}
    with httpx.Client(
        base_url=restored.url, headers=headers, timeout=60, trust_env=False
    ) as client:
        ahead = client.get("/api/images/changes", params={"after": 3})
        assert_problem(ahead, 410, "resync-required")
        assert first_page(client) == [2, 1]
        client.post("/api/images", json=picture("again")).raise_for_status()
        wait_until(lambda: first_page(client) == [3, 2, 1])
        outgrown = client.get("/api/images/changes", params=lost)
        assert_problem(outgrown, 410, "resync-required")
        going_on = client.get("/api/images/changes", params=kept).raise_for_status().json()
        assert [change["cursor"] for change in going_on["changes"]] == [3]
