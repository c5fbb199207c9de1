"""The pump over DynamoDB Local's real stream, with the real stream handler behind it."""

from pathlib import Path

from tests.pumping import pumping
from tests.support import ALICE, BOB, Store, wait_until


def is_synced(store: Store) -> bool:
    return all(store.partition_images(user) == store.expected_images(user) for user in (ALICE, BOB))


def test_what_is_written_while_nothing_runs_is_synced_at_the_next_start(
    store: Store, tmp_path: Path
) -> None:
    """Nobody calls sync: the stream brings each partition up to date, once it is pumped."""
    store.fill(ALICE, 30)
    with pumping(store, tmp_path) as records:
        store.save(BOB, 2)
        wait_until(lambda: is_synced(store))
        wait_until(lambda: len(records) == 32)
    store.save(ALICE, 3)
    assert not is_synced(store)
    with pumping(store, tmp_path) as records:
        wait_until(lambda: is_synced(store))
        wait_until(lambda: len(records) >= 3)
    assert len(records) == 3  # and nothing that was delivered before


def test_the_stream_carries_keys_alone(store: Store, tmp_path: Path) -> None:
    """No prompt and no URL ever travels in a stream record."""
    store.save(ALICE)
    with pumping(store, tmp_path) as records:
        wait_until(lambda: len(records) == 1)
    (record,) = records
    assert record["dynamodb"]["Keys"] == {"user_id": {"S": ALICE}, "cursor": {"N": "1"}}
    assert record["dynamodb"]["StreamViewType"] == "KEYS_ONLY"
    assert "Image" not in str(record["dynamodb"])
    assert "prompt" not in str(record)
