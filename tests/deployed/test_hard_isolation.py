"""A second stage, beside the first: reads there go through a role that is bound to the reader."""

import json
from collections.abc import Iterator, Mapping

import pytest
from botocore.exceptions import ClientError

from tests.api.support import picture
from tests.deployed.allowances import judge_by_the_tag_alone
from tests.deployed.emulator import Emulator
from tests.deployed.people import Directory, Person, arrivals, shown
from tests.deployed.stack import Project, Stack
from tests.support import wait_until


@pytest.fixture(scope="module")
def bound(project: Project, parameters: Mapping[str, str], emulator: Emulator) -> Stack:
    project.deploy("bound", **parameters)
    stack = Stack("image-storage-bound", emulator)
    judge_by_the_tag_alone(stack)
    return stack


@pytest.fixture
def people(bound: Stack, directory: Directory) -> Iterator[tuple[Person, Person]]:
    with arrivals(directory, bound.url) as arrive:
        yield arrive("alice"), arrive("bob")


def test_each_reads_their_own(people: tuple[Person, Person]) -> None:
    """Two users in turn, through one function, each in a session of their own."""
    alice, bob = people
    alice.api.post("/api/images", json=picture("alice's")).raise_for_status()
    for number in (1, 2):
        bob.api.post("/api/images", json=picture(f"bob's {number}")).raise_for_status()
    wait_until(lambda: (shown(alice), shown(bob)) == ([1], [2, 1]))
    for _ in range(3):
        assert prompts(alice) == ["alice's"]
        assert prompts(bob) == ["bob's 2", "bob's 1"]
    assert alice.api.get("/api/images/2").status_code == 404
    assert bob.api.get("/api/images/changes").json()["cursor"] == 2


def prompts(person: Person) -> list[str]:
    return [image["prompt"] for image in person.api.get("/api/images").json()["images"]]


def test_the_reading_function_itself_reaches_no_table(bound: Stack) -> None:
    """So what it reads, it reads in the bound role."""
    iam = bound.emulator.client("iam")
    role = bound.physical_id("ReadApiRole")
    policies = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    assert policies
    assert "dynamodb" not in json.dumps(policies)


def test_destroying_it(bound: Stack, stack: Stack, project: Project, emulator: Emulator) -> None:
    """The stack and its tables are gone; the other stage's are not touched."""
    tables = emulator.client("dynamodb").list_tables()["TableNames"]
    project.destroy("bound")
    with pytest.raises(ClientError, match="does not exist"):
        bound.outputs()
    left = emulator.client("dynamodb").list_tables()["TableNames"]
    assert set(tables) - set(left) == {name for name in tables if name.startswith(bound.name)}
    assert len(set(tables) - set(left)) == 3
    assert stack.outputs()
