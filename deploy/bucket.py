"""The bucket that packages are uploaded to: the stage's, or one of the account's own, made here."""

from collections.abc import Mapping
from typing import Any

from botocore import exceptions

from deploy.refusal import Refusal
from deploy.stages import APP

KEPT_DAYS = 365
"""CloudFormation needs a stage's package once more when it rolls a later one back."""

SETTINGS: Mapping[str, Any] = {
    "put_public_access_block": {
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "IgnorePublicAcls": True,
            "BlockPublicPolicy": True,
            "RestrictPublicBuckets": True,
        }
    },
    "put_bucket_encryption": {
        "ServerSideEncryptionConfiguration": {
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        }
    },
    "put_bucket_lifecycle_configuration": {
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "ID": "old packages",
                    "Status": "Enabled",
                    "Filter": {"Prefix": ""},
                    "Expiration": {"Days": KEPT_DAYS},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                }
            ]
        }
    },
}
"""The S3 calls that make the bucket private and encrypted, and expire old packages. All may be
repeated."""


def own_bucket(account: str, region: str) -> str:
    """Returns the bucket's name. It has account and region in it, since all buckets on AWS share
    one space of names."""
    return f"{APP}-packages-{account}-{region}"


def check_bucket(s3: Any, name: str, account: str) -> None:
    """Refusal unless it is there, and belongs to the account."""
    try:
        s3.head_bucket(Bucket=name, ExpectedBucketOwner=account)
    except (exceptions.ClientError, exceptions.BotoCoreError) as error:
        raise Refusal(f"The bucket {name!r} cannot be used: {error}") from error


def ensure_bucket(s3: Any, name: str, account: str, region: str) -> None:
    """Makes it, or completes it if an earlier call was cut off. Another account's is refused:
    whoever takes the name first would hand us their code."""
    if not _is_there(s3, name, account):
        s3.create_bucket(Bucket=name, **_place(region))
        print(f"Made the bucket {name} for packages, which it keeps for {KEPT_DAYS} days.")
    for call, setting in SETTINGS.items():
        getattr(s3, call)(Bucket=name, ExpectedBucketOwner=account, **setting)


def _is_there(s3: Any, name: str, account: str) -> bool:
    try:
        s3.head_bucket(Bucket=name, ExpectedBucketOwner=account)
    except exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise Refusal(
            f"The bucket {name!r} cannot be used: {error}. It may be another account's; name one "
            f"of your own: BUCKET=…"
        ) from error
    return True


def _place(region: str) -> Mapping[str, Any]:
    """Returns the bucket's location. In us-east-1 S3 requires that it is left out."""
    if region == "us-east-1":
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}
