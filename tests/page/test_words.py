"""A person without instructions finds what the customer said about the payment, with the real model."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from demo.server import ROOT, running_server

CALL = ROOT / "demo" / "calls" / "billing.wav"
# A short call takes seconds, on a machine that does nothing else.
LONG_MS = 120_000

pytestmark = pytest.mark.words


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """A real server with Whisper base."""
    with running_server(model="base") as server:
        yield server.url


@pytest.mark.verify
def test_payment_is_found_by_mouse(blank: Page, base_url: str) -> None:
    """Drop the call, type the word, see who said what."""
    blank.goto(base_url)
    blank.set_input_files("#files", CALL)
    expect(blank.locator(".entry-state")).to_have_text(re.compile("^Transcribed"), timeout=LONG_MS)
    blank.get_by_role("searchbox").fill("payment")
    blank.get_by_role("button", name="Next hit").click()
    expect(blank.locator(".call-hits")).to_contain_text("1 of 4: Customer")
    expect(blank.get_by_text(re.compile("payment was taken twice", re.IGNORECASE))).to_be_in_viewport()


def test_payment_is_found_by_keyboard_alone(blank: Page, base_url: str) -> None:
    """From the address line to the word in the customer's voice, without a mouse."""
    blank.goto(base_url)
    with blank.expect_file_chooser() as chooser:
        press_until(blank, "Choose recordings")
        blank.keyboard.press("Enter")
    chooser.value.set_files(CALL)
    expect(blank.locator(".entry-state")).to_have_text(re.compile("^Transcribed"), timeout=LONG_MS)
    press_until(blank, "billing.wav")
    blank.keyboard.press("Enter")
    blank.keyboard.press("/")
    expect(blank.get_by_role("searchbox")).to_be_focused()
    blank.keyboard.type("payment")
    blank.keyboard.press("Enter")
    expect(blank.locator(".call-hits")).to_contain_text("1 of 4: Customer")
    blank.keyboard.press("Escape")
    blank.keyboard.press("k")
    blank.wait_for_function("!document.querySelector('audio').paused")
    assert blank.evaluate("document.querySelector('audio').currentTime") > 5


def press_until(page: Page, name: str) -> None:
    """Press Tab until the control with this name has the focus, as a person does who sees it."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"{name} cannot be reached with the key Tab")
