"""The engines that `make accuracy` compares: ours, and faster-whisper with each channel on its own."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.vad import VadOptions, get_speech_timestamps
from numpy.typing import NDArray

from service.engine import model
from service.engine.detector import Detector
from service.engine.engine import Engine
from service.engine.sound import listen
from service.engine.windows import pack
from service.recording import Recording
from service.settings import Settings
from service.transcript import Segment, Transcript, Word

OURS = "whisper-fargate"
COMPUTE_TYPE = "int8"
COMMON: dict[str, Any] = {"beam_size": 5, "vad_filter": True, "word_timestamps": True}
# The settings tried, by name; the best of each family is compared clip by clip.
SEQUENTIAL: dict[str, dict[str, Any]] = {
    "sequential": {},
    "sequential, no previous text": {"condition_on_previous_text": False},
    "sequential, threshold 0.3": {"vad_parameters": {"threshold": 0.3}},
}
BATCHED: dict[str, dict[str, Any]] = {
    "batched 8": {"batch_size": 8},
    "batched 16": {"batch_size": 16},
    "batched 8, timestamps": {"batch_size": 8, "without_timestamps": False},
    # The second value is the default, which giving the first one would change.
    "batched 8, threshold 0.3": {
        "batch_size": 8,
        "vad_parameters": {"threshold": 0.3, "min_silence_duration_ms": 160},
    },
}

Spans = list[tuple[int, int]]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class FasterWhisper:
    """faster-whisper as its users run it on two-channel calls: channel by channel, with its own voice detector."""

    name: str
    whisper: WhisperModel
    options: dict[str, Any] = field(default_factory=dict)

    def transcribe(self, recording: Recording) -> Transcript:
        """Transcribe every channel by itself."""
        batched = "batch_size" in self.options
        pipeline = BatchedInferencePipeline(self.whisper) if batched else self.whisper
        segments: list[Segment] = []
        for channel in recording.distinct_channels():
            samples = _floats(recording.samples[channel])
            found, facts = pipeline.transcribe(samples, **COMMON | self.options)
            segments += [_segment(segment, channel) for segment in found]
        return Transcript(
            language=facts.language,
            language_probability=facts.language_probability,
            duration=recording.duration,
            channels=recording.channels,
            segments=tuple(sorted(segments, key=lambda segment: (segment.start, segment.channel))),
            show_words=True,
        )


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


def their_spans(samples: NDArray[np.int16]) -> Spans:
    """The stretches of one channel that faster-whisper's `vad_filter` gives to Whisper."""
    return [(found["start"], found["end"]) for found in get_speech_timestamps(_floats(samples), VadOptions())]


def _first(settings: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return dict(list(settings.items())[:1])


def _floats(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    return samples.astype(np.float32) / np.float32(32768)


def _segment(segment: Any, channel: int) -> Segment:
    return Segment(
        channel=channel,
        start=segment.start,
        end=segment.end,
        text=segment.text.strip(),
        average_log_probability=segment.avg_logprob,
        words=tuple(
            Word(start=word.start, end=word.end, text=word.word.strip(), probability=word.probability)
            for word in segment.words or ()
        ),
    )
