"""A real Chromium, and the page that a real server process serves."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from demo.server import running_server
from tests import standin
from tests.page import chromium as browsers

WIDE = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's program; without it the tests are left out, which CI does not accept."""
    try:
        return browsers.find()
    except browsers.NoChromium as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(f"left out: {reason}")
        pytest.skip(f"left out: {reason}")


# Of a module, because its event loop would be in the way of other modules' own.
@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """The browser, running."""
    with browsers.started(chromium) as browser:
        yield browser


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
def blank(context: BrowserContext) -> Iterator[Page]:
    """A page that is not open; at the end of the test, no script has failed and nothing was against the policy."""
    page, troubles = context.new_page(), list[str]()
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda told: troubles.append(told.text) if "Content Security Policy" in told.text else None)
    yield page
    assert troubles == []


@pytest.fixture
def page(blank: Page, server_url: str) -> Page:
    """The page of the real server, open."""
    blank.goto(server_url)
    return blank
