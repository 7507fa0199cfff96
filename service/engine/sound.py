"""The sounds of one channel: its speech, and sounds that the detector refuses but that may be speech."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.engine.detector import BLOCK_FRAMES, FRAME, Detector, Probabilities, find_speech
from service.recording import SAMPLE_RATE, blocks

# How far a sound may extend beyond the frames that the detector accepts: 1 s.
REACH_FRAMES = 32
# A sound begins this far above the noise of the line.
RISE_DECIBELS = 1.5
# Noise hides the soft beginning of speech that is less than this above it: a third of a second, on average.
HIDDEN_DECIBELS = 25
LEAD_FRAMES = 10
# A refused sound may be speech if it is this loud above the floor, this long, and rises and falls as syllables do.
DOUBT_DECIBELS = 12
DOUBT_FRAMES = 32
DOUBT_SWING_DECIBELS = 4
DOUBT_PROBABILITY = 0.02
# A sound is named `unheard` on a channel without words unless it is quieter or steadier than this.
SOUND_DECIBELS, SOUND_SWING_DECIBELS = -50, 2

Levels = NDArray[np.float64]
Frames = list[tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of one channel, in samples of the recording, end excluded."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Samples in the span."""
        return self.end - self.start

    def within(self, other: "Span") -> bool:
        """Whether all of it lies in another span."""
        return other.start <= self.start and self.end <= other.end

    @property
    def start_seconds(self) -> float:
        """Its start, in seconds of the recording."""
        return self.start / SAMPLE_RATE

    @property
    def end_seconds(self) -> float:
        """Its end, in seconds of the recording."""
        return self.end / SAMPLE_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech(Span):
    """Speech from the beginning to the end of its sound; the detector accepts the part `certain` of it."""

    certain: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """The sounds of one channel, each kind in order.

    Attributes:
        speech: as the detector finds it.
        doubtful: other sounds that are as loud, long and lively as speech, and not quite refused by the detector.
        sounds: every sound outside speech that is more than noise of the line.
    """

    speech: tuple[Speech, ...]
    doubtful: tuple[Speech, ...]
    sounds: tuple[Speech, ...]


def listen(samples: NDArray[np.int16], detector: Detector) -> Channel:
    """Find the sounds of one channel's samples, shape (frames,), 16 kHz."""
    if not len(samples):
        return Channel(speech=(), doubtful=(), sounds=())
    probabilities = detector.probabilities(samples)
    level = _levels(samples)
    frames = find_speech(probabilities)
    noise = _noise(level, frames)
    floor = min(noise, float(np.percentile(level, 10)))
    refused = _sounds(frames, level, len(samples), above=floor + DOUBT_DECIBELS, swing=DOUBT_SWING_DECIBELS)
    return Channel(
        speech=tuple(_reach_out(frames, level, noise, len(samples))),
        doubtful=tuple(sound for sound in refused if _hinted(sound, probabilities)),
        sounds=tuple(_sounds(frames, level, len(samples), above=SOUND_DECIBELS, swing=SOUND_SWING_DECIBELS)),
    )


def _levels(samples: NDArray[np.int16]) -> Levels:
    """The level of each frame in decibels below full scale, smoothed over 0.16 s."""
    found = [np.zeros(0)]
    for part in blocks(samples, BLOCK_FRAMES * FRAME):
        block = part.astype(np.float64) / 32768
        frames = np.pad(block, (0, -len(block) % FRAME)).reshape(-1, FRAME)
        found.append(10 * np.log10(np.square(frames).mean(axis=1) + 1e-9))
    level = np.concatenate(found)
    return np.convolve(np.pad(level, 2, mode="edge"), np.ones(5) / 5, mode="valid")


def _noise(level: Levels, frames: Frames) -> float:
    """The level of the line's noise: the upper quartile outside speech, so that ringing or breath do not raise it."""
    rest = np.ones(len(level), bool)
    for start, end in frames:
        rest[start:end] = False
    if rest.mean() < 0.05:
        return float(np.percentile(level, 10))
    return float(np.percentile(level[rest], 75))


def _reach_out(frames: Frames, level: Levels, noise: float, length: int) -> list[Speech]:
    """Extend speech to the beginning and the end of its sound: breaths and soft consonants belong to it.

    Only if the sound rises from the line's noise close by. If the noise hides its beginning, the speech is taken to
    begin a little before the detector accepts it, because the detector misses soft beginnings.
    """
    reached: list[Speech] = []
    for number, (start, end) in enumerate(frames):
        low = max(start - REACH_FRAMES, frames[number - 1][1] + 1 if number else 0, 0)
        high = min(end + REACH_FRAMES, frames[number + 1][0] - 1 if number + 1 < len(frames) else len(level))
        quiet = np.flatnonzero(level[low:start] < noise + RISE_DECIBELS)
        first = low + int(quiet[-1]) + 1 if len(quiet) else start
        if float(np.percentile(level[start:end], 95)) - noise < HIDDEN_DECIBELS:
            first = min(first, max(low, start - LEAD_FRAMES))
        quiet = np.flatnonzero(level[end:high] < noise + RISE_DECIBELS)
        last = end + int(quiet[0]) if len(quiet) else end
        certain = Span(start=start * FRAME, end=min(end * FRAME, length))
        reached.append(Speech(start=first * FRAME, end=min(last * FRAME, length), certain=certain))
    return reached


def _hinted(sound: Speech, probabilities: Probabilities) -> bool:
    frames = probabilities[sound.start // FRAME : -(-sound.end // FRAME)]
    return float(np.percentile(frames, 90)) >= DOUBT_PROBABILITY


def _sounds(frames: Frames, level: Levels, length: int, *, above: float, swing: float) -> list[Speech]:
    """Sounds outside speech that are loud, long and lively enough."""
    loud = level > above
    for start, end in frames:
        loud[max(0, start - REACH_FRAMES) : end + REACH_FRAMES] = False
    # The gaps between syllables are shorter than this.
    loud = np.convolve(loud, np.ones(7), mode="same") > 0
    edges = np.diff(np.concatenate([[0], loud.astype(np.int8), [0]]))
    found = []
    for start, end in zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True):
        if end - start >= DOUBT_FRAMES and float(np.std(level[start:end])) >= swing:
            span = Span(start=start * FRAME, end=min(end * FRAME, length))
            found.append(Speech(start=span.start, end=span.end, certain=span))
    return found
