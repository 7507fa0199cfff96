"""The view of a call: reading, hearing and searching it, by mouse and by keyboard."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.calls import BILLING, billing, segment, show, transcript, until, until_playing, until_ready

PAYMENT = "I think the payment was taken twice."


def time(page: Page) -> float:
    """The position of the player."""
    return float(page.evaluate("document.querySelector('call-view audio').currentTime"))


def playing(page: Page) -> bool:
    """Whether the recording is heard."""
    return bool(page.evaluate("!document.querySelector('call-view audio').paused"))


def words(page: Page, text: str) -> Locator:
    """The elements of a word."""
    return page.locator(".call-word", has_text=re.compile(rf"^{re.escape(text)}$"))


def start_of(text: str) -> float:
    """When the transcript has a word for the first time."""
    found = (word for part in billing()["segments"] for word in part["words"] if word["text"].strip() == text)
    return float(next(found)["start"])


@pytest.fixture
def call(page: Page) -> Page:
    """The page with billing.wav, ready to play."""
    show(page, billing(unsure=["riverside", "471193"]), audio=BILLING.path)
    until_ready(page)
    return page


def test_a_click_on_a_word_plays_from_it(call: Page) -> None:
    """A click on a word plays the recording from the word's beginning."""
    words(call, "payment").first.click()
    until_playing(call)
    assert start_of("payment") - 0.05 <= time(call) < start_of("payment") + 2


def test_the_word_that_is_spoken_is_marked(call: Page) -> None:
    """While it plays, the marked word is the one at the player's position, and moves on with it."""
    words(call, "Hello.").first.click()
    marked = list[str]()
    for _ in range(2):
        seen = ", ".join(repr(word) for word in marked)
        until(call, f"![undefined, {seen}].includes(document.querySelector('.spoken')?.textContent)")
        word, at = call.evaluate(
            "[document.querySelector('.spoken')?.textContent, document.querySelector('audio').currentTime]"
        )
        marked.append(word)
        spans = [w for part in billing()["segments"] for w in part["words"] if w["text"].strip() == word]
        assert any(span["start"] - 0.1 <= at <= span["end"] + 0.3 for span in spans), (word, at)
    assert marked[0] != marked[1]


def test_the_search_finds_what_the_customer_said_about_the_payment(call: Page) -> None:
    """By mouse: the word, the speaker, the next hit, and the recording is there."""
    call.get_by_role("searchbox").fill("payment")
    expect(call.locator(".call-hits")).to_have_text("4 hits")
    call.get_by_label("Said by").select_option(label="Customer")
    expect(call.locator(".call-hits")).to_have_text("1 hit")
    call.get_by_role("button", name="Next hit").click()
    expect(call.locator(".call-hits")).to_have_text("1 of 1: Customer 0:09")
    assert time(call) == pytest.approx(start_of("payment"), abs=0.05)
    expect(call.get_by_text(PAYMENT)).to_be_in_viewport()


def test_the_search_finds_what_the_customer_said_about_the_payment_by_keyboard(call: Page) -> None:
    """By keyboard alone: `/`, the word, Enter to go there, Escape into the text, Enter to hear it."""
    call.keyboard.press("/")
    call.keyboard.type("payment")
    call.keyboard.press("Enter")
    call.keyboard.press("Escape")
    focused = call.locator(":focus")
    expect(focused).to_have_accessible_name(re.compile("Customer.*0:07.*play"))
    expect(call.locator("li", has=focused)).to_contain_text(PAYMENT)
    call.keyboard.press("Enter")
    until_playing(call)
    assert 7 <= time(call) < 9


def test_a_search_ignores_case_and_accents(page: Page) -> None:
    """A reader without the language's keyboard finds its words; the hit is the text as it is written."""
    show(page, transcript([segment(channel=0, start=0, end=2, text="Le rendez-vous d\u2019été à Orléans")], duration=2))
    page.get_by_role("searchbox").fill("D'ETE a orle")
    expect(page.locator(".call-hits")).to_have_text("1 hit")
    until(page, "CSS.highlights.get('call-hit')?.size === 1")
    assert page.evaluate("[...CSS.highlights.get('call-hit')].map(String)") == ["d\u2019été à Orlé"]


def test_arrows_walk_through_segments_and_words(call: Page) -> None:
    """Tab stops once in the text; arrows go between segments and words, and Enter plays from the word."""
    call.locator(".call-from").first.focus()
    call.keyboard.press("ArrowDown")
    expect(call.locator(":focus")).to_have_accessible_name(re.compile("Customer"))
    for _ in range(2):
        call.keyboard.press("ArrowRight")
    expect(call.locator(":focus")).to_have_text("I'm")
    expect(call.locator(":focus")).to_have_role("button")
    call.keyboard.press("Enter")
    until_playing(call)
    assert 7 < time(call) < 9
    call.keyboard.press("ArrowLeft")
    call.keyboard.press("ArrowLeft")
    expect(call.locator(":focus")).to_have_class("call-from")
    call.keyboard.press("Tab")
    assert call.evaluate("!document.activeElement.closest('.call-text')")
    assert call.locator(".call-text [role=button]").count() == 0


def test_keys_play_and_move(call: Page) -> None:
    """Space plays and pauses, l and j move by five seconds, < and > change the speed, f ends following."""
    call.keyboard.press("l")
    until(call, "document.querySelector('audio').currentTime === 5")
    call.keyboard.press("j")
    until(call, "document.querySelector('audio').currentTime === 0")
    call.keyboard.press(" ")
    expect(call.get_by_role("button", name="Pause")).to_be_visible()
    call.keyboard.press(" ")
    expect(call.get_by_role("button", name="Play", exact=True)).to_be_visible()
    call.keyboard.press(">")
    expect(call.get_by_label("Speed")).to_have_value("1.25")
    assert call.evaluate("document.querySelector('audio').playbackRate") == 1.25
    call.keyboard.press("f")
    expect(call.get_by_role("button", name="Follow")).to_have_attribute("aria-pressed", "false")


def test_single_keys_are_listed_and_can_be_switched_off(call: Page) -> None:
    """`?` lists the keys; without them, a key that speech input presses by mistake does nothing (WCAG 2.1.4)."""
    call.keyboard.press("?")
    dialog = call.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog.get_by_text("Play or pause")).to_be_visible()
    dialog.get_by_role("checkbox").uncheck()
    call.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    call.keyboard.press("l")
    call.keyboard.press("?")
    expect(dialog).to_be_hidden()
    assert time(call) == 0


def test_the_timeline_is_a_slider(call: Page) -> None:
    """A click seeks; arrows, Home and End do as well, and assistive technology hears the time and the speaker."""
    slider = call.get_by_role("slider", name="Position in the call")
    box = slider.bounding_box()
    assert box
    slider.click(position={"x": box["width"] / 2, "y": 20})
    assert time(call) == pytest.approx(76.1 / 2, abs=0.5)
    call.keyboard.press("Home")
    call.keyboard.press("ArrowRight")
    call.keyboard.press("PageUp")
    call.keyboard.press("ArrowLeft")
    until(call, "document.querySelector('audio').currentTime === 30")
    call.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "0:35 of 1:16, Agent")


def test_words_that_the_model_doubts_are_underlined(call: Page) -> None:
    """They are underlined, counted with the threshold, and named once for screen readers, not at every word."""
    assert call.locator(".unsure").all_text_contents() == ["Riverside", "471193."]
    expect(call.locator(".call-marks")).to_contain_text("2 words of which the model is less than 50% sure")
    assert call.locator(".call-text .unseen", has_text="Unsure").all_text_contents() == [
        "Unsure: Riverside.",
        "Unsure: 471193.",
    ]
    expect(words(call, "Riverside")).not_to_have_attribute("aria-label", re.compile("."))


def test_the_shares_of_the_talk_add_up(page: Page) -> None:
    """Agent, customer, both at once, silence and missing audio are the whole call; each is counted once."""
    parts = [
        segment(channel=0, start=0, end=4, text="one"),
        segment(channel=1, start=3, end=5, text="two"),
        segment(channel=1, start=4.5, end=5, text="again"),
    ]
    show(page, transcript(parts, duration=20, gaps=[{"start": 15, "end": 17}], partial=True, missing_seconds=2.0))
    shares = page.locator(".call-shares > div")
    assert [text.replace("\xa0", " ") for text in shares.all_text_contents()] == [
        "Agent3 s · 15%",
        "Customer1 s · 5%",
        "Both at once1 s · 5%",
        "Silence13 s · 65%",
        "Missing2 s · 10%",
    ]


def test_missing_audio_is_told_shown_and_in_its_place(page: Page) -> None:
    """A partial call says so, and the text has the gap between the segments around it."""
    parts = [segment(channel=0, start=0, end=4, text="before"), segment(channel=0, start=9, end=10, text="after")]
    gaps = [{"start": 5.0, "end": 7.5}]
    unheard = [{"channel": 1, "start": 7.6, "end": 8.0}]
    show(page, transcript(parts, duration=10, gaps=gaps, unheard=unheard, partial=True, missing_seconds=2.5))
    expect(page.locator(".call-notices")).to_contain_text("partial: 2.5\u00a0s of the recording")
    assert page.locator(".call-text li p").all_text_contents() == [
        "before",
        "2.5\u00a0s of the recording are missing here",
        "Sound without words, 0.4\u00a0s",
        "after",
    ]


def test_every_segment_is_called_by_its_speaker(page: Page) -> None:
    """The name is shown once for a turn, but whoever hears the page is told it at each segment."""
    parts = [segment(channel=1, start=n, end=n + 1, text="word") for n in range(2)]
    show(page, transcript(parts, duration=2))
    for row, seconds in zip(page.locator(".call-from").all(), ("0:00", "0:01"), strict=True):
        expect(row).to_have_accessible_name(f"Customer {seconds}, play from here")


@pytest.mark.parametrize(
    ("channels", "duplicates", "names"),
    [
        (1, [], [""]),
        (2, [{"channel": 1, "of": 0}], [""]),
        (2, [], ["Agent", "Customer"]),
        (3, [], ["Channel 0", "Channel 1", "Channel 2"]),
    ],
)
def test_lanes_are_channels(page: Page, channels: int, duplicates: list[dict[str, int]], names: list[str]) -> None:
    """Each channel is a lane; only two different ones are agent and customer, and one has no name."""
    parts = [segment(channel=n, start=n, end=n + 1, text=f"word {n}") for n in range(len(names))]
    show(page, transcript(parts, duration=4, channels=channels, duplicate_channels=duplicates))
    assert page.locator(".call-lanes span").all_text_contents() == names
    assert page.locator("li:not(.note) .call-speaker").all_text_contents() == names
