"""The same stage deployed again: what is there stays, and goes on."""

from collections.abc import Mapping

from tests.api.support import library, picture
from tests.deployed.allowances import use_gateway_responses
from tests.deployed.people import GALLERY, Arrive, shown
from tests.deployed.stack import Project, Stack
from tests.support import wait_until


def test_unchanged(project: Project, stack: Stack) -> None:
    """The same code makes the same package, so there is nothing to do."""
    before = stack.outputs()
    assert "No changes to deploy" in project.deploy("dev")
    assert stack.outputs() == before


def test_with_another_parameter(
    project: Project, parameters: Mapping[str, str], stack: Stack, arrives: Arrive
) -> None:
    """The URL and the data are as before, and what was changed in the file is in force."""
    alice = arrives("alice")
    alice.api.post("/api/images", json=picture("before")).raise_for_status()
    wait_until(lambda: shown(alice) == [1])
    images, outputs = library(alice.api), stack.outputs()

    another = "https://another.example"
    project.configure("dev", {**parameters, "CorsOrigins": f"{GALLERY},{another}"})
    project.deploy("dev")
    use_gateway_responses(stack)

    assert stack.outputs() == outputs
    assert library(alice.api) == images
    answer = alice.api.get("/api/images", headers={"Origin": another})
    assert answer.headers["Access-Control-Allow-Origin"] == another
    alice.api.post("/api/images", json=picture("after")).raise_for_status()
    wait_until(lambda: shown(alice) == [2, 1])


def test_a_change_that_would_empty_a_table_is_refused(project: Project, stack: Stack) -> None:
    """A new name is a new table. Nothing was changed by then."""
    before = stack.outputs()
    said = project.refuses_to_deploy("dev", PartitionTableName="another")
    assert "in place of PartitionTable, and nothing was changed" in said
    assert "CONFIRM=image-storage-dev" in said
    assert stack.outputs() == before
