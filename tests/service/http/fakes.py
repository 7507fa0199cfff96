"""A fake engine, and the application around it."""

import asyncio
import threading
from collections.abc import Sequence
from io import StringIO
from threading import Event

import httpx2
import numpy as np
from starlette.applications import Starlette

from service.engine.engine import Progress
from service.engine.final import Listener
from service.engine.guidance import UNGUIDED, Guidance
from service.errors import ModelCannotTranslate, UnknownLanguage
from service.http.app import create_app
from service.http.batch_desk import BatchDesk
from service.recording import Decode, Recording
from service.settings import Settings
from service.telemetry import Meter
from service.transcript import Decoding, Segment, Transcript, Unheard, Word

SETTINGS = Settings(max_running=2, max_waiting=1, max_upload_bytes=10_000)
RECORDING = Recording(samples=np.zeros((1, 16_000), np.int16), missing_seconds=0.0, gaps=())
AUDIO = {"audio_file": ("call.wav", b"RIFF")}


def said(text: str, *, start: float, channel: int = 0, language: str = "en") -> Segment:
    """A segment of one word a second."""
    words = tuple(
        Word(start=start + number, end=start + number + 1, text=word, probability=0.5)
        for number, word in enumerate(text.split())
    )
    return Segment(
        channel=channel,
        start=start,
        end=words[-1].end,
        text=text,
        average_log_probability=-0.1,
        language=language,
        words=words,
        decoding=Decoding(
            window_start=start,
            tokens=tuple(range(len(words))),
            temperature=0.0,
            compression_ratio=1.25,
            no_speech_probability=0.01,
        ),
    )


class FakeEngine:
    """Transcribes every recording as "hello", or as `segments`, while `free` is set; records its callers' threads.

    A listener hears of the segments before that, one by one.
    """

    encoder = "a test 1.0"

    def __init__(self, *, segments: Sequence[Segment] = (), translates: bool = True) -> None:
        self.segments = tuple(segments)
        self.unheard: tuple[Unheard, ...] = ()
        self.translates = translates
        self.language, self.guidance = "", UNGUIDED
        self.free = Event()
        self.free.set()
        self.started = Event()
        self.cancelled = Event()
        self.threads: list[str] = []
        self.loops = 0
        self.busy = 0.0

    def busy_seconds(self) -> float:
        """As long as a test says."""
        return self.busy

    def check_language(self, language: str) -> None:
        """Know English only."""
        if language not in {"", "en"}:
            raise UnknownLanguage(language=language, known=["en"])

    def check_guidance(self, guidance: Guidance) -> None:
        """Translate if told so."""
        if guidance.translate and not self.translates:
            raise ModelCannotTranslate

    def transcribe(
        self,
        recording: Recording,
        *,
        language: str,
        words: bool,
        guidance: Guidance,
        progress: Progress,
        listener: Listener | None,
    ) -> Transcript:
        """Wait until `free` is set, then return "hello"."""
        del words
        self.language, self.guidance = language, guidance
        self.threads.append(threading.current_thread().name)
        try:
            asyncio.get_running_loop()
            self.loops += 1
        except RuntimeError:
            pass
        segments = self.segments or (said("hello", start=0.0),)
        if listener:
            for segment in segments:
                listener([segment])
        self.started.set()
        while not self.free.wait(0.02):
            try:
                progress(0.5)
            except BaseException:
                self.cancelled.set()
                raise
        return Transcript(
            language="en",
            language_probability=0.99,
            duration=recording.duration,
            channels=recording.channels,
            segments=segments,
            missing_seconds=recording.missing_seconds,
            gaps=recording.gaps,
            unheard=self.unheard,
        )


def application(
    engine: FakeEngine,
    *,
    decode: Decode = lambda _, name="": RECORDING,  # noqa: ARG005 - as the protocol says
    settings: Settings = SETTINGS,
    metrics: StringIO | None = None,
    batch: BatchDesk | None = None,
) -> Starlette:
    """The application around the fake engine."""
    meter = Meter(environment="test", service="api", stream=metrics or StringIO())
    return create_app(engine=engine, decode=decode, meter=meter, settings=settings, batch=batch)


def error(response: httpx2.Response) -> dict[str, str]:
    """The error in a response."""
    body: dict[str, str] = response.json()["error"]
    assert {"message", "type", "param", "code"} <= set(body)
    return body
