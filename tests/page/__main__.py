"""`make screenshots`: the pictures of docs/page.md, of real transcripts by Whisper base and of the tests' sample batch."""

import re
import sys
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from demo.server import ROOT, running_server
from tests.page import chromium
from tests.page.batch import busy_batch
from tests.page.parts import open_page
from tests.service.http.fakes import FakeEngine

FOLDER = ROOT / "docs" / "page"
CALL = ROOT / "demo" / "calls" / "billing.wav"
WORD = "payment"
COLOURS = 256
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 860}},
    "dark": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 390, "height": 800}},
}
MINUTES_MS = 180_000


def take(page: Page, name: str) -> None:
    """Write a picture of the window, with few colours."""
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1000} kB")


def pictures(browser: Browser, look: str, url: str) -> None:
    """All pictures of one look."""
    context = browser.new_context(**LOOKS[look], locale="en-GB", reduced_motion="reduce")
    page = context.new_page()
    page.goto(url)
    take(page, f"upload-{look}")
    page.set_input_files("#files", CALL)
    expect(page.locator(".entry-state")).to_have_text(re.compile("^Transcribed"), timeout=MINUTES_MS)
    page.get_by_role("searchbox").fill(WORD)
    expect(page.locator(".call-hits")).to_contain_text("hits")
    page.get_by_role("searchbox").press("Enter")
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(500)
    if look == "narrow":
        page.locator("#opened").evaluate("element => element.scrollIntoView()")
    take(page, f"call-{look}")
    with open_page(page, FakeEngine(), at="#view=batch", batch=busy_batch()):
        expect(page.get_by_role("heading", name="Latest failures")).to_be_visible()
        take(page, f"batch-{look}")
    context.close()


def main() -> int:
    """Take all pictures; 2 without a browser."""
    try:
        program = chromium.find()
    except chromium.NoChromium as reason:
        print(f"screenshots: {reason}", file=sys.stderr)
        return 2
    FOLDER.mkdir(exist_ok=True)
    with running_server(model="base") as server, chromium.started(program) as browser:
        for look in LOOKS:
            pictures(browser, look, server.url)
    return 0


if __name__ == "__main__":
    sys.exit(main())
