"""Whom we believe to be AWS."""

import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore
import pytest

from chalicelib.dynamodb.tls import AMAZON_ROOTS, amazon_alone, the_system, trust_of

AWS = "https://dynamodb.eu-central-1.amazonaws.com"


def test_amazons_authorities_are_those_that_the_sdk_believes() -> None:
    """Each stands in botocore's own list, is Amazon's, and lasts for another two years."""
    everybody = Path(botocore.__file__).with_name("cacert.pem").read_text()
    blocks = re.findall(
        r"-----BEGIN .*?-----END CERTIFICATE-----", Path(AMAZON_ROOTS).read_text(), re.S
    )
    assert [block for block in blocks if block not in everybody] == []
    ours: list[Any] = amazon_alone().get_ca_certs()
    assert len(ours) == len(blocks) == 5
    for one in ours:
        assert any(name in str(one["subject"]) for name in ("Amazon", "Starfield Technologies"))
        end = datetime.fromtimestamp(ssl.cert_time_to_seconds(one["notAfter"]), UTC)
        assert end > datetime.now(UTC) + timedelta(days=730)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (AWS, [amazon_alone, the_system]),
        ("https://dynamodb-fips.us-east-1.amazonaws.com", [amazon_alone, the_system]),
        ("https://dynamodb.eu-central-1.api.aws", [amazon_alone, the_system]),
        ("https://api.aws.example", [the_system]),
        ("https://dynamodb.cn-north-1.amazonaws.com.cn", [the_system]),
        ("https://amazonaws.com.example", [the_system]),
        ("https://127.0.0.1:8000", [the_system]),
    ],
)
def test_amazon_is_believed_to_be_aws(url: str, expected: object) -> None:
    assert trust_of({}, url) == expected


def test_what_the_environment_names_is_believed_alone(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(Path(AMAZON_ROOTS).read_bytes())
    environ: Mapping[str, str] = {"AWS_CA_BUNDLE": str(bundle)}
    (trust,) = trust_of(environ, AWS)
    assert len(trust().get_ca_certs()) == 5


@pytest.mark.parametrize("trust", [amazon_alone, the_system])
def test_no_circle_believes_without_proof(trust: object) -> None:
    context = trust()  # type: ignore[operator]
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
