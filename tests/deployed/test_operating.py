"""The operator's functions in a deployed stage, invoked as the console, the CLI or a rule does."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chalicelib.operations import OPERATIONS
from deploy.permissions import GRANTS
from deploy.stages import ROOT
from tests.api.support import library, picture
from tests.deployed.event_source import Mapped
from tests.deployed.manual import follow
from tests.deployed.people import Arrive, Person, shown
from tests.deployed.stack import Stack
from tests.support import wait_until

EVENTS = ROOT / "events"

ANSWERS: dict[str, dict[str, Any]] = {
    "sync_user": {"cursor": 3, "applied": 0},
    "get_images_for_user": {"cursor": 3, "deleted": [], "read": 3},
    "verify_user": {"equal": True, "compared": 3, "behind": 0},
    "verify_all": {"different": 0, "failed": 0},
    "rebuild_partition": {"cursor": 3, "compared": 3, "rewritten": 0, "removed": 0},
    "migrate": {"rewritten": 0},
    "sweep": {"failed": 0},
    "export_user": {"exported": 3},
    "erase_user": {"through": 3, "erased": 3},
    "redrive_dead_letters": {"failed": 0, "unreadable": 0},
}
"""What each says of a user with three images, all shown."""


@pytest.fixture
def alice(arrives: Arrive) -> Person:
    """She has three images."""
    alice = arrives("alice")
    images = [picture(f"prompt {number}") for number in (1, 2, 3)]
    alice.api.post("/api/images/batch", json={"images": images}).raise_for_status()
    wait_until(lambda: shown(alice) == [3, 2, 1])
    return alice


def sample(name: str, person: Person) -> Any:
    """The sample event, about this user where it names one."""
    event = json.loads((EVENTS / f"{name}.json").read_text())
    return event | ({"subject": person.subject} if "subject" in event else {})


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_runs_with_its_sample_event(alice: Person, stack: Stack, name: str) -> None:
    """Its role has all that it takes."""
    answer = stack.invoke(name, sample(name, alice))
    assert answer | ANSWERS[name] | {"done": True} == answer


def test_the_log_of_record_has_what_the_library_shows(alice: Person, stack: Stack) -> None:
    """An export, and the console's look, have the images that the API has."""
    images = library(alice.api)
    assert stack.invoke("export_user", {"user": alice.user})["images"] == images[::-1]
    assert stack.invoke("get_images_for_user", {"user": alice.user})["images"] == images[::-1]


def test_an_erased_user(alice: Person, stack: Stack) -> None:
    """After the receipt nothing is shown, and neither table has a prompt."""
    assert stack.invoke("erase_user", {"subject": alice.subject})["erased"] == 3
    assert shown(alice) == []
    for table in ("PrimaryTable", "PartitionTable"):
        assert "prompt" not in json.dumps(stack.items(table, alice.user))


def test_a_damaged_partition_is_found_and_rebuilt(alice: Person, stack: Stack) -> None:
    """A row lost, one changed, one too many: verify tells the first, rebuild mends all."""
    images = library(alice.api)
    first, second, third = stack.items("PartitionTable", alice.user)
    stack.remove("PartitionTable", first)
    stack.put("PartitionTable", {**second, "image": {"S": '{"prompt":"by hand"}'}})
    stack.put("PartitionTable", {**third, "cursor": {"N": "4"}})
    verified = stack.invoke("verify_user", {"user": alice.user})
    assert (verified["equal"], verified["difference"]["cursor"]) == (False, 1)
    assert stack.invoke("verify_all", {})["different"] == 1
    rebuilt = stack.invoke("rebuild_partition", {"user": alice.user})
    assert (rebuilt["done"], rebuilt["rewritten"], rebuilt["removed"]) == (True, 2, 1)
    assert stack.items("PartitionTable", alice.user) == [first, second, third]
    assert library(alice.api) == images


def test_rows_of_an_older_form_are_migrated(alice: Person, stack: Stack) -> None:
    """All users are gone through, and what is outdated is rewritten in today's form."""
    rows = stack.items("PartitionTable", alice.user)
    for row in rows:
        stack.put("PartitionTable", {**row, "version": {"N": "1"}})
    migrated = stack.invoke("migrate", {})
    assert (migrated["done"], migrated["rewritten"]) == (True, 3)
    assert stack.items("PartitionTable", alice.user) == rows


OF_VERSION_2 = "--cli-binary-format raw-in-base64-out"
"""What the manual says to leave out with an AWS CLI like this project's."""


@dataclass(frozen=True)
class Operator:
    """Knows nothing but how docs/operations.md has functions invoked."""

    stack: Stack
    desk: Path

    def run(self, function: str, event: Any) -> Any:
        """The manual's command, with another function and event; what the function answers."""
        instead = {
            OF_VERSION_2: "",
            "image-storage-prod-verify_user": self.stack.function(function),
            """'{"subject": "alice"}'""": shlex.quote(json.dumps(event)),
        }
        follow("aws lambda invoke", instead, self.stack.emulator, self.desk)
        return json.loads((self.desk / "answer.json").read_text())


@pytest.fixture
def operator(stack: Stack, tmp_path: Path) -> Operator:
    return Operator(stack, tmp_path)


def test_an_operator_who_has_nothing_but_the_manual(
    arrives: Arrive, stack: Stack, operator: Operator
) -> None:
    """Finds a user who is behind, repairs, exports and erases."""
    alice = arrives("alice")
    with Mapped.of(stack).off():
        alice.api.post("/api/images/batch", json={"images": [picture()] * 3}).raise_for_status()
        found = operator.run("verify_all", {})
        assert {"user": alice.user, "entries": 3} in found["waiting"]

        assert operator.run("sync_user", {"user": alice.user})["applied"] == 3
        assert shown(alice) == [3, 2, 1]
        verified = operator.run("verify_user", {"subject": alice.subject})
        assert (verified["user"], verified["equal"], verified["behind"]) == (alice.user, True, 0)

    exported = operator.run("export_user", {"subject": alice.subject})
    assert exported["images"] == library(alice.api)[::-1]
    receipt = operator.run("erase_user", {"subject": alice.subject})
    assert (receipt["done"], receipt["erased"]) == (True, 3)
    assert shown(alice) == []
    assert operator.run("export_user", {"subject": alice.subject})["images"] == []


def test_what_functions_write_tells_the_lag_and_no_payload(arrives: Arrive, stack: Stack) -> None:
    """One line of metrics for each sync that added something; no line with what was saved."""
    alice = arrives("alice")
    alice.api.post("/api/images", json=picture("a canary")).raise_for_status()
    wait_until(lambda: any(alice.user in line for line in stack.log("on_images")))
    (line,) = (line for line in stack.log("on_images") if alice.user in line)
    written = json.loads(line)
    assert (written["EntriesApplied"], written["SyncLagEntries"]) == (1, 1)
    assert written["SyncLag"] > 0
    assert written["_aws"]["CloudWatchMetrics"][0]["Namespace"] == stack.name
    assert alice.api.get("/api/images").json()["images"][0]["prompt"] == "a canary"
    for function in GRANTS:
        assert "canary" not in str(stack.log(function))


def scheduled_event(rule_arn: str) -> dict[str, Any]:
    """What EventBridge sends when a rule's time has come."""
    return {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": rule_arn.split(":")[4],
        "time": "2026-11-22T14:10:00Z",
        "region": rule_arn.split(":")[3],
        "resources": [rule_arn],
        "detail": {},
    }


def sweep_rule(stack: Stack) -> dict[str, Any]:
    """The one rule that calls the scheduled sweep."""
    function = stack.emulator.client("lambda").get_function(
        FunctionName=stack.function("scheduled_sweep")
    )["Configuration"]["FunctionArn"]
    events = stack.emulator.client("events")
    (name,) = events.list_rule_names_by_target(TargetArn=function)["RuleNames"]
    rule: dict[str, Any] = events.describe_rule(Name=name)
    return rule


def test_the_sweep_is_scheduled(stack: Stack) -> None:
    """Every five minutes, and the function lets that rule call it."""
    rule = sweep_rule(stack)
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(5 minutes)", "ENABLED")
    policy = stack.emulator.client("lambda").get_policy(
        FunctionName=stack.function("scheduled_sweep")
    )["Policy"]
    (statement,) = json.loads(policy)["Statement"]
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Condition"]["ArnLike"]["AWS:SourceArn"] == rule["Arn"]


@pytest.mark.parametrize("by", ["scheduled_sweep", "sweep", "sync_user", "rebuild_partition"])
def test_a_lost_doorbell(arrives: Arrive, stack: Stack, by: str) -> None:
    """What the stream has lost is shown nonetheless, by each of these."""
    alice = arrives("alice")
    with Mapped.of(stack).off():
        alice.api.post("/api/images", json=picture()).raise_for_status()
        assert shown(alice) == []
        events = {"scheduled_sweep": scheduled_event(sweep_rule(stack)["Arn"]), "sweep": {}}
        answer = stack.invoke(by, events.get(by, {"user": alice.user}))
        assert answer["done"] is True
        assert shown(alice) == [1]


def test_the_doorbell_does_not_ring_while_it_is_off(arrives: Arrive, stack: Stack) -> None:
    """What the tests above rest on; once it is on again, it makes up for it."""
    alice = arrives("alice")
    with Mapped.of(stack).off():
        alice.api.post("/api/images", json=picture()).raise_for_status()
        stack.invoke("verify_user", {"user": alice.user})
        assert shown(alice) == []
    wait_until(lambda: shown(alice) == [1])
