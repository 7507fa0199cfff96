"""A decoded recording: its samples, and an account of the audio that could not be decoded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
BYTES_PER_SAMPLE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch of call time that could not be decoded, in seconds.

    The samples hold silence for it, unless it comes after the last sample.
    """

    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A decoded recording.

    `samples` has the shape (channels, frames), at 16 kHz, with the channels in the container's order. `missing_seconds`
    is the difference between the length that container, data or time stamps promise and the length that was decoded:
    0.0 for a complete recording, a lower bound for a cut one whose container does not state its length.
    """

    samples: NDArray[np.int16]
    missing_seconds: float
    gaps: tuple[Gap, ...]

    @property
    def duration(self) -> float:
        """Seconds from the first sample to the last."""
        return int(self.samples.shape[1]) / SAMPLE_RATE

    @property
    def channels(self) -> int:
        """The number of channels."""
        return int(self.samples.shape[0])

    @property
    def partial(self) -> bool:
        """Whether some of the recording could not be decoded."""
        return self.missing_seconds > 0

    def distinct_channels(self) -> tuple[int, ...]:
        """The channels without duplicates: of bit-identical ones (mono recorded as stereo), only the first."""
        distinct: list[int] = []
        for channel, samples in enumerate(self.samples):
            if not any(np.array_equal(samples, self.samples[earlier]) for earlier in distinct):
                distinct.append(channel)
        return tuple(distinct)


# Decodes an open file from its beginning, as `service.recording.decode` does with the settings bound.
Decode = Callable[[BinaryIO], Recording]
