"""Races between real processes, on a real DynamoDB engine."""

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import BaseContext
from pathlib import Path

import pytest

from tests.pumping import pumping
from tests.race import workers
from tests.support import ALICE, Store

WRITERS = 8
SAVES_EACH = 250


@pytest.fixture
def processes() -> BaseContext:
    """Processes that begin from nothing, as separate Lambda functions do."""
    return multiprocessing.get_context("spawn")


def test_eight_writers_of_one_user(store: Store, processes: BaseContext) -> None:
    """8 processes save 250 images each for one user: cursors 1 … 2000, each exactly once."""
    with ProcessPoolExecutor(WRITERS, processes) as pool:
        jobs = [pool.submit(workers.append, ALICE, SAVES_EACH) for _ in range(WRITERS)]
        acknowledged = [cursor for job in jobs for cursor in job.result()]
    entries = store.primary_entries(ALICE)
    everything = list(range(1, WRITERS * SAVES_EACH + 1))
    assert sorted(acknowledged) == everything
    assert [entry.cursor for entry in entries] == everything
    assert [entry.count for entry in entries] == everything
    assert set(Counter(entry.request_id for entry in entries).values()) == {1}


def test_two_syncs_and_the_stream_race_while_a_reader_watches(
    store: Store, processes: BaseContext, tmp_path: Path
) -> None:
    """The partition ends equal to the primary, and no reader ever saw a hole or a step back."""
    goal = 400
    with ProcessPoolExecutor(5, processes) as pool, pumping(store, tmp_path) as records:
        watching = pool.submit(workers.watch, ALICE, goal)
        syncing = [pool.submit(workers.sync_until, ALICE, goal) for _ in range(2)]
        writing = [pool.submit(workers.append, ALICE, goal // 2) for _ in range(2)]
        assert sorted(cursor for job in writing for cursor in job.result()) == list(
            range(1, goal + 1)
        )
        assert all(job.result() > 0 for job in syncing)
        seen = watching.result()
    assert store.partition_images(ALICE) == store.expected_images(ALICE)
    assert records
    assert seen["reads"] > 20
    assert (seen["holes"], seen["back"]) == (0, 0)
