"""The certificate authorities (CAs) that are trusted: sets of them, the smallest first."""

import ssl
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

Trust = Callable[[], ssl.SSLContext]

AMAZON_ROOTS = __file__.removesuffix("tls.py") + "amazon-roots.pem"
"""The authorities that vouch for AWS's own addresses (Amazon Trust Services, "Repository")."""


AMAZONS = (".amazonaws.com", ".api.aws")
"""How host names end that these authorities vouch for: usual ones, and dual-stack ones."""


def amazon_alone() -> ssl.SSLContext:
    """Takes a twentieth of the time that all authorities of a system take to load."""
    return ssl.create_default_context(cafile=AMAZON_ROOTS)


def the_system() -> ssl.SSLContext:
    """All that the system believes, or what SSL_CERT_FILE names in its place."""
    return ssl.create_default_context()


def trust_of(environ: Mapping[str, str], url: str) -> Sequence[Trust]:
    """For AWS's own address Amazon first; for any other, or should Amazon's authorities have
    changed, the system. AWS_CA_BUNDLE names the only ones to believe."""
    if bundle := environ.get("AWS_CA_BUNDLE"):
        return [lambda: ssl.create_default_context(cafile=bundle)]
    host = urlsplit(url).hostname or ""
    return [amazon_alone, the_system] if host.endswith(AMAZONS) else [the_system]
