"""How recordings come in: dropped, chosen or recorded, one or many; and how a person sees them become words."""

import json
import re
from dataclasses import replace

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from service.transcript import Transcript
from tests import standin
from tests.page.parts import ROOMY, WORDS, choose, drop, entry, file, open_page, reason, state
from tests.service.http.fakes import FakeEngine

VOICEMAIL = standin.VOICEMAIL.read_bytes()
BILLING = standin.FOLDER / "calls" / "billing.wav"
HOSTILE = (
    '<img src=x onerror="window.hacked=1">.wav',
    "\u202egpj.evaw.wav",
    "a\nb\r\nc: d.wav",
    '"; filename="other.wav',
    "x" * 200 + ".wav",
    "{name} %s ${7*7} {{7*7}}.wav",
)


def test_dropped_call_becomes_words(page: Page) -> None:
    """Dropped anywhere on the page, it is sent, transcribed and opened, without a further step."""
    drop(page, ("voicemail.wav", VOICEMAIL))
    expect(state(page, "voicemail.wav")).to_have_text("Transcribed", timeout=30_000)
    expect(page.locator("#opened-name")).to_have_text("voicemail.wav")
    expect(page.locator("call-view .call-word").first).to_be_visible()


def test_chosen_calls_are_transcribed_two_at_a_time(blank: Page) -> None:
    """More uploads at once would slow each other down; the others say that they wait."""
    engine = FakeEngine(segments=WORDS)
    engine.free.clear()
    with open_page(blank, engine):
        choose(blank, *(file(f"{number}.wav", b"RIFF") for number in range(4)))
        expect(blank.locator(".entry-state", has_text="Transcribing")).to_have_count(2)
        expect(blank.locator(".entry-state", has_text="Waiting for its turn")).to_have_count(2)
        engine.free.set()
        expect(blank.locator(".entry-state", has_text=re.compile("^Transcribed$"))).to_have_count(4)


def test_words_appear_while_the_call_is_transcribed(blank: Page) -> None:
    """Segments come as events; the share moves on, and then all is there."""
    engine = FakeEngine(segments=WORDS)
    engine.free.clear()
    with open_page(blank, engine):
        choose(blank, file("call.wav", b"RIFF"))
        expect(blank.locator("call-view")).to_contain_text("good morning")
        expect(blank.locator("call-view")).to_contain_text("hello there")
        expect(state(blank, "call.wav")).to_have_text("Transcribing, 50%")
        expect(entry(blank, "call.wav").get_by_role("progressbar")).to_have_attribute("value", "0.5")
        engine.free.set()
        expect(state(blank, "call.wav")).to_have_text("Transcribed")
        with blank.expect_download() as download:
            blank.get_by_role("button", name="JSON").click()
    # Taken away, it still says what made it, and reads as every other transcript.
    taken = json.loads(download.value.path().read_text("utf-8"))
    assert taken["provenance"]["encoder"] == engine.encoder
    assert [segment.text for segment in Transcript.from_dict(taken).segments] == ["good morning", "hello there"]


@pytest.mark.verify
def test_upload_shows_its_share(blank: Page, context: BrowserContext) -> None:
    """A large recording on a slow network: the share grows before the service has all of it."""
    with open_page(blank, FakeEngine(segments=WORDS)):
        network = context.new_cdp_session(blank)
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 300_000}
        network.send("Network.emulateNetworkConditions", slow)
        choose(blank, file("large.wav", bytes(600_000)))
        expect(state(blank, "large.wav")).to_have_text(re.compile(r"^Sending, [1-9]\d?%$"))
        expect(state(blank, "large.wav")).to_have_text("Transcribed")


def test_a_person_records_with_the_microphone(page: Page, context: BrowserContext) -> None:
    """A take goes the way of every file; a discarded one does not."""
    context.grant_permissions(["microphone"])
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_role("timer")).to_have_text("0:01")
    page.get_by_role("button", name="Discard").click()
    expect(page.locator(".entry")).to_have_count(0)
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_role("timer")).to_have_text("0:01")
    page.get_by_role("button", name="Stop and transcribe").click()
    expect(page.locator(".entry-open")).to_have_text(re.compile(r"^Recording .*\.(webm|ogg)$"))
    expect(page.locator(".entry-state")).to_have_text(re.compile("^Transcribed"), timeout=30_000)


@pytest.mark.verify
def test_take_is_neither_doubled_nor_lost(blank: Page, server_url: str, context: BrowserContext) -> None:
    """A double click takes once; leaving the page asks first; a microphone that is unplugged ends the take, and keeps it."""
    context.grant_permissions(["microphone"])
    blank.add_init_script(
        """const { mediaDevices } = navigator;
        const ask = mediaDevices.getUserMedia.bind(mediaDevices);
        window.streams = [];
        mediaDevices.getUserMedia = async (wish) => {
          const stream = await ask(wish);
          window.streams.push(stream);
          return stream;
        };"""
    )
    blank.goto(server_url)
    blank.get_by_role("button", name="Record", exact=True).dblclick()
    expect(blank.get_by_role("timer")).to_have_text("0:01")
    assert blank.evaluate("window.streams.length") == 1
    with blank.expect_event("dialog") as asked:
        blank.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    asked.value.dismiss()
    blank.evaluate("window.streams[0].getTracks().forEach((track) => track.stop())")
    expect(blank.locator(".entry-open")).to_have_text(re.compile("^Recording "))
    expect(blank.locator(".entry-state")).to_have_text(re.compile("^Transcribed"), timeout=30_000)


@pytest.mark.verify
def test_call_that_was_stopped_in_the_line_is_sent_once(blank: Page) -> None:
    """Stopped before its turn and tried again, it is one call, not two."""
    engine = FakeEngine(segments=WORDS)
    engine.free.clear()
    with open_page(blank, engine):
        choose(blank, *(file(f"{number}.wav", b"RIFF") for number in range(3)))
        expect(blank.locator(".entry-state", has_text="Transcribing")).to_have_count(2)
        blank.get_by_role("button", name="Stop: 2.wav").click()
        blank.get_by_role("button", name="Try again: 2.wav").click()
        engine.free.set()
        expect(blank.locator(".entry-state", has_text=re.compile("^Transcribed$"))).to_have_count(3)
    assert len(engine.threads) == 3


def test_name_of_a_file_is_never_markup(blank: Page) -> None:
    """It is shown letter by letter, and reaches the service as the name of one file."""
    with open_page(blank, FakeEngine(segments=WORDS)):
        drop(blank, *((name, b"RIFF") for name in HOSTILE))
        expect(blank.locator(".entry-state", has_text="Transcribed")).to_have_count(len(HOSTILE))
        shown = blank.locator(".entry-open").evaluate_all("elements => elements.map((element) => element.textContent)")
        assert shown == list(reversed(HOSTILE))
        for name in blank.locator(".entry-open").all():
            name.click()
        assert blank.evaluate("window.hacked") is None
        assert blank.locator("main img").count() == 0


@pytest.mark.verify
def test_spoken_language_is_sent(blank: Page) -> None:
    """Whoever knows the language need not have it detected."""
    engine = FakeEngine(segments=WORDS)
    with open_page(blank, engine):
        blank.get_by_label("Spoken language").select_option("English")
        choose(blank, file("call.wav", b"RIFF"))
        expect(state(blank, "call.wav")).to_have_text("Transcribed")
    assert engine.language == "en"


@pytest.mark.verify
def test_call_is_stopped_tried_again_and_removed(blank: Page) -> None:
    """Stopping ends the work at the service; the recording is kept for another try."""
    engine = FakeEngine(segments=WORDS)
    engine.free.clear()
    with open_page(blank, engine):
        choose(blank, file("call.wav", b"RIFF"))
        expect(state(blank, "call.wav")).to_have_text("Transcribing, 50%")
        blank.get_by_role("button", name="Stop: call.wav").click()
        expect(reason(blank, "call.wav")).to_contain_text("You stopped this.")
        assert engine.cancelled.wait(10)
        engine.free.set()
        blank.get_by_role("button", name="Try again: call.wav").click()
        expect(state(blank, "call.wav")).to_have_text("Transcribed")
        blank.get_by_role("button", name="Remove: call.wav").click()
        expect(blank.locator(".entry")).to_have_count(0)
        expect(blank.get_by_role("button", name="Choose recordings")).to_be_focused()


def test_page_speaks_french(blank: Page) -> None:
    """By the browser's wish or by choice, and the choice lasts for the tab."""
    with open_page(blank, FakeEngine(segments=WORDS)):
        blank.get_by_label("Language of this page").select_option("Français")
        expect(blank.get_by_role("heading", name="Déposez un appel ici")).to_be_visible()
        assert blank.evaluate("document.documentElement.lang") == "fr"
        blank.reload()
        expect(blank.get_by_role("button", name="Choisir des enregistrements")).to_be_visible()
        choose(blank, file("appel.wav", b"RIFF"))
        expect(state(blank, "appel.wav")).to_have_text("Transcrit")
        assert "cet onglet\u00a0: recharger" in (blank.locator(".calls .quiet").text_content() or "")


@pytest.mark.verify
def test_browser_that_remembers_nothing_has_a_page(blank: Page) -> None:
    """If it forbids storage, the key is kept until a reload."""
    blank.add_init_script(
        """for (const name of ["sessionStorage", "localStorage"]) {
          Object.defineProperty(window, name, { get: () => { throw new DOMException("denied", "SecurityError"); } });
        }"""
    )
    with open_page(blank, FakeEngine(segments=WORDS), replace(ROOMY, api_keys="crm-0123456789abcdef")):
        choose(blank, file("call.wav", b"RIFF"))
        blank.get_by_label("Key", exact=True).last.fill("crm-0123456789abcdef")
        blank.keyboard.press("Enter")
        expect(state(blank, "call.wav")).to_have_text("Transcribed")
