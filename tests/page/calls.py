"""Transcripts for the view of a call, and the view itself in a browser's page."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from demo.truth import load_calls

BILLING = load_calls()["billing.wav"]
RECORDING_URL = "/recording-of-a-test"

# In the page's own view, with its own errors and policy.
_SHOW = """async ({ json, audio, name }) => {
  await customElements.whenDefined("call-view");
  for (const part of document.querySelectorAll("#desk, #opened")) part.hidden = false;
  window.view = document.querySelector("call-view");
  document.querySelector("#opened h2").textContent = name;
  window.recording = audio && (await (await fetch(audio)).blob());
  window.view.show({ transcript: JSON.parse(json), audio: window.recording, name });
}"""


def show(page: Page, transcript: object, *, audio: Path | bytes | None = None, name: str = "billing.wav") -> None:
    """Show a call in the view, which is `window.view` then; its recording is `window.recording`."""
    if audio is not None:
        content = audio if isinstance(audio, bytes) else audio.read_bytes()
        page.route(f"**{RECORDING_URL}", lambda route: route.fulfill(body=content))
    # As a text, since Playwright takes seconds for 15,000 objects.
    page.evaluate(_SHOW, {"json": json.dumps(transcript), "audio": audio and RECORDING_URL, "name": name})


def until(page: Page, condition: str, *, seconds: float = 10) -> None:
    """Wait for a condition in JavaScript; Playwright's own wait compiles it in the page, which the page's policy refuses."""
    waits = f"while (!({condition})) {{ if (performance.now() > end) return false; await new Promise(requestAnimationFrame); }}"
    held = page.evaluate(
        f"async (ms) => {{ const end = performance.now() + ms; {waits} return true; }}", seconds * 1000
    )
    assert held, condition


def until_playing(page: Page) -> None:
    """Wait until the recording is heard."""
    until(page, "!document.querySelector('call-view audio').paused")


def until_ready(page: Page) -> None:
    """Wait until the recording can be played."""
    until(page, "document.querySelector('call-view audio').readyState > 2")


def billing(*, unsure: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """The transcript of demo/calls/billing.wav from its true words; the model would doubt those that are `unsure`."""
    turns = sorted(BILLING.turns, key=lambda turn: turn.start)
    segments = [
        segment(channel=turn.channel, start=turn.start, end=turn.end, text=turn.text, unsure=unsure) for turn in turns
    ]
    return transcript(segments, duration=76.102, **more)


def transcript(
    segments: Sequence[dict[str, Any]], *, duration: float, channels: int = 2, **more: Any
) -> dict[str, Any]:
    """A transcript as the service writes it; `more` replaces its other keys."""
    facts = {
        "language": "en",
        "language_probability": 0.99,
        "duration": duration,
        "channels": channels,
        "partial": False,
        "missing_seconds": 0.0,
        "gaps": [],
        "unheard": [],
        "duplicate_channels": [],
        "segments": list(segments),
    }
    return facts | more


def segment(*, channel: int, start: float, end: float, text: str, unsure: Sequence[str] = ()) -> dict[str, Any]:
    """A segment whose words last as long as their spelling."""
    spelt = text.split()
    share = (end - start) / max(1, sum(len(word) for word in spelt))
    words, at = [], start
    for word in spelt:
        until = at + len(word) * share
        doubt = word.strip(".,?").lower() in unsure
        words.append(
            {"start": round(at, 2), "end": round(until, 2), "text": f" {word}", "probability": 0.3 if doubt else 0.9}
        )
        at = until
    return {
        "channel": channel,
        "start": start,
        "end": end,
        "text": f" {text}",
        "average_log_probability": -0.2,
        "language": "en",
        "words": words,
    }


def long_call(*, minutes: float = 90, words_per_minute: float = 167) -> dict[str, Any]:
    """A conversation of billing.wav's words in another order: 15,000 words in 90 minutes."""
    return transcript(list(_turns(minutes * 60, 60 / words_per_minute)), duration=minutes * 60)


def _turns(seconds: float, pace: float) -> Iterator[dict[str, Any]]:
    chance = random.Random(90)
    vocabulary = [word for turn in BILLING.turns for word in turn.text.split()]
    at, channel = 0.0, 0
    while at < seconds:
        words = chance.sample(vocabulary, k=chance.randint(4, 20))
        end = min(seconds, at + len(words) * pace)
        yield segment(channel=channel, start=round(at, 2), end=round(end, 2), text=" ".join(words))
        at, channel = end, 1 - channel
