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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from local.placeholder_images import DRAWN, PATH
from tests.api.server import running
from tests.browser.bulk import entry, write_library
from tests.browser.chromium import held, launched, metrics, watched
from tests.browser.place import Local
from tests.browser.visitor import Visitor, come_to_rest, tile

NAME = "alice"
WINDOW: Any = {"viewport": {"width": 1280, "height": 800}}
FRAMES = 300
SCREEN = 720
TRIES = 10
DIFFERENT = 12
"""Pictures that the images of `tests.browser.bulk` have."""

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
        session = watched(page)
        before = metrics(session)["TaskDuration"]
        times: list[float] | None = page.evaluate(SCROLL, [step, FRAMES])
        if times is None:
            self.stopped += 1
            return
        self.frames += times
        self.cpu.append((metrics(session)["TaskDuration"] - before) / FRAMES * 1000)

    def __str__(self) -> str:
        if not self.cpu:
            return f"{self.name}: stopped in all rounds"
        slow = statistics.quantiles(self.frames, n=20)[-1]
        return (
            f"{self.name}: frame {statistics.median(self.frames):.1f} ms, of 20 the slowest "
            f"{slow:.1f}; CPU {statistics.median(self.cpu):.1f} ms a frame; stopped {self.stopped}"
        )


@dataclass
class Bench:
    """A server whose user has so many images."""

    place: Local
    images: int

    @contextmanager
    def gallery(self) -> Iterator[Page]:
        """In a browser of its own: one that has stopped does not go on."""
        with launched() as started:
            page = Visitor.arriving(self.place, started.new_context(**WINDOW)).sign_in(NAME).page
            expect(tile(page, f"prompt {self.images}")).to_be_visible()
            come_to_rest(page)
            yield page

    @contextmanager
    def plain(self) -> Iterator[Page]:
        with launched() as started:
            page = started.new_page(**WINDOW)
            page.goto(self.place.url + DOCUMENT)
            saved = [entry(number).payload for number in range(1, DIFFERENT + 1)]
            pictures = [image.image_url.replace(DRAWN, PATH) for image in saved if image]
            page.evaluate(PLAIN, [pictures, self.images])
            yield page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--step", type=int, default=100, help="pixels scrolled in a frame")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as server:
        bench = Bench(Local(server), asked.images)
        write_library(bench.place, NAME, bench.images)
        compare(bench, asked.rounds, asked.step)
        go_through(bench)


def compare(bench: Bench, rounds: int, step: int) -> None:
    gallery, plain = Told("gallery"), Told("plain page")
    for _ in range(rounds):
        with bench.gallery() as page:
            gallery.add(page, step)
        with bench.plain() as page:
            plain.add(page, step)
    print(gallery, plain, sep="\n")
    if gallery.cpu and plain.cpu:
        ratio = statistics.median(gallery.cpu) / statistics.median(plain.cpu)
        print(f"CPU, gallery / plain page: {ratio:.2f}")


def go_through(bench: Bench) -> None:
    """Tells what the gallery holds before and after all images were seen."""
    for _ in range(TRIES):
        with bench.gallery() as page:
            session = watched(page)
            before = held(session)
            if page.evaluate(SCROLL, [SCREEN, bench.images, bench.images]) is None:
                continue  # the browser has stopped
            come_to_rest(page)
            after = held(session)
        for name, scale in (("JSHeapUsedSize", 1e6), ("Nodes", 1)):
            print(f"{name}: {before[name] / scale:.1f}, then {after[name] / scale:.1f}")
        return
    print(f"The browser stopped {TRIES} times on the way through all images.")


if __name__ == "__main__":
    main()
