"""The operations that read or sync one user: sync_user, get_images_for_user, export_user."""

import io
import json
from typing import Any

from chalicelib.model.entries import Cursor, Payload
from local.importer.rows import Image, Reader, Reading
from tests.operations.support import Answer, Rig, assert_as_projected, delete, operate
from tests.support import ALICE, BOB, Store, picture

USER = {"user": ALICE}
FULL = Payload(
    "a <b>é</b> \u2028 \U0001f600", "https://images.example/a?b&c", "m", "18446744073709551615", 30
)


def test_sync_user_brings_the_partition_up_to_date(store: Store) -> None:
    """It answers the tail, and how many entries it added; again, that there were none."""
    store.fill(ALICE, 130)
    expected = {"done": True, "user": ALICE, "cursor": 130, "applied": 130}
    assert operate(store, "sync_user", USER) == expected
    assert_as_projected(store)
    assert operate(store, "sync_user", USER) == expected | {"applied": 0}


def test_sync_user_of_nobody(store: Store) -> None:
    """A user without a log is up to date."""
    expected = {"done": True, "user": ALICE, "cursor": 0, "applied": 0}
    assert operate(store, "sync_user", USER) == expected


def parts(store: Store, name: str, event: dict[str, Any]) -> list[Answer]:
    """The answers, one by one until it is done."""
    rig = Rig.on(store)
    answers = [rig.call(name, event)]
    while not answers[-1]["done"]:
        answers.append(rig.call(name, answers[-1]["resume"]))
    return answers


def test_get_images_page_by_page(store: Store) -> None:
    """Consecutive pages hold each image once, in commit order, from the log of record."""
    store.fill(ALICE, 7)
    pages = parts(store, "get_images_for_user", {"user": ALICE, "limit": 3})
    assert [page["cursor"] for page in pages] == [3, 6, 7]
    assert [page["read"] for page in pages] == [3, 6, 7]
    images = [image for page in pages for image in page["images"]]
    assert images == [json.loads(text or "") for text in store.expected_images(ALICE)]


def test_get_images_from_a_cursor(store: Store) -> None:
    """What lies beyond the cursor, and nothing else."""
    store.fill(ALICE, 4)
    answer = operate(store, "get_images_for_user", {"user": ALICE, "cursor": 3})
    assert [image["cursor"] for image in answer["images"]] == [4]
    assert operate(store, "get_images_for_user", {"user": ALICE, "cursor": 4}) == {
        "done": True,
        "user": ALICE,
        "images": [],
        "deleted": [],
        "cursor": 4,
        "read": 0,
    }


def test_get_images_tells_deletions(store: Store) -> None:
    """A deleted image is absent; its deletion names it."""
    store.save(ALICE, 3)
    delete(store, 2)
    answer = operate(store, "get_images_for_user", USER)
    assert [image["cursor"] for image in answer["images"]] == [1, 3]
    assert (answer["deleted"], answer["cursor"], answer["read"]) == ([2], 4, 4)


def test_get_images_of_one_user_alone(store: Store) -> None:
    """Another's log is another's."""
    store.save(BOB)
    assert operate(store, "get_images_for_user", USER)["images"] == []


def test_export_is_oldest_first_without_what_was_deleted(store: Store) -> None:
    """All live images, in the order of saving, from the log of record."""
    store.save(ALICE, 4)
    delete(store, 3)
    answer = operate(store, "export_user", USER)
    assert [image["cursor"] for image in answer["images"]] == [1, 2, 4]
    assert answer["exported"] == 3


def test_export_of_nobody(store: Store) -> None:
    """An empty library is exported as nothing."""
    expected = {"done": True, "user": ALICE, "images": [], "damage": [], "exported": 0}
    assert operate(store, "export_user", USER) == expected


def test_export_of_much_comes_in_parts_that_lambda_can_answer(store: Store) -> None:
    """However its characters are escaped, no part is longer than Lambda's 6 MB."""
    longest = picture()._replace(prompt="\U0001f600" * 10_000)
    for _ in range(4):
        store.services.primary.append(ALICE, [longest] * 25, store.deadline)
    answers = parts(store, "export_user", USER)
    assert len(answers) > 1
    assert max(len(json.dumps(answer)) for answer in answers) < 6_000_000
    cursors = [image["cursor"] for answer in answers for image in answer["images"]]
    assert cursors == list(range(1, 101))
    assert answers[-1]["exported"] == 100


def test_export_can_be_imported(store: Store) -> None:
    """As JSON Lines it is what `make import` takes, field by field."""
    store.services.primary.append(ALICE, [FULL, picture()], store.deadline)
    images = operate(store, "export_user", USER)["images"]
    lines = "".join(json.dumps(image, ensure_ascii=False) + "\n" for image in images)
    rows = list(Reader(io.BytesIO(lines.encode()), Reading("jsonl")).rows())
    read = [json.loads(row.json) for row in rows if isinstance(row, Image)]
    assert [
        Payload(i["prompt"], i["imageUrl"], i.get("model"), i.get("seed"), i.get("steps"))
        for i in read
    ] == [
        FULL,
        picture(),
    ]


def test_export_reads_what_the_partition_does_not_have_yet(store: Store) -> None:
    """It comes from the log of record, so no sync is needed."""
    store.save(ALICE, 2)
    assert operate(store, "export_user", USER)["exported"] == 2
    assert store.partition_log.get(ALICE, Cursor(1)) is None
