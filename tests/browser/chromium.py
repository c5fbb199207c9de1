"""The browser that is on the machine. On Debian one that lacks it is given Chromium, by root."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, CDPSession, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")

ARGUMENTS = (
    "--no-sandbox",  # Chromium's own needs more than a container has; it shows our pages only
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

PATIENCE = int(os.environ.get("PATIENCE", 20_000))
"""Milliseconds that an expectation waits: enough for some looks for changes, on a busy machine."""

MISSING = (
    "The gallery's tests need Chromium or Chrome: on Debian and Ubuntu "
    "`sudo apt install chromium`, on macOS Chrome in /Applications, elsewhere "
    "a `chromium` or `google-chrome` on the PATH."
)


def browser() -> Path:
    """The browser's program; installed if that can be done here, else an error that says how."""
    found = installed()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update", "-qq"], ["install", "-y", "-qq", "chromium"]):
            subprocess.run(["apt-get", *command], check=True, stdout=subprocess.DEVNULL)
        found = installed()
    if found is None:
        raise RuntimeError(MISSING)
    return found


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser, with patience. No other event loop can run in this thread meanwhile."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser(), args=ARGUMENTS)
        yield started
        started.close()


def watched(page: Page) -> CDPSession:
    """A session for `metrics` and `held` of the page, which count from now on."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    return session


def metrics(session: CDPSession) -> dict[str, float]:
    """Chromium's own, by their names there: times in seconds, memory in bytes."""
    found = session.send("Performance.getMetrics")["metrics"]
    return {metric["name"]: metric["value"] for metric in found}


def held(session: CDPSession) -> dict[str, float]:
    """The same of what is alive: the garbage is collected first."""
    session.send("HeapProfiler.collectGarbage")
    return metrics(session)


def installed() -> Path | None:
    on_path = (shutil.which(name) for name in NAMES)
    return next((Path(path) for path in on_path if path), MACOS if MACOS.exists() else None)
