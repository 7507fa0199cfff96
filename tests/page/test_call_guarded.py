"""The view of a call with hostile texts, foreign documents, and recordings that a browser does not know."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.page.calls import BILLING, billing, segment, show, transcript, until_playing, until_ready
from tests.page.parts import drop
from tests.page.test_accessible import findings, overflow

HOSTILE = (
    "<img/src=x/onerror=window.harmed=1>",
    "<script>window.harmed=1</script>",
    "\"'><svg/onload=window.harmed=1>",
    "javascript:window.harmed=1",
    "{count}",
    "\u202egnp.exe",
)


def test_text_of_a_recording_is_never_markup(page: Page) -> None:
    """Words, names and a language from outside are shown letter by letter, and nothing of them runs or loads."""
    asked: list[str] = []
    parts = [segment(channel=n % 2, start=n, end=n + 1, text=text) for n, text in enumerate(HOSTILE)]
    parts[0]["language"] = "en'\"><b>"
    page.on("request", lambda request: asked.append(request.url))
    show(page, transcript(parts, duration=9, language="en"), name=f"{HOSTILE[0]}.wav")
    assert page.locator(".call-text p").all_text_contents()[: len(HOSTILE)] == list(HOSTILE)
    page.get_by_role("searchbox").fill("<script>")
    expect(page.locator(".call-hits")).to_have_text("1 hit")
    assert page.locator("call-view :is(img, script, b)").count() == 0
    assert page.evaluate("window.harmed") is None
    assert not [url for url in asked if url.endswith("/x")]


@pytest.mark.parametrize("document", [{"error": "no"}, {"segments": "all"}, [], "text", {"segments": [None]}])
def test_a_document_that_is_no_transcript_is_told(page: Page, document: object) -> None:
    """A foreign document has a sentence that says what to do, instead of an empty or broken view."""
    show(page, document)
    expect(page.locator(".call-notices")).to_contain_text("This is not a transcript of this service.")


def test_a_recording_that_the_browser_cannot_play_is_told(page: Page) -> None:
    """The transcript stays, the lanes are drawn from it, and a sentence says how to hear the call all the same."""
    show(page, billing(), audio=b"#!AMR\n" + bytes(2000), name="call.amr")
    expect(page.locator(".call-notices")).to_contain_text("This browser cannot play this kind of recording.")
    expect(page.locator(".call-note")).to_contain_text("The lanes show who speaks, from the transcript.")
    expect(page.locator(".call-text li").first).to_contain_text("Riverside Energy")


def test_a_transcript_alone_asks_for_its_recording(page: Page) -> None:
    """A job's link has no recording: the view asks for the file, and plays it as soon as it has it."""
    show(page, billing())
    asking = page.get_by_label(re.compile("To hear this call"))
    expect(asking).to_be_visible()
    page.keyboard.press(" ")
    expect(asking).to_be_focused()
    asking.set_input_files(BILLING.path)
    expect(asking).to_be_hidden()
    until_ready(page)
    page.locator(".call-word").first.click()
    until_playing(page)


def test_recording_may_be_dropped_where_it_is_asked_for(page: Page) -> None:
    """It is heard, not transcribed again, and the page no longer waits for a drop."""
    show(page, billing())
    drop(page, ("billing.wav", BILLING.path.read_bytes()), on=".call-ask")
    until_ready(page)
    assert "dropping" not in (page.locator("body").get_attribute("class") or "")
    expect(page.locator(".entry")).to_have_count(0)


def test_axe_finds_nothing_in_a_call_with_all_its_marks(page: Page) -> None:
    """Notices, marks, hits, a spoken word and the dialog pass axe-core's rules in light, dark and narrow."""
    call = billing(unsure=["riverside"], partial=True, missing_seconds=0.5, gaps=[{"start": 76.0, "end": 76.1}])
    show(page, call | {"unheard": [{"channel": 1, "start": 20.5, "end": 21.0}]}, audio=BILLING.path)
    until_ready(page)
    page.get_by_role("searchbox").fill("payment")
    page.keyboard.press("Enter")
    assert page.locator(".spoken").count() == 1
    page.emulate_media(reduced_motion="reduce")
    assert findings(page) == []
    page.set_viewport_size({"width": 320, "height": 900})
    assert overflow(page) <= 0
    page.emulate_media(reduced_motion="reduce", color_scheme="dark")
    assert findings(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert findings(page) == []


@pytest.mark.verify
def test_another_recording_than_the_transcript_s_is_told(page: Page) -> None:
    """A file of another length than the transcript's is played, but the reader is told of the difference."""
    show(page, billing() | {"duration": 200.0}, audio=BILLING.path)
    expect(page.locator(".call-notices")).to_have_text(
        "This file lasts 1:16, the transcript 3:20: it may be another recording."
    )


@pytest.mark.verify
def test_a_recording_without_speech_says_so(page: Page) -> None:
    """An empty transcript is a sentence, not an empty page."""
    show(page, transcript([], duration=8, language="und"))
    expect(page.locator(".call-notices")).to_have_text("This recording has no speech, so there is no text.")


def test_the_words_are_in_the_language_of_the_call(page: Page) -> None:
    """Segments carry their language, so that a screen reader speaks each with the right voice."""
    parts = [segment(channel=0, start=0, end=1, text="Bonjour"), segment(channel=1, start=1, end=2, text="Hello")]
    parts[0]["language"], parts[1]["language"] = "fr", ""
    show(page, transcript(parts, duration=2))
    assert page.locator(".call-text p").nth(0).get_attribute("lang") == "fr"
    assert page.locator(".call-text p").nth(1).get_attribute("lang") is None


@pytest.mark.verify
def test_the_view_changes_its_language_while_it_shows_a_call(page: Page) -> None:
    """Another language of the page reaches names, labels and counts; the words of the call stay."""
    show(page, billing())
    page.evaluate(
        """async () => {
          const page = document.querySelector("script[src$='page.js']").src;
          (await import(new URL("texts.js", page).href)).speak("fr");
        }"""
    )
    expect(page.locator(".call-lanes")).to_contain_text("Client")
    expect(page.get_by_role("slider")).to_have_accessible_name("Position dans l\u2019appel")
    expect(page.locator(".call-text li").first).to_contain_text("Riverside Energy")
