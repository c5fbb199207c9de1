"""An issuer that renews tokens and has sessions of its own, as Cognito has: the deployed stack's.

The development server's does neither.
"""

import httpx
from playwright.sync_api import Request, expect

from tests.browser.visitor import Visitor, fill, kept, tile

TOKEN = "eyJ"
"""How every one begins."""

SPOIL = """() => {
  const name = Object.keys(sessionStorage).find((key) => key.endsWith(" grant"));
  const grant = JSON.parse(sessionStorage[name]);
  sessionStorage[name] = JSON.stringify({ ...grant, token: `${grant.token}x` });
}"""


def test_a_token_that_the_stage_refuses_is_renewed_at_the_issuer(
    visitor: Visitor, alice: httpx.Client
) -> None:
    """Nobody has to sign in again."""
    visitor.page.evaluate(SPOIL)
    with visitor.page.expect_request(renews):
        visitor.page.reload()
    fill(alice, "a fox")
    expect(tile(visitor.page, "a fox")).to_be_visible()


def renews(request: Request) -> bool:
    return "refresh_token" in (request.post_data or "")


def test_signing_out_ends_at_the_gallery_and_leaves_no_token(visitor: Visitor) -> None:
    """By way of the issuer, whose session ends too."""
    page = visitor.page
    assert TOKEN in kept(page)
    with page.expect_request(f"{visitor.server.issuer}/logout?**"):
        visitor.sign_out()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert TOKEN not in kept(page)
