"""Wherever an operation runs out of time, or is killed, it comes to the same end and counts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.dynamodb.protocol import UnknownOutcome
from tests.operations.support import (
    Answer,
    Crash,
    Rig,
    Scene,
    add,
    assert_as_projected,
    change,
    delete,
    delete_unsynced,
    fill_synced,
    remove,
    stored,
)
from tests.support import ALICE, BOB, Store

USER = {"user": ALICE}
FEW = 12
"""Calls of the database: enough for one step of each operation."""


def behind(store: Store) -> None:
    """Two chunks to append; images in the partition that they delete."""
    fill_synced(store, 4)
    store.fill(ALICE, 101)
    delete_unsynced(store, 1)
    delete_unsynced(store, 50)
    fill_synced(store, 2, BOB)
    store.save(BOB)


def damaged(store: Store) -> None:
    fill_synced(store, 104)
    delete(store, 2)
    remove(store, 3)
    change(store, 103, count={"N": "9"})
    change(store, 104, image={"S": "by hand"})
    add(store, 107)
    add(store, 0)


def equal(store: Store) -> None:
    fill_synced(store, 203)
    delete(store, 2)
    fill_synced(store, 2, BOB)


def different(store: Store) -> None:
    equal(store)
    change(store, 201, count={"N": "9"})
    remove(store, 1, BOB)


def old(store: Store) -> None:
    for user, many in ((ALICE, 103), (BOB, 2)):
        fill_synced(store, many, user)
        delete(store, 1, user)
        for item in stored(store, user)[-4:]:
            if "version" in item:
                change(store, int(item["cursor"]["N"]), user, version={"N": "1"})


def library(store: Store) -> None:
    fill_synced(store, 3)
    store.fill(ALICE, 38)
    delete_unsynced(store, 2)
    store.save(ALICE, 1)


def nothing_of_a_payload(store: Store) -> None:
    assert "prompt" not in str(stored(store, ALICE)) + str(store.primary_entries(ALICE))
    assert_as_projected(store)


def all_as_projected(store: Store) -> None:
    assert_as_projected(store, ALICE)
    assert_as_projected(store, BOB)


def nothing(_store: Store) -> None:
    """Reading leaves nothing to look at."""


@dataclass(frozen=True)
class Story:
    name: str
    event: dict[str, Any]
    prepare: Callable[[Store], None]
    check: Callable[[Store], None]


STORIES = [
    Story("sync_user", USER, behind, assert_as_projected),
    Story("get_images_for_user", USER | {"limit": 20}, behind, nothing),
    Story("export_user", USER, behind, nothing),
    Story("verify_user", USER, equal, nothing),
    Story("verify_all", {}, different, nothing),
    Story("rebuild_partition", USER, damaged, assert_as_projected),
    Story("migrate", {}, old, all_as_projected),
    Story("sweep", {}, behind, all_as_projected),
    Story("erase_user", USER, library, nothing_of_a_payload),
]
of_each_story = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)


def result(answers: list[Answer]) -> Answer:
    """The last answer, with the lists of all put together; what one call spent is its own."""
    whole = {name: value for name, value in answers[-1].items() if name != "readUnits"}
    for name, value in whole.items():
        if isinstance(value, list):
            whole[name] = [member for answer in answers for member in answer[name]]
    return whole


def finished(rig: Rig, name: str, answers: list[Answer]) -> Answer:
    while not answers[-1]["done"]:
        answers.append(rig.call(name, answers[-1]["resume"]))
    return result(answers)


def undisturbed(store: Store, story: Story, scene: Scene) -> tuple[Answer, int]:
    """What it answers, and how many calls of the database it takes."""
    rig = Rig.on(store)
    expected = finished(rig, story.name, [rig.call(story.name, story.event)])
    story.check(store)
    scene.put_back()
    return expected, len(rig.calls)


@of_each_story
def test_resuming_from_every_stop(store: Store, story: Story) -> None:
    """After whichever call of the database the time is up: the same end, and the same counts."""
    story.prepare(store)
    scene = Scene(store, ALICE, BOB)
    expected, calls = undisturbed(store, story, scene)
    resumed = 0
    for stop in range(calls):
        rig = Rig.on(store)
        first = rig.call(story.name, story.event, rig.after_calls(stop))
        resumed += not first["done"]
        assert finished(rig, story.name, [first]) == expected, f"stopped after {stop} calls"
        story.check(store)
        scene.put_back()
    assert resumed or story.name == "get_images_for_user"


@of_each_story
def test_resuming_again_and_again(store: Store, story: Story) -> None:
    """In many short calls, each with time for a few calls of the database: the same end."""
    story.prepare(store)
    scene = Scene(store, ALICE, BOB)
    expected, _calls = undisturbed(store, story, scene)
    rig = Rig.on(store)
    answers = [rig.call(story.name, story.event, rig.after_calls(FEW))]
    while not answers[-1]["done"]:
        resume = answers[-1]["resume"]
        answers.append(rig.call(story.name, resume, rig.after_calls(FEW)))
        assert len(answers) < 300, f"no end: {resume}"
    assert result(answers) == expected
    story.check(store)


WRITING = [story for story in STORIES if story.check is not nothing]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("story", WRITING, ids=lambda story: story.name)
def test_resuming_after_a_crash_at_every_write(store: Store, story: Story, moment: str) -> None:
    """Killed at whichever write, before it arrived or after: run again, it comes to that end."""
    story.prepare(store)
    scene = Scene(store, ALICE, BOB)
    ends = kinds_in_the_end(store, story)
    scene.put_back()
    point, crashed = 0, True
    while crashed:
        crashed = crash_at(store, story, moment, point)
        again = Rig.on(store).finish(story.name, story.event)
        assert again["done"], point
        story.check(store)
        assert kinds(store) == ends, f"killed {moment} write {point}"
        scene.put_back()
        point += 1
    assert point > 1


def crash_at(store: Store, story: Story, moment: str, point: int) -> bool:
    """Whether the run was killed at that write."""
    rig = Rig.on(store)
    writes: list[str] = []

    def kill(operation: str, _request: Any) -> None:
        if operation in ("put_item", "update_item", "transact_write_items"):
            writes.append(operation)
            if len(writes) == point + 1:
                raise Crash

    setattr(rig.dynamo, moment, kill)
    try:
        rig.finish(story.name, story.event)
    except Crash:
        return True
    return False


def kinds(store: Store) -> list[str]:
    return [entry.kind for entry in store.primary_entries(ALICE)]


def kinds_in_the_end(store: Store, story: Story) -> list[str]:
    """The kinds of the primary's entries once it is done."""
    Rig.on(store).finish(story.name, story.event)
    story.check(store)
    return kinds(store)


def test_resuming_a_rebuild_whose_writes_fail_at_the_end_of_its_time(store: Store) -> None:
    """Out of time between two tries at a write is no error: it answers where to go on."""
    damaged(store)
    rig = Rig.on(store)

    def fault(operation: str, _request: Any) -> None:
        if operation == "transact_write_items":
            rig.calls.append(operation)
            raise UnknownOutcome("fault")

    rig.before(fault)
    answer = rig.call("rebuild_partition", USER, rig.after_calls(9))
    assert (answer["done"], answer["rewritten"], answer["removed"]) == (False, 0, 0)
    finished(Rig.on(store), "rebuild_partition", [answer])
    assert_as_projected(store)
