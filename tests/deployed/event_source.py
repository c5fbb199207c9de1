"""Lambda's event source by hand: the emulator's own knows no retries and no dead letters.

It hands the deployed stream's records to the deployed function and keeps to the deployed mapping's
settings, as `tests.chaos.event_source` simulates them; what it gives up goes to the deployed queue.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from chalicelib.model.entries import UserId
from chalicelib.sync.dead_letters import Record
from local.pump import lambda_event
from tests.chaos.event_source import EventSource, Rules, place_of
from tests.deployed.stack import Stack
from tests.support import wait_until


@dataclass(frozen=True)
class Mapped:
    """The event source mapping, as it is deployed."""

    stack: Stack
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, stack: Stack) -> "Mapped":
        found = stack.emulator.client("lambda").list_event_source_mappings(
            FunctionName=stack.function("on_images")
        )
        (settings,) = found["EventSourceMappings"]
        return cls(stack, settings)

    @property
    def stream_arn(self) -> str:
        return str(self.settings["EventSourceArn"])

    @property
    def queue_url(self) -> str:
        name = self.settings["DestinationConfig"]["OnFailure"]["Destination"].split(":")[-1]
        return str(self.stack.emulator.client("sqs").get_queue_url(QueueName=name)["QueueUrl"])

    @contextmanager
    def off(self) -> Iterator[None]:
        """Nothing is delivered inside; afterwards all that came meanwhile is."""
        self._switch(is_on=False)
        try:
            yield
        finally:
            self._switch(is_on=True)

    def _switch(self, *, is_on: bool) -> None:
        self.stack.emulator.client("lambda").update_event_source_mapping(
            UUID=self.settings["UUID"], Enabled=is_on
        )

    def records(self, users: Collection[UserId]) -> list[Record]:
        """The stream's records of these users that the mapping's filter lets pass."""
        (pattern,) = self.settings["FilterCriteria"]["Filters"]
        names = json.loads(pattern["Pattern"])["eventName"]
        found = lambda_event(self._everything(), self.stream_arn)["Records"]
        mine = [record for record in found if place_of(record)[0] in users]
        return [record for record in mine if record["eventName"] in names]

    def _everything(self) -> list[Record]:
        streams = self.stack.emulator.client("dynamodbstreams")
        where = {"StreamArn": self.stream_arn, "ShardId": self._shard()}
        iterator = streams.get_shard_iterator(**where, ShardIteratorType="TRIM_HORIZON")
        found = streams.get_records(ShardIterator=iterator["ShardIterator"])
        records: list[Record] = []
        while found["Records"]:
            records += found["Records"]
            found = streams.get_records(ShardIterator=found["NextShardIterator"])
        return records

    def _shard(self) -> str:
        """The emulator's streams have one."""
        streams = self.stack.emulator.client("dynamodbstreams")
        stream = streams.describe_stream(StreamArn=self.stream_arn)["StreamDescription"]
        (shard,) = stream["Shards"]
        return str(shard["ShardId"])

    def deliver(self, records: Collection[Record]) -> EventSource:
        """Until each is done or given up; the letters of those are in the queue then."""
        rules = Rules(
            self.settings["MaximumRetryAttempts"], self.settings["BisectBatchOnFunctionError"]
        )
        source = EventSource(self._function, seed=1, rules=rules)
        source.feed({"Records": records})
        with source:
            wait_until(source.is_idle, seconds=300)
        for letter in source.dead_letters:
            self._send(letter)
        return source

    def _function(self, event: dict[str, Any]) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self.stack.invoke("on_images", event)
        return answer

    def _send(self, letter: Mapping[str, Any]) -> None:
        """The simulated shards' letter, which names the real stream's place."""
        place = {"shardId": self._shard(), "streamArn": self.stream_arn}
        real = {**letter, "DDBStreamBatchInfo": {**letter["DDBStreamBatchInfo"], **place}}
        self.stack.emulator.client("sqs").send_message(
            QueueUrl=self.queue_url, MessageBody=json.dumps(real)
        )

    def letters(self) -> int:
        """How many are in the queue, those in somebody's hands included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.stack.emulator.client("sqs").get_queue_attributes(
            QueueUrl=self.queue_url, AttributeNames=names
        )
        return sum(int(found["Attributes"][name]) for name in names)

    def purge(self) -> None:
        """Forgets all letters."""
        self.stack.emulator.client("sqs").purge_queue(QueueUrl=self.queue_url)
