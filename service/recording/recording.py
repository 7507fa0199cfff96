"""A decoded recording: its samples, and an account of the audio that could not be decoded."""

from dataclasses import dataclass
from functools import cached_property
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from service.recording.channels import duplicates

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
class DuplicateChannel:
    """A channel that carries the same sound as an earlier one."""

    channel: int
    of: int


@dataclass(frozen=True, kw_only=True)  # without slots, so that the comparison of the channels can be kept
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

    @cached_property
    def duplicate_channels(self) -> tuple[DuplicateChannel, ...]:
        """The channels that repeat an earlier one, exactly or nearly: mono recorded as stereo."""
        return tuple(DuplicateChannel(channel=channel, of=of) for channel, of in duplicates(self.samples).items())

    def distinct_channels(self) -> tuple[int, ...]:
        """The channels without those that repeat an earlier one."""
        repeated = {duplicate.channel for duplicate in self.duplicate_channels}
        return tuple(channel for channel in range(self.channels) if channel not in repeated)


class Decode(Protocol):
    """Decodes an open file from its beginning, as `service.recording.decode` does with the settings bound."""

    def __call__(self, source: BinaryIO, /, *, name: str = "") -> Recording:
        """Decode a file; `name` tells the format of a file without a header."""
