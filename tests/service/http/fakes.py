"""A fake engine, and the application around it."""

import asyncio
import threading
from io import StringIO
from threading import Event

import httpx2
import numpy as np
from starlette.applications import Starlette

from service.engine.engine import Progress
from service.errors import UnknownLanguage
from service.http.app import create_app
from service.recording import Decode, Recording
from service.settings import Settings
from service.telemetry import Meter
from service.transcript import Segment, Transcript

SETTINGS = Settings(max_running=2, max_waiting=1, max_upload_bytes=10_000)
RECORDING = Recording(samples=np.zeros((1, 16_000), np.int16), missing_seconds=0.0, gaps=())
AUDIO = {"audio_file": ("call.wav", b"RIFF")}


class FakeEngine:
    """Transcribes every recording as "hello" while `free` is set, and records its callers' threads."""

    def __init__(self) -> None:
        self.free = Event()
        self.free.set()
        self.started = Event()
        self.cancelled = Event()
        self.threads: list[str] = []
        self.loops = 0

    def check_language(self, language: str) -> None:
        """Know English only."""
        if language not in {"", "en"}:
            raise UnknownLanguage(language=language, known=["en"])

    def transcribe(self, recording: Recording, *, language: str, words: bool, progress: Progress) -> Transcript:
        """Wait until `free` is set, then return "hello"."""
        del language, words
        self.threads.append(threading.current_thread().name)
        try:
            asyncio.get_running_loop()
            self.loops += 1
        except RuntimeError:
            pass
        self.started.set()
        while not self.free.wait(0.02):
            try:
                progress(0.5)
            except BaseException:
                self.cancelled.set()
                raise
        segment = Segment(channel=0, start=0.0, end=1.0, text="hello", average_log_probability=-0.1)
        return Transcript(
            language="en",
            language_probability=0.99,
            duration=recording.duration,
            channels=recording.channels,
            segments=(segment,),
        )


def application(
    engine: FakeEngine,
    *,
    decode: Decode = lambda _, name="": RECORDING,  # noqa: ARG005 - as the protocol says
    settings: Settings = SETTINGS,
    metrics: StringIO | None = None,
) -> Starlette:
    """The application around the fake engine."""
    meter = Meter(environment="test", service="api", stream=metrics or StringIO())
    return create_app(engine=engine, decode=decode, meter=meter, settings=settings)


def error(response: httpx2.Response) -> dict[str, str]:
    """The error in a response."""
    body: dict[str, str] = response.json()["error"]
    assert {"message", "type", "param", "code"} <= set(body)
    return body
