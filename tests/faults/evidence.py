"""Every place in which something that a user sent could be left."""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.session

from chalicelib.store.table_names import TableNames
from local.dynamodb_local import ClientArgs


@dataclass(frozen=True)
class Evidence:
    """The tables and the stream as they are stored, what was logged or printed, dead letters.

    `database` are the arguments of a client; `told` gives what was said so far, by its name.
    """

    database: ClientArgs
    tables: TableNames
    dead_letters: Path
    told: Mapping[str, Callable[[], str]] = field(default_factory=dict)

    def places(self, word: str) -> set[str]:
        """The names of the places where the word stands."""
        return {name for name, text in self._texts() if word in text}

    def _texts(self) -> Iterator[tuple[str, str]]:
        tables = client("dynamodb", **self.database)
        for name in ("primary", "partition", "idempotency"):
            pages = tables.get_paginator("scan").paginate(
                TableName=getattr(self.tables, name), ConsistentRead=True
            )
            yield name, str([page["Items"] for page in pages])
        arn = tables.describe_table(TableName=self.tables.primary)["Table"]["LatestStreamArn"]
        yield "stream", str(list(records(client("dynamodbstreams", **self.database), arn)))
        if self.dead_letters.exists():
            yield "dead letters", self.dead_letters.read_text()
        for name, text in self.told.items():
            yield name, text()


@functools.cache
def client(service: str, **arguments: Any) -> Any:
    """Kept, as it takes longer to make one than to ask it."""
    return botocore.session.get_session().create_client(service, **arguments)


def records(streams: Any, arn: str) -> Iterator[Mapping[str, Any]]:
    """Everything that the stream holds, from its beginning."""
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            found = streams.get_records(ShardIterator=iterator)
            yield from found["Records"]
            iterator = found.get("NextShardIterator") if found["Records"] else None
