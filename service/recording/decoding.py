"""Decodes an open file, in a guarded child process (`decoder` is the child's side)."""

import os
import tempfile
from typing import BinaryIO

import numpy as np

from service.errors import EmptyFile, UnsupportedPlaylist
from service.recording import guard
from service.recording.decoder import decode_file
from service.recording.formats import MAX_CHANNELS, is_playlist
from service.recording.recording import BYTES_PER_SAMPLE, SAMPLE_RATE, Gap, Recording
from service.settings import Settings


def decode(source: BinaryIO, *, settings: Settings) -> Recording:
    """Decode a file from its beginning, wherever its position is. Blocks, so call it off the event loop.

    The caller keeps the file open until this returns. The samples are mapped from a file, so that a long recording is
    never in memory at once.

    Raises:
        RequestError: the recording cannot be decoded (`service.errors.audio`).
        DiskFull: there is no space for the samples.
    """
    descriptor = source.fileno()  # a spooled file moves from memory to disk
    source.flush()
    # The child shares the position of the descriptor.
    os.lseek(descriptor, 0, os.SEEK_SET)
    _check_head(os.pread(descriptor, 4096, 0))
    limits = guard.Limits(
        memory_bytes=settings.decode_memory_bytes,
        seconds=settings.decode_timeout_seconds,
        file_bytes=(settings.max_audio_seconds + 1) * SAMPLE_RATE * MAX_CHANNELS * BYTES_PER_SAMPLE,
    )
    # The target has no name from the start: even if this process is killed, no file is left behind.
    with tempfile.TemporaryFile() as target:
        answer = guard.run(
            decode_file, source=source, target=target, argument=settings.max_audio_seconds, limits=limits
        )
        interleaved = np.memmap(target, dtype=np.int16, mode="r").reshape(-1, answer["channels"])
    gaps = tuple(Gap(start=start, end=end) for start, end in answer["gaps"])
    missing = round(sum((gap.end - gap.start for gap in gaps), 0.0), 3)
    return Recording(samples=np.asarray(interleaved.T), missing_seconds=missing, gaps=gaps)


def _check_head(head: bytes) -> None:
    if not head:
        raise EmptyFile
    if is_playlist(head):
        raise UnsupportedPlaylist
