"""How long until the first page can be seen: in the gallery, and in the plainest page there is.

    python -m benchmarks.first_page [--latency 40] [--rounds 15]

Both run in Chromium, in turns, against a local server with 2,000 drawn images, from the moment
that the address is opened until as many pictures are there as the gallery's first view has. The
plain page has no file of its own: once its document is there, it asks for the first page, and shows
the images.

    first    nothing is on the device yet: no file, no library, no picture
    again    the browser has cached what it may, the gallery has kept the library
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import CDPSession, Page

from local.placeholder_images import DRAWN, PATH
from tests.api.server import Server, running
from tests.api.support import fill_with_demo
from tests.browser.chromium import launched
from tests.browser.place import Local
from tests.browser.visitor import HOME, Visitor

NAME = "alice"
COUNT = 2000
DOCUMENT = "/api/health"
"""The plain page's: the smallest there is."""

WATCH = """window.firstPage = new Promise((resolve) => {
  const isInView = ({ top, bottom }) => top < innerHeight && bottom > 0;
  const look = () => {
    const all = [...document.querySelectorAll(".tile .picture")];
    const seen = all.filter((picture) => isInView(picture.getBoundingClientRect()));
    const areHere = seen.length && seen.every(({ dataset }) => dataset.state === "here");
    if (areHere) resolve({ at: performance.now(), pictures: seen.length });
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
});"""

PLAIN = """async ({ token, drawn, path, pictures }) => {
  const begun = performance.now();
  const headers = { Authorization: `Bearer ${token}` };
  const answer = await fetch("/api/images?limit=60", { headers });
  const loads = (await answer.json()).images.map(({ imageUrl }) => {
    const image = Object.assign(new Image(240), { src: imageUrl.replace(drawn, path) });
    document.body.append(image);
    return new Promise((onload, onerror) => Object.assign(image, { onload, onerror }));
  });
  await Promise.all(loads.slice(0, pictures));
  const [{ responseEnd }] = performance.getEntriesByType("navigation");
  return responseEnd + performance.now() - begun;
}"""

FORGET = """async () => {
  sessionStorage.removeItem("sizes");
  for (const { name } of await indexedDB.databases()) {
    await new Promise((onsuccess) => Object.assign(indexedDB.deleteDatabase(name), { onsuccess }));
  }
}"""


@dataclass
class Tab:
    """A tab that is signed in. Times are milliseconds since an address was opened."""

    server: Server
    page: Page
    session: CDPSession
    pictures: int = 1

    def empty(self) -> None:
        """Nothing is left on the device but the sign-in."""
        self.page.goto(self.server.url + DOCUMENT)
        self.page.evaluate(FORGET)
        self.session.send("Network.clearBrowserCache")

    def gallery(self) -> float:
        self.page.goto(self.server.url + HOME)
        found = self.page.evaluate("firstPage")
        self.pictures = found["pictures"]
        return float(found["at"])

    def plain(self) -> float:
        self.page.goto("about:blank")
        self.page.goto(self.server.url + DOCUMENT)
        asked = {"token": self.server.token(NAME), "drawn": DRAWN, "path": PATH}
        return float(self.page.evaluate(PLAIN, {**asked, "pictures": self.pictures}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--latency", type=int, default=0, help="of the network, in milliseconds")
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as server:
        fill_with_demo(server, NAME, COUNT)
        with launched() as started:
            context = started.new_context(viewport={"width": 1280, "height": 800})
            page = Visitor.arriving(Local(server), context).sign_in(NAME).page
            page.add_init_script(WATCH)
            tab = Tab(server, page, slowed(page, asked.latency))
            tell(tab, asked.rounds)


def slowed(page: Page, latency: int) -> CDPSession:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    free = {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
    session.send("Network.emulateNetworkConditions", {**free, "latency": latency})
    return session


def tell(tab: Tab, rounds: int) -> None:
    tab.gallery()  # how many pictures are in view
    for name, prepare in (("first", tab.empty), ("again", lambda: None)):
        pairs = [
            (measured(tab.gallery, prepare), measured(tab.plain, prepare)) for _ in range(rounds)
        ]
        gallery, plain = (statistics.median(times) for times in zip(*pairs, strict=True))
        ratio = statistics.median(one / other for one, other in pairs)
        print(
            f"{name}: gallery {gallery:.0f} ms, plain page {plain:.0f} ms, ratio {ratio:.2f} "
            f"(medians of {rounds} pairs)"
        )


def measured(times: Callable[[], float], prepare: Callable[[], None]) -> float:
    prepare()
    return times()


if __name__ == "__main__":
    main()
