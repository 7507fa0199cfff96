"""Detects speech, packs it into windows for the model, and maps window time back to call time.

A window holds the speech of one channel only: two speakers or two customers never share one.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps
from numpy.typing import NDArray

from service.recording import SAMPLE_RATE

# Detection reads a recording in blocks, so that its working memory does not grow with the call.
BLOCK_SAMPLES = 600 * SAMPLE_RATE
LEAD_SAMPLES = SAMPLE_RATE
# Whisper needs some context around a word; silences longer than twice this are cut out.
PADDING_MS = 400
MIN_SILENCE_MS = 160
# Tolerance for the model's times beside a cut; well inside the padding.
SLACK_SAMPLES = SAMPLE_RATE // 4
# A shorter tail holds no word that is not transcribed already.
MIN_TAIL_SAMPLES = SAMPLE_RATE // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of one channel, in samples of the recording, end excluded."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Samples in the span."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Speech of one channel with its silences cut out; the model's input.

    >>> window = Window(channel=0, spans=(Span(start=16_000, end=32_000), Span(start=80_000, end=96_000)))
    >>> window.to_call_time(0.5), window.to_call_time(1.5)
    (1.5, 5.5)
    >>> window.to_call_time(1.0), window.to_call_time(1.0, is_end=True)
    (5.0, 2.0)
    """

    channel: int
    spans: tuple[Span, ...]

    @property
    def duration(self) -> float:
        """Seconds of audio in the window."""
        return sum(span.length for span in self.spans) / SAMPLE_RATE

    def audio(self, channel_samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """The window's samples from its channel's, shape (frames,), scaled to -1…1."""
        return to_float(np.concatenate([channel_samples[span.start : span.end] for span in self.spans]))

    def to_call_time(self, seconds: float, *, is_end: bool = False) -> float:
        """Seconds of the recording for seconds of the window.

        The padding beside a cut holds no speech: a start that falls there belongs after the cut, an end before it.
        """
        left = round(seconds * SAMPLE_RATE)
        for span, following in pairwise(self.spans):
            slack = SLACK_SAMPLES if following.start > span.end else 0
            if left <= span.length + slack if is_end else left < span.length - slack:
                return (span.start + min(max(left, 0), span.length)) / SAMPLE_RATE
            left -= span.length
        last = self.spans[-1]
        return (last.start + min(max(left, 0), last.length)) / SAMPLE_RATE

    def after(self, seconds: float) -> "Window | None":
        """The rest of the window after `seconds`, or None if it is too short to hold a word."""
        skip = round(seconds * SAMPLE_RATE)
        rest: list[Span] = []
        for span in self.spans:
            if skip < span.length:
                rest.append(Span(start=span.start + max(skip, 0), end=span.end))
            skip -= span.length
        tail = Window(channel=self.channel, spans=tuple(rest))
        return tail if tail.duration * SAMPLE_RATE >= MIN_TAIL_SAMPLES else None


def to_float(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """16-bit samples scaled to -1…1."""
    return samples.astype(np.float32) / np.float32(32768)


def find_speech(samples: NDArray[np.int16], *, max_seconds: float) -> list[Span]:
    """Spans of speech in one channel's samples (shape (frames,), 16 kHz), in order, none longer than `max_seconds`."""
    options = VadOptions(
        max_speech_duration_s=max_seconds, min_silence_duration_ms=MIN_SILENCE_MS, speech_pad_ms=PADDING_MS
    )
    spans: list[Span] = []
    position = 0
    while position < len(samples):
        block = samples[position : position + BLOCK_SAMPLES]
        found = get_speech_timestamps(to_float(block), options)
        following = position + len(block)
        if following < len(samples):
            if found and found[-1]["end"] == len(block):
                # Speech that reaches the block's end continues in the next block: detect it there, complete.
                following = position + found.pop()["start"]
            # Speech that begins at the border is detected with the second before it.
            said_until = position + (found[-1]["end"] if found else 0)
            following = max(said_until, min(following, position + len(block) - LEAD_SAMPLES))
        spans += [Span(start=position + speech["start"], end=position + speech["end"]) for speech in found]
        position = following
    return spans


def pack(spans: list[Span], *, channel: int, max_seconds: float) -> list[Window]:
    """Fill windows of at most `max_seconds` with the spans of one channel, in order."""
    room = round(max_seconds * SAMPLE_RATE)
    windows: list[Window] = []
    packed: list[Span] = []
    for span in spans:
        if packed and sum(s.length for s in packed) + span.length > room:
            windows.append(Window(channel=channel, spans=tuple(packed)))
            packed = []
        packed.append(span)
    if packed:
        windows.append(Window(channel=channel, spans=tuple(packed)))
    return windows
