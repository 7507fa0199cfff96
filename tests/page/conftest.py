"""A real Chromium, and the page that a real server process serves."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from demo.server import running_server
from tests import standin

# Of Debian, Ubuntu and Google; CHROMIUM names another one.
NAMES = ("chromium", "chromium-browser", "google-chrome")
# Without a microphone, Chromium plays a sound into its own; with a person, it asks.
ARGUMENTS = ("--use-fake-device-for-media-stream", "--disable-gpu")
WIDE = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's program; without it the tests are left out, which CI does not accept."""
    named = os.environ.get("CHROMIUM", "")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return Path(found)
    reason = f"left out: no browser called {named or ', '.join(NAMES)}; on Debian, the package chromium brings it"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


# Playwright runs an event loop in this thread until it is stopped, and tests of other modules start their own.
@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """The browser, running."""
    # Its sandbox refuses root, as whom CI runs.
    arguments = [*ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A real server process, with the stand-in for the model."""
    with running_server(model=str(standin.MODEL), WHISPER_REQUESTS_PER_MINUTE="0") as server:
        yield server.url


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser as new, whose person reads English."""
    context = browser.new_context(viewport=WIDE, locale="en-GB")  # type: ignore[arg-type]
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, server_url: str) -> Iterator[Page]:
    """The page, open; at the end of the test, none of its scripts has failed and nothing was against its policy."""
    page = watched(context)
    page.goto(server_url)
    yield page
    assert_quiet(page)


def watched(context: BrowserContext) -> Page:
    """A new page whose troubles `assert_quiet` finds."""
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "console",
        lambda message: "Content Security Policy" in message.text and troubles.append(message.text),
    )
    TROUBLES[page] = troubles
    return page


TROUBLES: dict[Page, list[str]] = {}


def assert_quiet(page: Page) -> None:
    """Fail if a script of the page has failed, or if the policy has refused anything."""
    assert TROUBLES.pop(page) == []
