"""Speech packed into windows for the model, and the way back to call time.

A window holds the speech of one channel only: two speakers or two customers never share one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from service.engine.sound import Span, Speech
from service.recording import SAMPLE_RATE, forget

# Whisper needs some context around a word; silences longer than twice this are cut out.
PADDING_SAMPLES = round(0.3 * SAMPLE_RATE)
# Pauses longer than this are equally good places to end a window.
WIDE_PAUSE_SAMPLES = 2 * SAMPLE_RATE
# A silence that always ends a window: a word beside it must not be taken for one on its other side.
HOLD_SAMPLES = 120 * SAMPLE_RATE

# A piece of speech with its padded span.
Padded = tuple[Speech, Span]
Group = Sequence[Padded]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Padded speech of one channel without its longer silences: the model hears it at once.

    Attributes:
        channel: counted from 0.
        spans: the stretches of the recording that the window consists of.
        speech: the speech in them.
        doubtful: the window holds sounds that the voice detector refused.
        tries: how often its speech was transcribed before, without success.
    """

    channel: int
    spans: tuple[Span, ...]
    speech: tuple[Speech, ...]
    doubtful: bool = False
    tries: int = 0

    @property
    def duration(self) -> float:
        """Seconds of audio in the window."""
        return sum(span.length for span in self.spans) / SAMPLE_RATE

    @property
    def speech_seconds(self) -> float:
        """Seconds of detected speech in the window."""
        return sum(speech.certain.length for speech in self.speech) / SAMPLE_RATE

    def audio(self, channel_samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """The window's samples from its channel's, shape (frames,), scaled to -1…1."""
        samples = np.concatenate([channel_samples[span.start : span.end] for span in self.spans])
        forget(channel_samples)
        return samples.astype(np.float32) / np.float32(32768)

    def to_call_time(self, seconds: float, *, span: int) -> float:
        """Seconds of the recording for seconds of the window, kept inside one of its spans."""
        before = sum(other.length for other in self.spans[:span])
        within = min(max(round(seconds * SAMPLE_RATE) - before, 0), self.spans[span].length)
        return (self.spans[span].start + within) / SAMPLE_RATE

    def speech_in_spans(self) -> list[tuple[float, float]]:
        """For each span the beginning and the end of its speech, in seconds of the window."""
        found, offset = [], 0
        for span in self.spans:
            inside = [speech for speech in self.speech if speech.start >= span.start and speech.end <= span.end]
            shift = offset - span.start
            found.append(((inside[0].start + shift) / SAMPLE_RATE, (inside[-1].end + shift) / SAMPLE_RATE))
            offset += span.length
        return found


def pack(
    speech: Sequence[Speech],
    *,
    channel: int,
    length: int,
    longest_seconds: float,
    contiguous: bool = False,
    doubtful: bool = False,
    tries: int = 0,
) -> list[Window]:
    """Fill windows of at most `longest_seconds` with the speech of one channel of `length` samples, in order.

    Longer silences are cut out, unless the windows shall be contiguous: each one stretch of the recording.
    A window ends at a silence of two minutes. A full one ends at the widest pause of its second half, so that a
    sentence is rarely cut.
    """
    room = round(longest_seconds * SAMPLE_RATE)
    extent, join = (_reach, _whole) if contiguous else (_extent, _merge)
    groups: list[list[Padded]] = []
    group: list[Padded] = []
    for piece, span in _pad(speech, length):
        if group and piece.start - group[-1][0].end >= HOLD_SAMPLES:
            groups.append(group)
            group = []
        while group and extent([*group, (piece, span)]) > room:
            border = _best_border(group, piece, room, extent)
            groups.append(group[:border])
            group = group[border:]
        group.append((piece, span))
    if group:
        groups.append(group)
    return [
        Window(
            channel=channel,
            spans=join([span for _, span in group]),
            speech=tuple(piece for piece, _ in group),
            doubtful=doubtful,
            tries=tries,
        )
        for group in groups
    ]


def _pad(speech: Sequence[Speech], length: int) -> list[Padded]:
    """Each piece of speech with its padded span; neighbours share the pause between them."""
    middles = [(a.end + b.start) // 2 for a, b in pairwise(speech)]
    lows, highs = [0, *middles], [*middles, length]
    return [
        (piece, Span(start=max(low, piece.start - PADDING_SAMPLES), end=min(high, piece.end + PADDING_SAMPLES)))
        for piece, low, high in zip(speech, lows, highs, strict=False)
    ]


def _extent(group: Group) -> int:
    """Samples of the window that would hold these pieces."""
    return sum(span.length for _, span in group)


def _reach(group: Group) -> int:
    """Samples of the contiguous window that would hold these pieces."""
    return group[-1][1].end - group[0][1].start


def _best_border(group: Group, following: Speech, room: int, extent: Callable[[Group], int]) -> int:
    """How many of its pieces a full window keeps."""
    after = [*(piece for piece, _ in group[1:]), following]
    enough = [n for n in range(1, len(group) + 1) if extent(group[:n]) >= room / 2] or [len(group)]
    # Of equal pauses the last one: it leaves the fuller window.
    return max(enough, key=lambda n: (min(after[n - 1].start - group[n - 1][0].end, WIDE_PAUSE_SAMPLES), n))


def _whole(spans: Sequence[Span]) -> tuple[Span, ...]:
    return (Span(start=spans[0].start, end=spans[-1].end),)


def _merge(spans: Sequence[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for span in spans:
        start = merged.pop().start if merged and span.start <= merged[-1].end else span.start
        merged.append(Span(start=start, end=span.end))
    return tuple(merged)
