"""Takes the pictures in docs/screenshots, of a demo library in a server of its own.

They are of this machine's fonts. Where Inter is installed (Debian: fonts-inter), it stands for the
system's font: Debian's own is another than people have on their screens.
"""

import os
import tempfile
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from local.demo import images
from tests.api.server import running
from tests.api.support import fill_with_demo
from tests.browser.chromium import ARGUMENTS, browser
from tests.browser.place import Local, Place
from tests.browser.visitor import Visitor, come_to_rest, fill_form, grid

FOLDER = Path(__file__).parents[2] / "docs/screenshots"
NAME = "alice"
COUNT = 2000
DESK = {"viewport": {"width": 1280, "height": 800}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}
FONTS = """<fontconfig>
  <include>/etc/fonts/fonts.conf</include>
  <match target="pattern">
    <test name="family" compare="contains"><string>sans</string></test>
    <edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit>
  </match>
</fontconfig>"""


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as server:
        fill_with_demo(server, NAME, COUNT)
        with chromium(Path(folder)) as started:
            for name, (settings, pose) in PICTURES.items():
                take(Local(server), started, name, settings, pose)


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    fonts = folder / "fonts.conf"
    fonts.write_text(FONTS)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=browser(),
            args=ARGUMENTS,
            ignore_default_args=["--hide-scrollbars"],
            env={**os.environ, "FONTCONFIG_FILE": str(fonts)},
        )


def take(
    server: Place,
    started: Browser,
    name: str,
    settings: dict[str, Any],
    pose: Callable[[Page], object],
) -> None:
    context = started.new_context(**settings, reduced_motion="reduce")
    page = Visitor.arriving(server, context).sign_in(NAME).page
    at_rest(page)
    pose(page)
    at_rest(page)
    (FOLDER / f"{name}.webp").write_bytes(photographed(page))
    context.close()


def photographed(page: Page) -> bytes:
    """As WebP, which takes a quarter of what PNG takes for such colours."""
    session = page.context.new_cdp_session(page)
    shot = session.send("Page.captureScreenshot", {"format": "webp", "quality": 90})
    return b64decode(shot["data"])


def at_rest(page: Page) -> None:
    """When every picture in view is there, and those beside it are."""
    expect(page.locator(".picture").first).to_be_visible()
    come_to_rest(page)


def open_fourth(page: Page) -> None:
    grid(page).get_by_role("link").nth(3).click()
    expect(page.get_by_role("dialog").get_by_role("term").first).to_be_visible()


def select_some(page: Page) -> None:
    page.get_by_role("button", name="Select images").click()
    for place in (1, 3, 4):
        grid(page).get_by_role("link").nth(place).click()
    page.mouse.move(0, 0)


def be_refused(page: Page) -> None:
    (image,) = images(1)
    form = fill_form(page, {**image, "steps": 0})
    form.get_by_role("button", name="Save", exact=True).click()
    expect(form.locator("[aria-invalid=true]")).to_have_count(1)


PICTURES: dict[str, tuple[dict[str, Any], Callable[[Page], object]]] = {
    "light": (DESK, at_rest),
    "dark": ({**DESK, "color_scheme": "dark"}, select_some),
    "detail": ({**DESK, "color_scheme": "dark"}, open_fourth),
    "form": (DESK, be_refused),
    "phone": (PHONE, at_rest),
    "phone-dark": ({**PHONE, "color_scheme": "dark"}, at_rest),
    "phone-detail": (PHONE, open_fourth),
}

if __name__ == "__main__":
    main()
