"""The browser of the machine, as tests and screenshots start it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

# Of Debian, Ubuntu and Google; CHROMIUM names another one.
NAMES = ("chromium", "chromium-browser", "google-chrome")
# A sound takes the place of the microphone.
ARGUMENTS = ("--use-fake-device-for-media-stream", "--disable-gpu")


class NoChromium(Exception):
    """No browser is found; the message says how to get one."""


def find() -> Path:
    """The browser's program; raises `NoChromium` without one."""
    named = os.environ.get("CHROMIUM", "")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        raise NoChromium(f"no browser called {named or ', '.join(NAMES)}; on Debian, the package chromium brings it")
    return Path(found)


@contextmanager
def started(program: Path) -> Iterator[Browser]:
    """The browser, running; Playwright runs an event loop in this thread until then."""
    # The browser's sandbox refuses root, as whom CI runs.
    arguments = [*ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()
