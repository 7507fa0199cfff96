"""Decoded frames → 16-bit samples at 16 kHz in a file, with silence for stretches that are missing."""

from contextlib import suppress
from fractions import Fraction
from typing import Any, BinaryIO, cast

import numpy as np
from av.audio.frame import AudioFrame
from av.filter.graph import Graph
from numpy.typing import NDArray

from service.errors import AudioTooLong
from service.recording.formats import check_layout
from service.recording.recording import BYTES_PER_SAMPLE, SAMPLE_RATE

# Shorter than a syllable, longer than encoders' padding and the rounding of time stamps.
TOLERANCE_SECONDS = 0.1


class Tape:
    """A recording as it grows.

    Attributes:
        channels: the number of channels; 0 before the first frame.
        seconds: the length so far, with silence for the gaps.
        decoded_seconds: the length so far without the gaps.
        gaps: the start and end of each gap, in seconds.
    """

    def __init__(self, target: BinaryIO, *, max_seconds: float) -> None:
        self.channels = 0
        self.seconds = 0.0
        self.decoded_seconds = 0.0
        self.gaps: list[tuple[float, float]] = []
        self._target = target
        self._max_seconds = max_seconds
        self._shape: tuple[str, str, int] | None = None
        self._resampler = Graph()

    def fits(self, frame: AudioFrame) -> bool:
        """Whether a frame has as many channels as the frames before it."""
        return self.channels in (0, frame.layout.nb_channels)

    def append(self, frame: AudioFrame) -> None:
        """Resample a frame and write it."""
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if shape != self._shape:
            self.close()
            check_layout(channels=frame.layout.nb_channels, sample_rate=frame.sample_rate)
            self.channels, self._shape, self._resampler = frame.layout.nb_channels, shape, _resampler(frame)
            # A stretch that is skipped in the file reads as zeros and takes no disk.
            self._target.seek(round(self.seconds * SAMPLE_RATE) * self.channels * BYTES_PER_SAMPLE)
        seconds = frame.samples / frame.sample_rate
        self.seconds += seconds
        self.decoded_seconds += seconds
        self.check_length(self.seconds)
        _bound_floats(frame)
        self._push(frame)

    def skip(self, seconds: float) -> None:
        """Leave silence for a gap; ignore one that is shorter than the tolerance."""
        if seconds < TOLERANCE_SECONDS:
            return
        self.close()
        self.gaps.append((self.seconds, self.seconds + seconds))
        self.seconds += seconds
        self.check_length(self.seconds)

    def close(self) -> None:
        """Write the samples that the resampler still holds."""
        if self._shape is not None:
            self._push(None)
            self._shape = None

    def check_length(self, seconds: float) -> None:
        """Refuse a recording of that length if it is too long."""
        if seconds > self._max_seconds + TOLERANCE_SECONDS:
            raise AudioTooLong(seconds=seconds, limit=self._max_seconds)

    def _push(self, frame: AudioFrame | None) -> None:
        self._resampler.push(frame)
        with suppress(BlockingIOError, EOFError):  # the resampler needs more frames, or is empty
            while True:
                resampled = cast("AudioFrame", self._resampler.pull())
                size = resampled.samples * self.channels * BYTES_PER_SAMPLE
                self._target.write(memoryview(resampled.planes[0])[:size])


def _resampler(frame: AudioFrame) -> Graph:
    layout = frame.layout.name
    graph = Graph()
    graph.threads = 1
    graph.link_nodes(
        graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format.name,
            layout=layout,
            time_base=Fraction(1, frame.sample_rate),
        ),
        # The same layout on both sides: channels are never mixed.
        graph.add("aformat", sample_fmts="s16", sample_rates=str(SAMPLE_RATE), channel_layouts=layout),
        graph.add("abuffersink"),
    ).configure()
    return graph


def _bound_floats(frame: AudioFrame) -> None:
    """Zero NaN and infinity, clip to ±1: a single NaN would spread over every sample that the resampler touches."""
    if frame.format.name[0] not in "fd":  # flt, fltp, dbl, dblp
        return
    count = frame.samples * (1 if frame.format.is_planar else frame.layout.nb_channels)

    def planes() -> list[NDArray[Any]]:
        return [np.frombuffer(memoryview(plane), f"f{frame.format.bytes}", count) for plane in frame.planes]

    if not all(np.abs(samples).max(initial=0) <= 1 for samples in planes()):
        frame.make_writable()
        for samples in planes():
            np.nan_to_num(samples, copy=False, nan=0, posinf=0, neginf=0)
            np.clip(samples, -1, 1, out=samples)
