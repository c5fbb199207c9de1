"""The same development server as the tests of the API have."""

from tests.api.conftest import server

__all__ = ["server"]
