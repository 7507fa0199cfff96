"""Bytes → `Recording`: every channel at 16 kHz, and an account of what could not be decoded."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from service.errors import EmptyFile, UnsupportedPlaylist
from service.recording import guard
from service.recording.decoder import BYTES_PER_SAMPLE, MAX_CHANNELS, SAMPLE_RATE, decode_file
from service.settings import Settings

__all__ = ["MAX_CHANNELS", "SAMPLE_RATE", "Gap", "Recording", "decode"]

# How text begins that sends a player elsewhere: playlists and session descriptions.
POINTERS = (b"#EXTM3U", b"ffconcat", b"[playlist]", b"v=0", b"<?xml", b"<MPD", b"<smil", b"<asx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Seconds of call time that could not be decoded: silence in the samples, or a cut end after the last one."""

    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A decoded recording.

    `samples` has the shape (channels, frames), at 16 kHz, channels in the container's order. `missing_seconds` is
    what container, data or time stamps promise beyond what was decoded: 0.0 for a whole recording, a lower bound
    where a file was cut and does not say how much followed.
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
        """How many channels the recording has."""
        return int(self.samples.shape[0])

    @property
    def partial(self) -> bool:
        """Whether something is missing."""
        return self.missing_seconds > 0

    def distinct_channels(self) -> tuple[int, ...]:
        """The channels that carry their own audio: of bit-identical ones (mono recorded as stereo), the first."""
        distinct: list[int] = []
        for channel, samples in enumerate(self.samples):
            if not any(np.array_equal(samples, self.samples[earlier]) for earlier in distinct):
                distinct.append(channel)
        return tuple(distinct)


def decode(path: Path, *, settings: Settings) -> Recording:
    """Decode a file, in a guarded child process. Blocks, so call it off the event loop.

    The samples are mapped from a file, so that a long recording is never in memory at once.

    Raises:
        UnsupportedAudio: `bad_audio`, `unsupported_format`.
        UnusableAudio: `empty_audio`, `no_audio`, `several_tracks`, `bad_channels`, `bad_sample_rate`,
            `decoder_failed`, `decoder_timeout`, `decoder_memory`.
        TooLarge: `audio_too_long`.
        RetryLater: `disk_full`.
    """
    limits = guard.Limits(
        memory_bytes=settings.decode_memory_bytes,
        seconds=settings.decode_timeout_seconds,
        file_bytes=(settings.max_audio_seconds + 1) * SAMPLE_RATE * MAX_CHANNELS * BYTES_PER_SAMPLE,
    )
    # The target has no name from the start: whatever kills this process, nothing is left behind.
    with path.open("rb") as source, tempfile.TemporaryFile() as target:
        _refuse_at_sight(source)
        answer = guard.run(
            decode_file, source=source, target=target, argument=settings.max_audio_seconds, limits=limits
        )
        interleaved = np.memmap(target, dtype=np.int16, mode="r").reshape(-1, answer["channels"])
    gaps = tuple(Gap(start=start, end=end) for start, end in answer["gaps"])
    missing = round(sum((gap.end - gap.start for gap in gaps), 0.0), 3)
    return Recording(samples=np.asarray(interleaved.T), missing_seconds=missing, gaps=gaps)


def _refuse_at_sight(source: BinaryIO) -> None:
    # Not read(): the child shares this file's position.
    head = os.pread(source.fileno(), 4096, 0)
    if not head:
        raise EmptyFile
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(POINTERS):
        raise UnsupportedPlaylist
