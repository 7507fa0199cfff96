"""The engines that `make accuracy` compares: ours, and faster-whisper with each channel on its own."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from benchmarks.faster import BATCHED, SEQUENTIAL, FasterWhisper, Spans
from service.engine import model
from service.engine.detector import Detector
from service.engine.engine import Engine
from service.engine.sound import listen
from service.engine.windows import pack
from service.recording import Recording
from service.settings import Settings
from service.transcript import Transcript

OURS = "whisper-fargate"
COMPUTE_TYPE = "int8"


class Contestant(Protocol):
    """An engine with one choice of settings."""

    @property
    def name(self) -> str:
        """Its name in the tables."""

    def transcribe(self, recording: Recording) -> Transcript:
        """Transcribe every channel, the language detected, with the words' times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """The project's engine."""

    engine: Engine
    name: str = OURS

    def transcribe(self, recording: Recording) -> Transcript:
        """Transcribe every channel."""
        return self.engine.transcribe(recording, words=True)


def contestants(*, peers: str, threads: int) -> list[Contestant]:
    """Our engine and its peers: `none`, the usual settings (`few`), or the whole grid (`all`)."""
    settings = Settings(model="base", compute_type=COMPUTE_TYPE, threads=threads)
    found: list[Contestant] = [Ours(engine=Engine.load(settings))]
    if peers == "none":
        return found
    folder = model.find(settings.model).folder
    whisper = WhisperModel(str(folder), device="cpu", compute_type=COMPUTE_TYPE, cpu_threads=threads)
    chosen = SEQUENTIAL | BATCHED if peers == "all" else _first(SEQUENTIAL) | _first(BATCHED)
    return found + [FasterWhisper(name=name, whisper=whisper, options=options) for name, options in chosen.items()]


def our_spans(samples: NDArray[np.int16], detector: Detector) -> Spans:
    """The stretches of one channel that our engine gives to Whisper."""
    speech = listen(samples, detector).speech
    windows = pack(speech, channel=0, length=len(samples), longest_seconds=Settings().window_seconds)
    return [(span.start, span.end) for window in windows for span in window.spans]


def _first(settings: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return dict(list(settings.items())[:1])
