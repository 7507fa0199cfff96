"""A call of 90 minutes and 15,000 words: a bounded number of elements, whatever a reader does.

How smooth that looks depends on the machine: `python -m tests.page.smoothness` measures it.
"""

import pytest
from playwright.sync_api import Page, expect

from tests.page.calls import long_call, show

# Words near the window: a few hundred, even on a large screen.
MOST_WORDS = 1500
# Of a row: item, button, its two parts, paragraph.
ELEMENTS_OF_A_ROW = 5


def word_elements(page: Page) -> int:
    """The number of elements for words."""
    return int(page.evaluate("document.querySelectorAll('.call-word').length"))


def settle(page: Page) -> None:
    """Wait until the view has looked which rows are near the window."""
    page.evaluate(
        "new Promise(done => requestAnimationFrame(() => setTimeout(() => requestAnimationFrame(done), 200)))"
    )


def test_only_words_near_the_window_are_elements(page: Page) -> None:
    """Scrolling, jumping and searching leave a bounded number of elements; all the text stays in the page."""
    call = long_call()
    show(page, call)
    words = sum(len(segment["words"]) for segment in call["segments"])
    assert words > 15_000
    for share in (0, 0.25, 0.5, 0.75, 1, 0.1):
        page.evaluate("share => scrollTo(0, document.documentElement.scrollHeight * share)", share)
        settle(page)
        assert 0 < word_elements(page) < MOST_WORDS
    rows = page.locator(".call-text li").count()
    elements = page.evaluate("document.querySelectorAll('.call-text *').length")
    assert elements <= rows * ELEMENTS_OF_A_ROW + MOST_WORDS
    shown = page.evaluate("[...document.querySelectorAll('.call-text p')].map(row => row.textContent)")
    assert sum(len(row.split()) for row in shown) == words


def test_the_last_hit_of_a_long_call_is_brought_into_sight(page: Page) -> None:
    """The previous hit from the start is the last one, 90 minutes later: it is shown, and its word can be clicked."""
    call = long_call()
    show(page, call)
    page.locator(".call-search input").fill("refund")
    # By class: Playwright computes the names of all buttons, one for each segment, to find one by name.
    page.locator(".call-search button").first.click()
    last = [part for part in call["segments"] if "refund" in part["text"]][-1]
    hours, minutes = divmod(int(last["start"]) // 60, 60)
    row = page.locator(".call-text li", has_text=f"{hours}:{minutes:02}:{int(last['start']) % 60:02}")
    expect(row).to_be_in_viewport()
    expect(row.locator(".call-word", has_text="refund")).to_be_visible()
    settle(page)
    assert word_elements(page) < MOST_WORDS


@pytest.mark.verify
def test_the_timeline_s_canvas_is_as_large_as_the_window(page: Page) -> None:
    """However far a reader zooms in, the canvas covers the visible part only."""
    show(page, long_call())
    for _ in range(12):
        page.keyboard.press("+")
    width, canvas = page.evaluate(
        "[document.querySelector('.call-slider').clientWidth, document.querySelector('call-view canvas').clientWidth]"
    )
    assert width > 500_000
    assert canvas < 3000
