"""The certificate authorities (CAs) that are trusted: sets of them, the smallest first."""

import ssl
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

Trust = Callable[[], ssl.SSLContext]

AMAZON_ROOTS = __file__.removesuffix("tls.py") + "amazon-roots.pem"
"""The CAs that sign the certificates of AWS's own addresses (Amazon Trust Services,
"Repository")."""


AMAZONS = (".amazonaws.com", ".api.aws")
"""How host names end that these authorities vouch for: usual ones, and dual-stack ones."""


def amazon_alone() -> ssl.SSLContext:
    """Trusts Amazon's CAs alone. They load in a twentieth of the time that all CAs of a system
    take."""
    return ssl.create_default_context(cafile=AMAZON_ROOTS)


def the_system() -> ssl.SSLContext:
    """Trusts the CAs of the system, or those that SSL_CERT_FILE names."""
    return ssl.create_default_context()


def trust_of(environ: Mapping[str, str], url: str) -> Sequence[Trust]:
    """Returns the CA sets to try, in order. For AWS's own addresses: Amazon's CAs, then the
    system's, should Amazon have changed them. For any other address: the system's. AWS_CA_BUNDLE
    replaces all."""
    if bundle := environ.get("AWS_CA_BUNDLE"):
        return [lambda: ssl.create_default_context(cafile=bundle)]
    host = urlsplit(url).hostname or ""
    return [amazon_alone, the_system] if host.endswith(AMAZONS) else [the_system]
