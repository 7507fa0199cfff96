"""faster-whisper as its users run it on two-channel calls: channel by channel, with its own voice detector."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.vad import VadOptions, get_speech_timestamps
from numpy.typing import NDArray

from service.recording import Recording
from service.transcript import Segment, Transcript, Word

COMMON: dict[str, Any] = {"beam_size": 5, "vad_filter": True, "word_timestamps": True}
# The second value is the default, which giving the first one would change.
LOW_THRESHOLD: dict[str, Any] = {"threshold": 0.3, "min_silence_duration_ms": 160}
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
    "batched 8, threshold 0.3": {"batch_size": 8, "vad_parameters": LOW_THRESHOLD},
}

Spans = list[tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FasterWhisper:
    """faster-whisper with one choice of settings."""

    name: str
    whisper: WhisperModel
    options: dict[str, Any] = field(default_factory=dict)

    def transcribe(self, recording: Recording) -> Transcript:
        """Transcribe every channel by itself."""
        batched = "batch_size" in self.options
        pipeline = BatchedInferencePipeline(self.whisper) if batched else self.whisper
        segments: list[Segment] = []
        for channel in recording.distinct_channels():
            samples = floats(recording.samples[channel])
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


def their_spans(samples: NDArray[np.int16]) -> Spans:
    """The stretches of one channel that faster-whisper's `vad_filter` gives to Whisper."""
    return [(found["start"], found["end"]) for found in get_speech_timestamps(floats(samples), VadOptions())]


def floats(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Samples from -1 to 1."""
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
