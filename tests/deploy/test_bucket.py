"""The bucket for packages: named, or made; nobody else's is ever used."""

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber

from deploy.bucket import SETTINGS, ensure_bucket, own_bucket
from deploy.refusal import Refusal

ACCOUNT = "123456789012"
NAME = f"image-storage-packages-{ACCOUNT}-eu-central-1"
OURS = {"Bucket": NAME, "ExpectedBucketOwner": ACCOUNT}


@pytest.fixture
def s3() -> Any:
    keys: dict[str, Any] = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    return botocore.session.get_session().create_client("s3", "eu-central-1", **keys)


@pytest.fixture
def stub(s3: Any) -> Iterator[Stubber]:
    with Stubber(s3) as stubbed:
        yield stubbed
        stubbed.assert_no_pending_responses()


def add_settings(stub: Stubber) -> None:
    for call, setting in SETTINGS.items():
        stub.add_response(call, {}, {**OURS, **setting})


@pytest.mark.parametrize(
    ("region", "place"),
    [
        ("eu-central-1", {"CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}}),
        ("us-east-1", {}),
    ],
)
def test_it_is_made_where_the_stage_is(
    s3: Any, stub: Stubber, region: str, place: dict[str, Any]
) -> None:
    stub.add_client_error("head_bucket", http_status_code=404, expected_params=OURS)
    stub.add_response("create_bucket", {}, {"Bucket": NAME, **place})
    add_settings(stub)
    ensure_bucket(s3, NAME, ACCOUNT, region)


def test_one_that_is_there_is_completed(s3: Any, stub: Stubber) -> None:
    """The call that made it may have been cut off before it was private."""
    stub.add_response("head_bucket", {}, OURS)
    add_settings(stub)
    ensure_bucket(s3, NAME, ACCOUNT, "eu-central-1")


def test_another_accounts_is_refused(s3: Any, stub: Stubber) -> None:
    """Anybody can take the name first, and would have our package, or give us theirs."""
    stub.add_client_error("head_bucket", http_status_code=403, expected_params=OURS)
    with pytest.raises(Refusal, match=r"may be another account's.*BUCKET="):
        ensure_bucket(s3, NAME, ACCOUNT, "eu-central-1")


def test_its_name_is_of_the_account_and_region() -> None:
    assert own_bucket(ACCOUNT, "eu-central-1") == NAME
