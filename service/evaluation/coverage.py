"""How much of the true speech the voice detector finds, and how much else it lets through."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from service.evaluation.turns import TimedTurn
from service.recording import SAMPLE_RATE

FRAME_SECONDS = 0.01
FRAME = round(FRAME_SECONDS * SAMPLE_RATE)
# Quieter frames of a turn, relative to its loud ones, are pauses.
PAUSE_DECIBELS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Seconds of true speech, of it found, of turns (speech and their pauses), and of found audio."""

    speech: float
    found_speech: float
    turns: float
    found: float

    def __add__(self, other: Self) -> "Coverage":
        """The coverage of both."""
        return Coverage(
            speech=self.speech + other.speech,
            found_speech=self.found_speech + other.found_speech,
            turns=self.turns + other.turns,
            found=self.found + other.found,
        )

    @property
    def share(self) -> float:
        """The share of true speech that was found."""
        return self.found_speech / self.speech if self.speech else 1.0

    @property
    def overhead(self) -> float:
        """How much more audio was found than the turns have; 0.1 is a tenth more."""
        return self.found / self.turns - 1 if self.turns else 0.0


NOTHING = Coverage(speech=0.0, found_speech=0.0, turns=0.0, found=0.0)


def cover(
    samples: NDArray[np.int16], turns: Sequence[TimedTurn], spans: Iterable[tuple[int, int]], *, channel: int
) -> Coverage:
    """The coverage of one channel.

    Args:
        samples: of the channel, shape (frames,).
        turns: of all channels.
        spans: the stretches that the detector found, as first sample and sample after the last.
        channel: counted from 0.
    """
    count = len(samples) // FRAME
    blocks = samples[: count * FRAME].astype(np.float64).reshape(count, FRAME)
    level = 10 * np.log10((blocks**2).mean(axis=1) + 1e-9)
    inside, speech, found = (np.zeros(count, bool) for _ in range(3))
    for turn in turns:
        start, end = round(turn.start / FRAME_SECONDS), min(round(turn.end / FRAME_SECONDS), count)
        if turn.channel == channel and start < end:
            inside[start:end] = True
            speech[start:end] |= level[start:end] > np.percentile(level[start:end], 95) - PAUSE_DECIBELS
    for first, last in spans:
        found[first // FRAME : -(-last // FRAME)] = True
    return Coverage(
        speech=float(speech.sum()) * FRAME_SECONDS,
        found_speech=float((speech & found).sum()) * FRAME_SECONDS,
        turns=float(inside.sum()) * FRAME_SECONDS,
        found=float(found.sum()) * FRAME_SECONDS,
    )
