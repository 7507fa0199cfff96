"""No finding of axe-core's rules of WCAG 2.2 A and AA, in every state of the page, light, dark and narrow."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from demo.server import ROOT
from tests.page.batch import busy_batch
from tests.page.parts import ROOMY, WORDS, choose, file, open_page, state
from tests.service.http.fakes import FakeEngine

AXE = (ROOT / "node_modules/axe-core/axe.min.js").read_text() if (ROOT / "node_modules/axe-core").is_dir() else ""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    # 320 pixels are a page of 1280 at 400 %.
    "narrow": {"color_scheme": "light", "viewport": {"width": 320, "height": 640}},
}


# The contrast of the dark colours is computed in tests/service/http/test_page_texts.py, too.
@pytest.fixture(params=["light", *(pytest.param(look, marks=pytest.mark.verify) for look in ("dark", "narrow"))])
def look(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    """A page of one look, whose animations are off."""
    context = browser.new_context(**LOOKS[request.param], reduced_motion="reduce", locale="en-GB")
    page = context.new_page()
    yield page
    context.close()


def findings(page: Page) -> list[str]:
    """The findings of axe-core."""
    assert AXE, "node_modules has no axe-core: `make install` brings it"
    page.evaluate(AXE)
    found = page.evaluate("rules => axe.run({ runOnly: rules })", RULES)
    return [
        f"{violation['id']}: {violation['help']}: {node['html'][:200]} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def test_nothing_is_found_in_any_state(look: Page) -> None:
    """Empty, with a call that failed, with one that is open, with a dialog, and with the batch."""
    engine = FakeEngine(segments=WORDS)
    with open_page(look, engine, replace(ROOMY, api_keys="0123456789abcdef")):
        assert findings(look) == []
        choose(look, file("empty.wav", b""))
        expect(state(look, "empty.wav")).to_have_text("Not transcribed")
        choose(look, file("call.wav", b"RIFF"))
        expect(look.get_by_role("dialog")).to_be_visible()
        assert findings(look) == []
        look.keyboard.type("0123456789abcdef")
        look.keyboard.press("Enter")
        expect(state(look, "call.wav")).to_have_text("Transcribed")
        assert findings(look) == []
        look.get_by_role("button", name="call.wav", exact=True).click()
        expect(look.locator("call-view .call-word").first).to_be_visible()
        assert findings(look) == []
        assert overflow(look) <= 0


@pytest.mark.verify
def test_nothing_is_found_while_a_call_comes_in(look: Page) -> None:
    """While a person speaks into the microphone, and while the words come."""
    engine = FakeEngine(segments=WORDS)
    engine.free.clear()
    look.context.grant_permissions(["microphone"])
    with open_page(look, engine):
        look.get_by_role("button", name="Record", exact=True).click()
        expect(look.get_by_role("timer")).to_be_visible()
        assert findings(look) == []
        look.get_by_role("button", name="Discard").click()
        choose(look, file("call.wav", b"RIFF"))
        expect(state(look, "call.wav")).to_have_text("Transcribing, 50%")
        assert findings(look) == []
        assert overflow(look) <= 0
        engine.free.set()


def test_nothing_is_found_in_the_batch(look: Page) -> None:
    """With numbers, workers and failures."""
    with open_page(look, FakeEngine(), at="#view=batch", batch=busy_batch()):
        expect(look.get_by_role("heading", name="Latest failures")).to_be_visible()
        assert findings(look) == []
        assert overflow(look) <= 0
