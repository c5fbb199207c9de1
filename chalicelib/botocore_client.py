"""botocore's clients, for the calls that are not DynamoDB's. Loading it takes half a second."""

from typing import Any

import botocore.session
from botocore.config import Config

CONFIG = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 3},
)
"""Time-outs in seconds, and tries. botocore's default of 60 s would outlive the function that
waits."""


def client(service: str) -> Any:
    """Returns botocore's client for a service, as AWS's standard environment variables configure
    it."""
    return botocore.session.get_session().create_client(service, config=CONFIG)
