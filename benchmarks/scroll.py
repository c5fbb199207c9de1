"""What scrolling costs: the gallery's grid, and the plainest page of the same pictures.

    python -m benchmarks.scroll [--images 10000] [--rounds 5] [--step 100]

Both run in Chromium, in turns, against a local server. A round scrolls so many pixels a frame, for
300 frames. The plain page has all images in one CSS grid, each `loading="lazy"` and 230 pixels
square, as large as the gallery's tiles are. At last the gallery is scrolled through all images,
nearly a screen a frame, and what it holds then is told beside what it held before.

    frame    milliseconds between two frames: the median, and of 20 the slowest
    CPU      milliseconds of the page's main thread, a frame
    stopped  rounds in which the browser gave no frame for 5 seconds, which are not counted: see
             docs/performance.md
"""

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from local.drawn import SHAPES, url
from tests.api.server import running
from tests.browser.bulk import write_library
from tests.browser.chromium import ARGUMENTS, browser
from tests.browser.place import Local
from tests.browser.visitor import Visitor, come_to_rest, tile

NAME = "alice"
FRAMES = 300
SCREEN = 720
TRIES = 10
DOCUMENT = "/api/health"
"""The plain page's: the smallest there is."""

PLAIN = """([pictures, count]) => {
  document.body.replaceChildren();
  Object.assign(document.body.style, {
    display: "grid", gridTemplateColumns: "repeat(5, 1fr)", gap: "8px", margin: "16px",
  });
  for (let n = 0; n < count; n++) {
    const image = new Image();
    Object.assign(image, { loading: "lazy", decoding: "async" });
    image.style.cssText = "width: 100%; height: 230px; object-fit: cover";
    image.src = pictures[n % pictures.length];
    document.body.append(image);
  }
}"""

SCROLL = """async ([step, frames, last]) => {
  const times = [];
  const isThere = () => last && document.querySelector(`li[aria-posinset="${last}"]`);
  let before = performance.now();
  for (let n = 0; n < frames && !isThere(); n++) {
    scrollBy({ top: step, behavior: "instant" });
    const came = await Promise.race([
      new Promise((resolve) => requestAnimationFrame(() => resolve(true))),
      new Promise((resolve) => setTimeout(resolve, 5000)),
    ]);
    if (!came) return null;
    times.push(performance.now() - before);
    before = performance.now();
  }
  return times;
}"""


@dataclass
class Told:
    """Of one page, over all rounds."""

    name: str
    frames: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    stopped: int = 0

    def add(self, page: Page, step: int) -> None:
        look = metrics(page)
        before = look()["TaskDuration"]
        times: list[float] | None = page.evaluate(SCROLL, [step, FRAMES])
        if times is None:
            self.stopped += 1
            return
        self.frames += times
        self.cpu.append((look()["TaskDuration"] - before) / FRAMES * 1000)

    def __str__(self) -> str:
        if not self.cpu:
            return f"{self.name}: stopped in all rounds"
        slow = statistics.quantiles(self.frames, n=20)[-1]
        return (
            f"{self.name}: frame {statistics.median(self.frames):.1f} ms, of 20 the slowest "
            f"{slow:.1f}; CPU {statistics.median(self.cpu):.1f} ms a frame; stopped {self.stopped}"
        )


def metrics(page: Page) -> Callable[[], dict[str, float]]:
    """A look at Chromium's own, after the garbage is collected."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def look() -> dict[str, float]:
        session.send("HeapProfiler.collectGarbage")
        found = session.send("Performance.getMetrics")["metrics"]
        return {metric["name"]: metric["value"] for metric in found}

    return look


Open = Callable[[Browser], Page]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--step", type=int, default=100, help="pixels scrolled in a frame")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as server:
        place = Local(server)
        write_library(place, NAME, asked.images)

        def gallery(started: Browser) -> Page:
            context = started.new_context(viewport={"width": 1280, "height": 800})
            page = Visitor.arriving(place, context).sign_in(NAME).page
            expect(tile(page, f"prompt {asked.images}")).to_be_visible()
            come_to_rest(page)
            return page

        def plain(started: Browser) -> Page:
            page = started.new_page(viewport={"width": 1280, "height": 800})
            page.goto(server.url + DOCUMENT)
            shown = [url("a picture", n % 4, *SHAPES[n % len(SHAPES)]) for n in range(12)]
            pictures = [address.replace("https://drawn.invalid", "/drawn") for address in shown]
            page.evaluate(PLAIN, [pictures, asked.images])
            return page

        with sync_playwright() as playwright:
            launch = playwright.chromium.launch
            start = partial(launch, executable_path=browser(), args=ARGUMENTS)
            compare(start, gallery, plain, asked)
            go_through(start, gallery, asked.images)


def compare(launch: Callable[[], Browser], gallery: Open, plain: Open, asked: Any) -> None:
    """Each round in a browser of its own: one that has stopped does not go on."""
    told = (Told("gallery"), Told("plain page"))
    for _ in range(asked.rounds):
        for open_page, one in zip((gallery, plain), told, strict=True):
            with opened(launch, open_page) as page:
                one.add(page, asked.step)
    print(*told, sep="\n")
    if all(one.cpu for one in told):
        ours, plains = (statistics.median(one.cpu) for one in told)
        print(f"CPU, gallery / plain page: {ours / plains:.2f}")


def go_through(launch: Callable[[], Browser], gallery: Open, images: int) -> None:
    """Tells what the gallery holds before and after all images were seen."""
    for _ in range(TRIES):
        with opened(launch, gallery) as page:
            look = metrics(page)
            before = look()
            if page.evaluate(SCROLL, [SCREEN, images, images]) is None:
                continue  # the browser has stopped
            come_to_rest(page)
            after = look()
        for name, scale in (("JSHeapUsedSize", 1e6), ("Nodes", 1)):
            print(f"{name}: {before[name] / scale:.1f}, then {after[name] / scale:.1f}")
        return
    print(f"The browser stopped {TRIES} times on the way through all images.")


@contextmanager
def opened(launch: Callable[[], Browser], open_page: Open) -> Iterator[Page]:
    started = launch()
    yield open_page(started)
    started.close()


if __name__ == "__main__":
    main()
