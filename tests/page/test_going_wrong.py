"""Bad input and bad luck: each has a sentence that says what to do."""

import json
import re
import wave
from dataclasses import replace
from io import BytesIO

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from tests.page.parts import ROOMY, WORDS, choose, entry, file, open_page, reason, state
from tests.page.wire import wire
from tests.service.http.fakes import FakeEngine

KEY = "crm-0123456789abcdef"
KEYS = json.dumps({"crm": KEY, "grafana": {"key": "grafana-0123456789abcdef", "scopes": ["metrics"]}})


def sent(request: Request) -> bool:
    """Whether a request sends a recording."""
    return request.method == "POST" and request.url.endswith("/transcribe")


def silence(seconds: int) -> bytes:
    """A recording of silence."""
    content = BytesIO()
    with wave.open(content, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16_000 * seconds))
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("notes.txt", b"no recording at all\n" * 20, "Choose the recording itself, as WAV, MP3"),
        ("empty.wav", b"", "This recording is empty. Choose another one"),
        ("cut.wav", b"RIFF\xff\xff\xff\x7fWAVEfmt ", "Choose the recording itself, as WAV, MP3"),
    ],
)
def test_wrong_file_has_a_sentence_that_says_what_to_send(page: Page, name: str, content: bytes, sentence: str) -> None:
    """From the real decoder's refusals."""
    choose(page, file(name, content, "text/plain" if name.endswith("txt") else "audio/wav"))
    expect(state(page, name)).to_have_text("Not transcribed")
    expect(reason(page, name)).to_contain_text(sentence)
    expect(page.locator("#news")).to_contain_text(sentence)


@pytest.mark.parametrize(
    ("settings", "content", "sentence"),
    [
        (
            replace(ROOMY, max_upload_bytes=1_000_000),
            bytes(2_000_000),
            "This file is 2 MB, and the service takes up to 1 MB.",
        ),
        (
            replace(ROOMY, max_audio_seconds=60),
            silence(130),
            "This recording lasts 3 minutes, and the service takes up to 1.",
        ),
    ],
)
def test_recording_beyond_the_limits_is_refused_before_it_is_sent(
    blank: Page, settings: object, content: bytes, sentence: str
) -> None:
    """By the limits that came with the page."""
    requests: list[Request] = []
    blank.on("request", lambda request: requests.append(request))  # noqa: PLW0108 - Playwright marks it
    with open_page(blank, FakeEngine(segments=WORDS), settings):  # type: ignore[arg-type]
        choose(blank, file("large.wav", content))
        expect(reason(blank, "large.wav")).to_contain_text(sentence)
        assert not any(map(sent, requests))


def test_service_that_is_draining_gets_the_recording_a_little_later(blank: Page) -> None:
    """Its `Retry-After` is honoured without a click, and the person is told."""
    with open_page(blank, FakeEngine(segments=WORDS)) as app:
        app.state.calls.draining = True
        choose(blank, file("call.wav", b"RIFF"))
        expect(state(blank, "call.wav")).to_have_text("Trying again in 1 s")
        expect(reason(blank, "call.wav")).to_contain_text("The service is being restarted. The recording stays here")
        app.state.calls.draining = False
        expect(state(blank, "call.wav")).to_have_text("Transcribed")
        expect(reason(blank, "call.wav")).to_be_hidden()


@pytest.mark.verify
def test_service_that_never_takes_the_recording_is_given_up(blank: Page) -> None:
    """A sentence that promises another try does not stay when there is none."""
    blank.add_init_script(
        "const wait = setTimeout; window.setTimeout = (run, ms, ...rest) => wait(run, ms === 1000 ? 5 : ms, ...rest)"
    )
    with open_page(blank, FakeEngine(segments=WORDS)) as app:
        app.state.calls.draining = True
        choose(blank, file("call.wav", b"RIFF"))
        expect(state(blank, "call.wav")).to_have_text("Not transcribed")
        expect(reason(blank, "call.wav")).to_contain_text("It is still here: try again later.")
        app.state.calls.draining = False
        blank.get_by_role("button", name="Try again: call.wav").click()
        expect(state(blank, "call.wav")).to_have_text("Transcribed")


def test_network_that_is_lost_during_an_upload_is_waited_for(blank: Page, context: BrowserContext) -> None:
    """The recording stays, and is sent again as soon as the browser has a network."""
    with open_page(blank, FakeEngine(segments=WORDS)), wire(blank.url) as between:
        blank.goto(between.url)
        network = context.new_cdp_session(blank)
        conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000}
        network.send("Network.emulateNetworkConditions", conditions)
        choose(blank, file("large.wav", bytes(900_000)))
        expect(state(blank, "large.wav")).to_contain_text("Sending, 1")
        context.set_offline(True)
        between.cut()
        expect(state(blank, "large.wav")).to_have_text("No network")
        expect(reason(blank, "large.wav")).to_contain_text("The recording is still here")
        network.detach()
        between.mend()
        context.set_offline(False)
        expect(state(blank, "large.wav")).to_have_text("Transcribed", timeout=30_000)


@pytest.mark.verify
def test_connection_that_breaks_leaves_a_button_that_keeps_the_file(blank: Page) -> None:
    """While the browser has a network, only a person knows whether to try again."""
    with open_page(blank, FakeEngine(segments=WORDS)):
        blank.route("**/transcribe", lambda route: route.abort("connectionreset"))
        choose(blank, file("call.wav", b"RIFF"))
        expect(state(blank, "call.wav")).to_have_text("Not transcribed")
        expect(reason(blank, "call.wav")).to_contain_text("try again")
        blank.unroute("**/transcribe")
        blank.get_by_role("button", name="Try again: call.wav").click()
        expect(state(blank, "call.wav")).to_have_text("Transcribed")


@pytest.mark.verify
def test_failure_in_the_middle_of_the_words_is_told(blank: Page) -> None:
    """A stream that ends early is no transcript."""
    with open_page(blank, FakeEngine(segments=WORDS)):
        cut = 'data: {"type": "progress", "share": 0.5}\n\n'
        blank.route("**/transcribe", lambda route: route.fulfill(body=cut, content_type="text/event-stream"))
        choose(blank, file("call.wav", b"RIFF"))
        expect(reason(blank, "call.wav")).to_contain_text("The connection broke while the call was being transcribed.")
        error = 'data: {"error": {"code": "deadline", "message": "…"}}\n\n'
        blank.unroute("**/transcribe")
        blank.route("**/transcribe", lambda route: route.fulfill(body=cut + error, content_type="text/event-stream"))
        blank.get_by_role("button", name="Try again: call.wav").click()
        expect(reason(blank, "call.wav")).to_contain_text("Try again later, or split the recording.")
        refused = 'data: {"error": {"code": "bad_channels", "message": "…"}}\n\n'
        blank.unroute("**/transcribe")
        blank.route("**/transcribe", lambda route: route.fulfill(body=cut + refused, content_type="text/event-stream"))
        blank.get_by_role("button", name="Try again: call.wav").click()
        expect(reason(blank, "call.wav")).to_have_text(re.compile("^[^{}]*Export it as mono[^{}]*$"))


@pytest.mark.verify
def test_microphone_that_is_refused_has_a_sentence(page: Page) -> None:
    """The browser does not ask here: it refuses."""
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("The browser may not use the microphone. Allow it")


def test_key_is_asked_for_once_and_kept_in_the_tab(blank: Page, context: BrowserContext) -> None:
    """A wrong one is told; the right one is used for all that waits, and is in no address, cookie or other tab."""
    with open_page(blank, FakeEngine(segments=WORDS), replace(ROOMY, api_keys=KEYS)):
        choose(blank, file("a.wav", b"RIFF"), file("b.wav", b"RIFF"))
        dialog = blank.get_by_role("dialog", name="Your key")
        field = dialog.get_by_label("Key", exact=True)
        expect(field).to_be_focused()
        for wrong in ("wrong-0123456789abcdef", "pasted…0123456789abcdef"):
            field.fill(wrong)
            field.press("Enter")
            expect(field).to_have_value("")
            expect(dialog.get_by_role("alert")).to_contain_text("The service does not know this key.")
        field.fill(KEY)
        dialog.get_by_role("button", name="Use this key").click()
        for name in ("a.wav", "b.wav"):
            expect(state(blank, name)).to_have_text("Transcribed")
        assert KEY not in blank.url
        assert context.cookies() == []
        assert blank.evaluate("[localStorage.length, JSON.stringify(sessionStorage)]") == [
            0,
            json.dumps({"whisper-key": KEY}, separators=(",", ":")),
        ]
        other = context.new_page()
        other.goto(blank.url)
        assert other.evaluate("sessionStorage.length") == 0
        other.close()
        blank.get_by_role("button", name="Key", exact=True).click()
        dialog.get_by_role("button", name="Forget my key").click()
        assert blank.evaluate("sessionStorage.length") == 0


@pytest.mark.verify
def test_dialog_that_is_closed_leaves_a_sentence(blank: Page) -> None:
    """Nothing is sent without a key, and the recording is kept."""
    with open_page(blank, FakeEngine(segments=WORDS), replace(ROOMY, api_keys=KEYS)):
        choose(blank, file("call.wav", b"RIFF"))
        expect(blank.get_by_role("dialog")).to_be_visible()
        blank.keyboard.press("Escape")
        expect(reason(blank, "call.wav")).to_contain_text("The service needs a key. Enter one with the Key button")
        expect(entry(blank, "call.wav").get_by_role("button", name="Try again")).to_be_visible()


def test_key_that_is_not_for_this_says_so(blank: Page) -> None:
    """With the scope that it lacks."""
    with open_page(blank, FakeEngine(segments=WORDS), replace(ROOMY, api_keys=KEYS)):
        choose(blank, file("call.wav", b"RIFF"))
        blank.get_by_label("Key", exact=True).last.fill("grafana-0123456789abcdef")
        blank.keyboard.press("Enter")
        expect(reason(blank, "call.wav")).to_contain_text(
            "Your key is not for this: the service needs a key with the scope"
        )
