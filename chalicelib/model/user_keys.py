"""The key that stands for a user in tables and logs."""

import base64
import hashlib

from chalicelib.model.entries import UserId


def user_id(issuer: str, subject: str) -> UserId:
    """The user's key: 43 characters of base64url, the SHA-256 of ``issuer|subject``.

    It is what tables and logs hold in place of the subject, which may be an e-mail address. An
    issuer has no ``|`` (see `chalicelib.auth.oidc`), so no two users share a key.
    """
    digest = hashlib.sha256(f"{issuer}|{subject}".encode(errors="surrogatepass")).digest()
    return UserId(base64.urlsafe_b64encode(digest).rstrip(b"=").decode())
