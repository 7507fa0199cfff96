"""The samples of a call as the peers take them: each channel by itself, or all mixed to one."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000


class Heard(TypedDict):
    """A transcript in the form that workers answer: segments of channel, start, end and text."""

    language: str
    segments: list[tuple[int, float, float, str]]


def read(path: Path) -> NDArray[np.int16]:
    """A call's samples, shape (channels, frames)."""
    found: NDArray[np.int16] = np.load(path)
    return found


def inputs(path: Path, *, mixed: bool) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Channel and samples from -1 to 1."""
    samples = read(path)
    if mixed:
        yield 0, mix(samples).astype(np.float32) / np.float32(32768)
        return
    for channel, own in enumerate(samples):
        yield channel, own.astype(np.float32) / np.float32(32768)


def mix(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """The mean of the channels, as FFmpeg mixes two to one."""
    mean: NDArray[np.int16] = samples.astype(np.int32).mean(axis=0).astype(np.int16)
    return mean
