"""A production stage, whose tables outlive it."""

from collections.abc import Iterator, Mapping

import pytest
from botocore.exceptions import ClientError

from tests.api.support import picture
from tests.deployed.emulator import Emulator
from tests.deployed.people import Directory, Person, arrivals, shown
from tests.deployed.stack import Project, Stack
from tests.support import wait_until


@pytest.fixture
def kept(project: Project, parameters: Mapping[str, str], emulator: Emulator) -> Stack:
    project.deploy("kept", **parameters)
    return Stack("image-storage-kept", emulator)


@pytest.fixture
def alice(kept: Stack, directory: Directory) -> Iterator[Person]:
    with arrivals(directory, kept.url) as arrive:
        yield arrive("alice")


def test_its_tables_stay_with_all_data_when_it_is_destroyed(
    kept: Stack, alice: Person, project: Project, emulator: Emulator
) -> None:
    """Whoever destroys it says its name twice, and the stack is gone."""
    alice.api.post("/api/images", json=picture()).raise_for_status()
    wait_until(lambda: shown(alice) == [1])
    (described,) = emulator.client("cloudformation").describe_stacks(StackName=kept.name)["Stacks"]
    assert described["EnableTerminationProtection"] is True
    assert {"Key": "Stage", "Value": "kept"} in described["Tags"]
    names = [kept.outputs()[f"{table}Name"] for table in ("PrimaryTable", "PartitionTable")]
    assert "still there" in project.destroy("kept", CONFIRM=kept.name)
    with pytest.raises(ClientError, match="does not exist"):
        kept.outputs()
    for name in names:
        assert emulator.client("dynamodb").scan(TableName=name)["Count"] == 1
