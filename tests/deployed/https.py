"""The issuer over https, as a deployed stage and its gallery will have it.

The emulator itself could speak https, but then it would speak nothing else, and on port 443 too.
"""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "127.0.0.1"

ASKED = ("Accept", "Content-Type", "Origin")
ANSWERED = ("Access-Control-Allow-Origin", "Cache-Control", "Content-Type", "Location")
"""The headers that are handed on, and back."""


def write_certificate(path: Path) -> None:
    """Writes a key and its certificate for this machine, which vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))


@contextmanager
def fronting(upstream: str, certificate: Path) -> Iterator[str]:
    """Hands each request on to `upstream`, and its answer back; yields the server's URL."""

    class Front(BaseHTTPRequestHandler):
        def _hand_on(self) -> None:
            answer = httpx.request(
                self.command,
                upstream + self.path,
                content=self.rfile.read(int(self.headers.get("Content-Length", 0))),
                headers={name: self.headers[name] for name in ASKED if name in self.headers},
                trust_env=False,
            )
            self.send_response(answer.status_code)
            for name in ANSWERED:
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = _hand_on  # noqa: N815 (the names that http.server looks for)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with ThreadingHTTPServer((HOST, 0), Front) as server:
        # The handshake is each connection's own: browsers open some that they never use.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"https://{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
