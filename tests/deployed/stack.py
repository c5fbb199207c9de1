"""A stage deployed into the emulator, as its operator has it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.model.entries import UserId
from deploy.stages import CONFIG, ROOT
from tests.deployed.emulator import HOST, Emulator

MADE_OF = ("app.py", "chalicelib", "deploy", "requirements.txt")
"""All that a deployment is made of, beside the stages' settings."""

BUCKET = "artifacts"

API_STAGE = "api"
"""What a path begins with: the stage of API Gateway, which has nothing to do with ours."""


@dataclass(frozen=True)
class Project:
    """A copy of this one, with stages of its own, deployed by the product's own commands."""

    folder: Path
    emulator: Emulator

    @classmethod
    def copy(
        cls, folder: Path, emulator: Emulator, stages: Mapping[str, Mapping[str, Any]]
    ) -> "Project":
        for name in (*MADE_OF, CONFIG):
            copy(ROOT / name, folder / name)
        project = cls(folder, emulator)
        with project._config() as config:
            config["stages"] |= stages
        emulator.client("s3").create_bucket(Bucket=BUCKET)
        return project

    def configure(self, stage: str, parameters: Mapping[str, str]) -> None:
        """Writes the stage's parameters into the file, as an operator does."""
        with self._config() as config:
            config["stages"][stage]["parameters"] = parameters

    @contextmanager
    def _config(self) -> Iterator[dict[str, Any]]:
        """What is changed in it is written afterwards."""
        path = self.folder / CONFIG
        config: dict[str, Any] = json.loads(path.read_text())
        yield config
        path.write_text(json.dumps(config))

    def deploy(self, stage: str, **more: str) -> str:
        """With `more` parameters than the file has; answers what the command says."""
        return self._run("deploy", stage, deploying(more))

    def refuses_to_deploy(self, stage: str, **more: str) -> str:
        """With these parameters; answers why."""
        done = self._done("deploy", stage, deploying(more))
        assert done.returncode == 1
        return done.stderr

    def deploy_with_nothing_named(self, stage: str) -> str:
        """No bucket, no parameter, as a newcomer; answers what the command says."""
        return self._run("deploy", stage, {})

    def package(self, stage: str) -> str:
        return self._run("package", stage, {})

    def destroy(self, stage: str, **variables: str) -> str:
        return self._run("destroy", stage, variables)

    def _run(self, command: str, stage: str, variables: Mapping[str, str]) -> str:
        done = self._done(command, stage, variables)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        return said

    def _done(
        self, command: str, stage: str, variables: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deploy", command, stage],
            cwd=self.folder,
            env={**self.emulator.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )


def deploying(parameters: Mapping[str, str]) -> Mapping[str, str]:
    assignments = " ".join(f"{name}={value}" for name, value in parameters.items())
    return {"BUCKET": BUCKET, "PARAMETERS": assignments}


def copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


@dataclass(frozen=True)
class Stack:
    """A deployed stage by the name of its CloudFormation stack."""

    name: str
    emulator: Emulator

    def outputs(self) -> dict[str, str]:
        found = self.emulator.client("cloudformation").describe_stacks(StackName=self.name)
        return {each["OutputKey"]: each["OutputValue"] for each in found["Stacks"][0]["Outputs"]}

    def resources(self) -> dict[str, Any]:
        """The deployed template's resources, as CloudFormation has them."""
        cloudformation = self.emulator.client("cloudformation")
        found = cloudformation.get_template(StackName=self.name)
        resources: dict[str, Any] = found["TemplateBody"]["Resources"]
        return resources

    def physical_id(self, logical_id: str) -> str:
        found = self.emulator.client("cloudformation").describe_stack_resources(
            StackName=self.name, LogicalResourceId=logical_id
        )
        (resource,) = found["StackResources"]
        return str(resource["PhysicalResourceId"])

    @property
    def api_id(self) -> str:
        return self.outputs()["RestAPIId"]

    @property
    def gallery(self) -> str:
        """The API's root on a host of its own, as at AWS. Browsers know such a name to be this
        machine's; other programs need not, so for them there is `url`."""
        return f"http://{self.api_id}.execute-api.{HOST}:{self.emulator.port}/{API_STAGE}/"

    @property
    def host(self) -> str:
        """At AWS, a host of its own: https://ID.execute-api.REGION.amazonaws.com."""
        return f"{self.emulator.url}/_aws/execute-api/{self.api_id}"

    @property
    def url(self) -> str:
        return f"{self.host}/{API_STAGE}"

    def function(self, name: str) -> str:
        return f"{self.name}-{name}"

    def invoke(self, name: str, event: Any) -> Any:
        """What the function answers; what it raised fails the test."""
        answer = self.emulator.client("lambda").invoke(
            FunctionName=self.function(name), Payload=json.dumps(event)
        )
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, (name, payload)
        return payload

    def log(self, function: str) -> list[str]:
        """The lines that it wrote, and what Lambda writes of it; none before its first run."""
        found = self.emulator.client("logs").filter_log_events(
            logGroupName=f"/aws/lambda/{self.function(function)}"
        )
        return [event["message"] for event in found["events"]]

    def items(self, table: str, user: UserId) -> list[dict[str, Any]]:
        """All that the table has of the user, ascending."""
        found = self.emulator.client("dynamodb").query(
            TableName=self._name_of(table),
            KeyConditionExpression="user_id = :user",
            ExpressionAttributeValues={":user": {"S": user}},
            ConsistentRead=True,
        )
        items: list[dict[str, Any]] = found["Items"]
        return items

    def put(self, table: str, item: Mapping[str, Any]) -> None:
        """Does what nobody should."""
        self.emulator.client("dynamodb").put_item(TableName=self._name_of(table), Item=item)

    def remove(self, table: str, item: Mapping[str, Any]) -> None:
        key = {name: item[name] for name in ("user_id", "cursor")}
        self.emulator.client("dynamodb").delete_item(TableName=self._name_of(table), Key=key)

    def _name_of(self, table: str) -> str:
        return self.outputs()[f"{table}Name"]
