"""From nothing to a library in a browser: no bucket, no issuer, nothing but credentials."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from playwright.sync_api import Page, expect

from local.dynamodb_local import REGION
from tests.browser.chromium import launched
from tests.browser.visitor import save, tile
from tests.deployed.allowances import addresses
from tests.deployed.emulator import Emulator
from tests.deployed.https import fronting
from tests.deployed.stack import Project, Stack

ACCOUNT = "000000000000"
BUCKET = f"image-storage-packages-{ACCOUNT}-{REGION}"
NAME = "you@app.example"
FIRST, OWN = "A-passw0rd-for-one-hour", "A-passw0rd-of-my-own"


@pytest.fixture(scope="module")
def front(emulator: Emulator, certificate: Path) -> Iterator[str]:
    with fronting(emulator.url, certificate) as url:
        yield url


@pytest.fixture
def page() -> Iterator[Page]:
    with launched() as chromium:
        yield chromium.new_context(ignore_https_errors=True).new_page()


def test_a_newcomer(project: Project, emulator: Emulator, front: str, page: Page) -> None:
    """Deploys, makes a user as the last lines tell, signs in, saves; deploys again; destroys."""
    said = project.deploy_with_nothing_named("fresh")
    assert f"Made the bucket {BUCKET}" in said
    stack = Stack("image-storage-fresh", emulator)
    assert f"sign in at {stack.outputs()['EndpointURL']}\n" in said
    check_bucket(emulator.client("s3"))
    make_user(said, emulator)

    assert "No changes" in project.deploy_with_nothing_named("fresh")
    project.deploy("fresh", **addresses(stack, front))
    sign_in(page, stack.gallery)
    save(page, {"prompt": "a red fox", "imageUrl": "https://images.example/fox.png"})
    expect(tile(page, "a red fox")).to_be_visible()

    pool = stack.outputs()["UserPoolId"]
    project.destroy("fresh")
    with pytest.raises(ClientError, match="does not exist"):
        stack.outputs()
    cognito = emulator.client("cognito-idp")
    with pytest.raises(ClientError, match="does not exist"):
        cognito.describe_user_pool(UserPoolId=pool)


def make_user(said: str, emulator: Emulator) -> None:
    """With the command that was printed; here no e-mail comes, so the password is given."""
    (command,) = re.findall(r"^    aws cognito-idp.*?(?=\n\n)", said, re.DOTALL | re.MULTILINE)
    given = f"{command} --temporary-password {FIRST} --message-action SUPPRESS"
    tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-ec", given],
        env={**emulator.environ, "PATH": tools},
        check=True,
        capture_output=True,
    )


def sign_in(page: Page, gallery: str) -> None:
    """With the password that was sent, and then one of their own."""
    page.goto(gallery)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Username").fill(NAME)
    page.get_by_label("Password").fill(FIRST)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("New password", exact=True).fill(OWN)
    page.get_by_label("Confirm new password").fill(OWN)
    page.get_by_role("button", name="Update password").click()
    page.wait_for_url(f"{gallery}dashboard/images")


def check_bucket(s3: Any) -> None:
    """Private, encrypted, and without old packages."""
    block = s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    (rule,) = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (expiry,) = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert (expiry["Status"], expiry["Expiration"]["Days"]) == ("Enabled", 365)
