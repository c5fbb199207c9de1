"""What the page may do at all, whatever it is made to show."""

import re

import httpx
import pytest
from playwright.sync_api import Browser, Request, expect

from tests.browser.place import Place, origin
from tests.browser.visitor import (
    ELSEWHERE,
    HOME,
    Arrive,
    Visitor,
    drawn,
    fill,
    kept,
    save,
    saved,
    tile,
    tiles,
)

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' https:",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


@pytest.mark.parametrize("path", ["/", HOME, f"{HOME}/1", "/signed-in"])
def test_every_page_says_what_it_may_do(arrive: Arrive, path: str) -> None:
    visitor = arrive()
    answer = visitor.page.goto(f"{visitor.server.url}{path}")
    assert answer
    assert answer.ok
    directives = answer.headers["content-security-policy"].split("; ")
    issuer = {visitor.server.issuer} - {origin(visitor.server.url)}
    policy = {**POLICY, "connect-src": " ".join(["'self'", *issuer])}
    assert dict(directive.split(" ", 1) for directive in directives) == policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"


def refused(visitor: Visitor) -> list[str]:
    """The directives that the page was held by since this was asked last."""
    said = [trouble for trouble in visitor.troubles if "Content Security Policy" in trouble]
    visitor.troubles[:] = [trouble for trouble in visitor.troubles if trouble not in said]
    found = (re.search(r"Content Security Policy: ([\w-]+)$", text) for text in said)
    return [match[1] for match in found if match]


_INJECTED = {
    "script-src-elem": """() => {
      const script = document.createElement("script");
      script.textContent = "window.injected = true";
      document.body.append(script);
    }""",
    "script-src-attr": """() => {
      document.body.insertAdjacentHTML("beforeend", "<b onclick='window.injected = true'>b</b>");
      document.body.lastElementChild.click();
    }""",
    "style-src-attr": """() => {
      document.body.insertAdjacentHTML("beforeend", "<b style='color: red'>b</b>");
    }""",
    "connect-src": "() => fetch('https://elsewhere.example/').catch(() => {})",
}


@pytest.mark.parametrize("directive", _INJECTED)
def test_what_is_injected_is_not_run_and_reaches_nobody(visitor: Visitor, directive: str) -> None:
    visitor.page.evaluate(_INJECTED[directive])
    visitor.wait_until(lambda: refused(visitor) == [directive])
    assert visitor.page.evaluate("window.injected === undefined")


def test_text_is_not_run_as_code(visitor: Visitor) -> None:
    result = visitor.page.evaluate(
        """() => new Promise((resolve) => {
          document.addEventListener("securitypolicyviolation", ({ blockedURI }) =>
            resolve(blockedURI));
          setTimeout("window.injected = true", 0);
        })"""
    )
    assert result == "eval"
    visitor.wait_until(lambda: refused(visitor) == ["script-src"])
    assert visitor.page.evaluate("window.injected === undefined")


def test_no_other_page_may_frame_it(server: Place, chromium: Browser) -> None:
    page = chromium.new_page()
    framer = f'<iframe src="{server.url}/"></iframe>'
    page.route(
        "http://framer.example/", lambda route: route.fulfill(content_type="text/html", body=framer)
    )
    page.goto("http://framer.example/")
    frame = page.frames[1]
    expect(page.locator("iframe")).to_be_visible()
    assert frame.get_by_role("button", name="Sign in").count() == 0
    assert server.url not in frame.url
    page.close()


def of_images_elsewhere(visitor: Visitor) -> list[Request]:
    return [request for request in visitor.requests if ELSEWHERE in request.url]


def test_hosts_of_images_are_told_nothing(arrive: Arrive, alice: httpx.Client, name: str) -> None:
    address = f"https://{ELSEWHERE}/fox.png"
    for prompt in ("a fox", "a heron"):
        image = {"prompt": prompt, "imageUrl": f"{address}?{prompt[2:]}"}
        alice.post("/api/images", json=image).raise_for_status()
    saved(alice)
    visitor = arrive()
    visitor.shows_images_elsewhere()
    page = visitor.sign_in(name).page
    tile(page, "a fox").click()  # also fetches the one beside it
    expect(page.get_by_role("dialog").get_by_role("img")).to_be_visible()
    asked = of_images_elsewhere(visitor)
    assert len(asked) >= 2
    for request in asked:
        headers = request.all_headers()
        assert not {"referer", "cookie", "authorization", "origin"} & set(headers)


def test_images_are_loaded_over_https_only(arrive: Arrive, name: str) -> None:
    """The server takes no other address; nor would the page, should it be told one."""
    visitor = arrive()
    told = {"cursor": 1, "prompt": "a fox", "createdAt": "2026-01-01T00:00:00.000Z"}
    image = {**told, "imageUrl": f"http://{ELSEWHERE}/fox.png"}
    first = {"images": [image], "next": None, "cursor": 1, "count": 1}
    visitor.answers("/api/images?*", lambda route: route.fulfill(json=first))
    page = visitor.sign_in(name).page
    expect(tiles(page)).to_contain_text(["Unavailable"])
    visitor.wait_until(lambda: refused(visitor) == ["img-src"])
    assert [request.failure for request in of_images_elsewhere(visitor)] == ["csp"]


def test_an_address_without_https_is_refused_and_never_asked(
    visitor: Visitor, alice: httpx.Client
) -> None:
    held = visitor.holds("/api/images")
    save(visitor.page, drawn("a fox") | {"imageUrl": f"http://{ELSEWHERE}/fox.png"})
    expect(visitor.page.get_by_role("dialog")).to_have_count(0)  # its tile is there meanwhile
    visitor.wait_until(lambda: "img-src" in refused(visitor))
    held.release()
    expect(tiles(visitor.page).get_by_role("alert")).to_contain_text("Not saved")
    assert saved(alice) == []
    assert {request.failure for request in of_images_elsewhere(visitor)} == {"csp"}


def test_what_is_kept_on_the_device_has_no_token(arrive: Arrive, name: str) -> None:
    """It is in the tab's own storage, and nowhere else."""
    visitor = arrive().sign_in(name)
    page = visitor.page
    visitor.wait_until(lambda: "cursor" in kept(page))
    assert "eyJ" in page.evaluate("JSON.stringify({ ...sessionStorage })")
    page.evaluate("sessionStorage.clear()")
    assert "eyJ" not in kept(page)
    assert page.evaluate("document.cookie") == ""


def test_a_second_tab_is_signed_in_as_long_as_the_first_is_there(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    """The tabs tell each other: the token is in their memory, and nowhere that outlives them."""
    fill(alice, "a fox")
    visitor = arrive().sign_in(name)
    first = visitor.page
    expect(tile(first, "a fox")).to_be_visible()
    with visitor.context.expect_page() as opened:
        tile(first, "a fox").click(modifiers=["Control"])
    second = opened.value
    expect(second.get_by_role("dialog", name="Image: a fox")).to_be_visible()
    assert "eyJ" not in second.evaluate("JSON.stringify(localStorage)")
    first.close()
    second.goto("about:blank")
    visitor.page = visitor.context.new_page()
    visitor.page.goto(f"{visitor.server.url}{HOME}")
    expect(visitor.page.get_by_role("button", name="Sign in")).to_be_enabled()
    expect(visitor.page.get_by_text("a fox")).to_have_count(0)


def test_signing_out_ends_all_tabs_and_leaves_nothing_in_the_browser(
    arrive: Arrive, alice: httpx.Client, name: str
) -> None:
    """Nor in the cache of its answers."""
    fill(alice, "a secret otter")
    visitor = arrive().sign_in(name)
    expect(tile(visitor.page, "a secret otter")).to_be_visible()
    visitor.wait_until(lambda: "a secret otter" in kept(visitor.page))
    second = visitor.context.new_page()
    second.goto(f"{visitor.server.url}{HOME}")
    expect(tile(second, "a secret otter")).to_be_visible()
    visitor.sign_out()
    for page in (visitor.page, second):
        expect(page.get_by_role("button", name="Sign in")).to_be_enabled()
    visitor.wait_until(lambda: not any(FOUND.search(kept(page)) for page in (visitor.page, second)))
    assert visitor.page.evaluate(_CACHED) == []


FOUND = re.compile("otter|eyJ|alice")
"""What is the user's."""

_CACHED = """async () => {
  const found = [];
  for (const query of ["?limit=60", "/changes?limit=200&after=1", "/1"]) {
    const address = new URL(`api/images${query}`, document.baseURI);
    const answer = await fetch(address, { cache: "only-if-cached", mode: "same-origin" })
      .catch(() => undefined);
    if (answer?.ok) found.push(await answer.text());
  }
  return found;
}"""
