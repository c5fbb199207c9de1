"""Signatures are those that AWS's own SDK makes."""

from typing import Any

import botocore.auth
import botocore.credentials
import pytest
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.dynamodb.signing import Credentials, Signer

HOST, REGION = "dynamodb.eu-central-1.amazonaws.com", "eu-central-1"
KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


def signature_by_botocore(headers: dict[str, str], body: bytes, credentials: Credentials) -> str:
    """What botocore signs the same headers with; they have the time."""
    given = {n: v for n, v in headers.items() if n not in ("authorization", "host")}
    request: Any = AWSRequest("POST", f"https://{HOST}/", data=body)
    request.headers = HTTPHeaders()
    for name, value in given.items():
        request.headers[name] = value
    request.context["timestamp"] = headers["x-amz-date"]
    theirs = botocore.credentials.Credentials(
        credentials.access_key, credentials.secret_key, credentials.token
    )
    auth: Any = botocore.auth.SigV4Auth(theirs, "dynamodb", REGION)
    canonical = auth.canonical_request(request)
    return str(auth.signature(auth.string_to_sign(request, canonical), request))


@given(KEYS, KEYS, st.none() | KEYS, st.binary(max_size=200), st.integers(0, 4_000_000_000))
def test_a_request_is_signed_as_the_sdk_signs_it(
    access_key: str, secret_key: str, token: str | None, body: bytes, moment: int
) -> None:
    credentials = Credentials(access_key, secret_key, token)
    headers = Signer(HOST, REGION).headers(credentials, "DynamoDB_20120810.Query", body, moment)
    scope, names, signature = headers["authorization"].split(", ")
    assert signature == f"Signature={signature_by_botocore(headers, body, credentials)}"
    assert scope.startswith(f"AWS4-HMAC-SHA256 Credential={access_key}/{headers['x-amz-date'][:8]}")
    assert names == "SignedHeaders=" + ";".join(n for n in headers if n != "authorization")


@pytest.mark.parametrize(
    "change",
    [
        {"moment": 1_800_100_000.0},
        {"credentials": Credentials("AKID", "another secret")},
        {"body": b"other"},
        {"target": "DynamoDB_20120810.PutItem"},
    ],
    ids=["another day", "another secret", "another body", "another operation"],
)
def test_what_is_remembered_of_one_request_is_not_taken_for_another(change: Any) -> None:
    """The signing key is kept for as long as the day and the secret are the same."""
    usual = {
        "credentials": Credentials("AKID", "secret"),
        "target": "DynamoDB_20120810.Query",
        "body": b"{}",
        "moment": 1_800_000_000.0,
    }
    signer = Signer(HOST, REGION)
    signer.headers(**usual)  # type: ignore[arg-type]
    again = signer.headers(**{**usual, **change})
    assert again == Signer(HOST, REGION).headers(**{**usual, **change})
    assert again != signer.headers(**usual)  # type: ignore[arg-type]


def test_secrets_do_not_show_where_credentials_are_printed() -> None:
    shown = repr(Credentials("AKID", "a secret", "a token"))
    assert "a secret" not in shown
    assert "a token" not in shown
