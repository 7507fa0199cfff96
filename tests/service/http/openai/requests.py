"""Requests to the audio routes, and the recordings and the segments behind them."""

from typing import Any

import httpx2
import numpy as np
from starlette.testclient import TestClient

from service.recording import SAMPLE_RATE, Gap, Recording
from tests.service.http.fakes import FakeEngine, application, said

TRANSCRIPTIONS, TRANSLATIONS = "/v1/audio/transcriptions", "/v1/audio/translations"
AUDIO = {"file": ("call.wav", b"RIFF")}
MODEL = {"model": "whisper-1"}

# Two speakers: three turns, of which the first has two segments.
CONVERSATION = (
    said("Good morning.", start=1.0),
    said("Who is it?", start=4.0),
    said("Anna.", start=8.0, channel=1),
    said("Thank you.", start=9.0),
)
TEXT = "Good morning. Who is it?\nAnna.\nThank you."

_NOISE = np.random.default_rng(1).integers(-3000, 3000, (2, 12 * SAMPLE_RATE)).astype(np.int16)
STEREO = Recording(samples=_NOISE, missing_seconds=0.0, gaps=())
MONO = Recording(samples=_NOISE[:1], missing_seconds=0.0, gaps=())
MONO_AS_STEREO = Recording(samples=_NOISE[[0, 0]], missing_seconds=0.0, gaps=())
DAMAGED = Recording(samples=_NOISE, missing_seconds=1.5, gaps=(Gap(start=2.0, end=3.5),))


def client_of(engine: FakeEngine, recording: Recording = STEREO) -> TestClient:
    """A client of an application that decodes every upload as one recording."""
    return TestClient(application(engine, decode=lambda _, name="": recording), raise_server_exceptions=False)  # noqa: ARG005


def post(client: TestClient, *, path: str = TRANSCRIPTIONS, files: Any = AUDIO, **data: Any) -> httpx2.Response:
    """Send a recording to the model; a name that ends in `_` has brackets instead."""
    fields = {name.removesuffix("_") + "[]" if name.endswith("_") else name: value for name, value in data.items()}
    return client.post(path, files=files, data=MODEL | fields)
