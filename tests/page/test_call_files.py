"""The call to take away, and the call while it is being transcribed."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from service.transcript import Transcript, render
from tests.page.calls import BILLING, billing, long_call, segment, show, transcript, until

# The page writes Agent and Customer; the service's own files name channels.
_RENDERED = """async ([format, json]) => {
  const page = document.querySelector("script[src$='page.js']").src;
  const { RENDERINGS } = await import(new URL("call/renderings.js", page).href);
  const { Call } = await import(new URL("call/model.js", page).href);
  const call = new Call(json);
  return RENDERINGS[format].render(call, (channel) => (call.json.channels > 1 ? `Channel ${channel}` : ""));
}"""

WRITINGS = (
    "Good morning, thank you for calling, this is a sentence that needs more than one line, and more than one cue, too.",
    "Arrows --> and <tags> & ampersands",
    "日本語の文には空白がないので、どこでも行を分けることができます。ただし、句読点の前では分けません。",
    "สวัสดีครับ ยินดีต้อนรับสู่บริการลูกค้าของเราครับ วันนี้ต้องการให้ช่วยเรื่องอะไรครับ",
    "한국어는 넓지만 띄어쓰기가 있습니다 그래서 단어마다 줄을 나눌 수 있습니다",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
)


def test_subtitles_are_those_of_the_service(page: Page) -> None:
    """The page's VTT, SRT and text have the service's own cues, lines and times, in all writing systems."""
    parts = [segment(channel=n % 2, start=n * 9, end=n * 9 + 8.5, text=text) for n, text in enumerate(WRITINGS)]
    without_words = [{key: value for key, value in part.items() if key != "words"} for part in parts]
    calls = [
        billing(),
        transcript(parts, duration=60),
        transcript(without_words, duration=60),
        transcript([part | {"channel": 0} for part in parts], duration=60, channels=1),
        long_call(minutes=3),
    ]
    for call in calls:
        for suffix, form in (("vtt", "vtt"), ("srt", "srt"), ("txt", "text")):
            assert page.evaluate(_RENDERED, [suffix, call]) == render(Transcript.from_dict(call), form)


def test_downloads_are_named_after_the_recording(page: Page, tmp_path: Path) -> None:
    """Each format is a file; JSON is the document that the service sent, and subtitles name agent and customer."""
    made = {"model": "s3://models/base", "transcribed_at": "2026-01-31T12:00:00.000+00:00"}
    call = {"schema": 1, "provenance": made, "transcript": billing()}
    show(page, call, name="billing.wav")
    expect(page.locator("call-view")).to_contain_text("model base, ")
    files = {}
    for suffix in ("JSON", "VTT", "SRT", "TXT"):
        with page.expect_download() as download:
            page.get_by_role("button", name=suffix).click()
        assert download.value.suggested_filename == f"billing.{suffix.lower()}"
        download.value.save_as(tmp_path / suffix)
        files[suffix] = (tmp_path / suffix).read_text("utf-8")
    assert json.loads(files["JSON"]) == call
    assert "<v Customer>Hello. I'm calling" in files["VTT"]
    assert files["TXT"].splitlines()[1].startswith("Customer: Hello. I'm calling about my last bill.")


def test_the_text_is_copied_with_the_speakers(page: Page) -> None:
    """The button copies a line for each segment with its speaker."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show(page, billing())
    page.get_by_role("button", name="Copy text").click()
    expect(page.locator(".call-said")).to_contain_text("in the clipboard")
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert len(lines) == len(BILLING.turns)
    assert lines[0].startswith("Agent: Good morning")


@pytest.mark.verify
def test_a_selection_is_copied_with_the_speakers(page: Page) -> None:
    """A selection over several segments is copied as lines with their speakers, cut to the selection."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show(page, billing())
    until(page, "document.querySelectorAll('.call-word').length")
    page.evaluate(
        """() => {
          const [first, second] = document.querySelectorAll(".call-text p");
          getSelection().setBaseAndExtent(first.querySelectorAll(".call-word")[2], 0, second.querySelectorAll(".call-word")[1], 0);
        }"""
    )
    page.keyboard.press("Control+c")
    copied = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert copied[0].startswith("Agent: thank you for calling Riverside Energy.")
    assert copied[1] == "Customer: Hello. "


def test_segments_appear_while_the_call_is_transcribed(page: Page) -> None:
    """Segments stand in call order as they come; the recording plays on when the whole transcript follows."""
    whole = billing()
    show(page, None, audio=BILLING.path)
    expect(page.get_by_role("button", name="VTT")).to_be_hidden()
    page.evaluate(
        "parts => parts.forEach((part) => window.view.append(part))", [whole["segments"][n] for n in (1, 0, 2)]
    )
    page.evaluate("window.view.progress(0.25)")
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "0.25")
    starts = page.locator(".call-text .call-time").all_text_contents()
    assert starts == ["0:01", "0:07", "0:12"]
    expect(page.locator(".call-lanes")).to_have_text("AgentCustomer")
    page.get_by_role("searchbox").fill("hello")
    page.keyboard.press("Enter")
    page.evaluate("part => window.view.append(part)", whole["segments"][3])
    expect(page.locator(".call-text .call-time")).to_have_count(4)
    page.wait_for_timeout(600)
    expect(page.locator(".call-hits")).to_have_text("1 of 1: Customer 0:07")
    source = page.evaluate("document.querySelector('call-view audio').src")
    page.evaluate(
        "whole => window.view.show({ transcript: whole, audio: window.recording, name: 'billing.wav' })", whole
    )
    expect(page.locator(".call-said")).to_have_text(f"The transcript is complete: {len(whole['segments'])} segments.")
    expect(page.get_by_role("button", name="VTT")).to_be_visible()
    assert page.evaluate("document.querySelector('call-view audio').src") == source
