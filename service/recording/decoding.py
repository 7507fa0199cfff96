"""Decodes an open file, in a guarded child process (`decoder` is the child's side)."""

import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import numpy as np

from service.errors import EmptyFile, NotAudio, RecordingTooLarge, UnsupportedFormat, UnsupportedPlaylist
from service.recording import guard
from service.recording.decoder import Order, decode_file
from service.recording.formats import MAX_CHANNELS, Headerless, headerless, is_playlist
from service.recording.recording import BYTES_PER_SAMPLE, SAMPLE_RATE, Gap, Recording
from service.settings import Settings

CHUNK_BYTES = 1 << 20
# A WAV header cannot state a larger size; streaming recorders state this one.
MAX_WAV_BYTES = 0xFFFF_FFFF


def decode(source: BinaryIO, *, settings: Settings, name: str = "") -> Recording:
    """Decode a file from its beginning, wherever its position is. Blocks, so call it off the event loop.

    The caller keeps the file open until this returns. A pipe is copied to a file first. The samples are mapped from a
    file, so that a long recording is never in memory at once. The suffix of `name` tells the format of a file in which
    FFmpeg finds no container.

    Raises:
        RequestError: the recording cannot be decoded (`service.errors.audio`).
        DiskFull: there is no space for the samples.
    """
    if not source.seekable():
        with tempfile.TemporaryFile() as file:
            _spool(source, file, limit=settings.max_upload_bytes)
            return decode(file, settings=settings, name=name)
    descriptor = source.fileno()  # a spooled file moves from memory to disk
    source.flush()
    head = os.pread(descriptor, 4096, 0)
    _check_head(head)
    try:
        return _decode(source, None, settings)
    except (NotAudio, UnsupportedFormat):
        form = headerless(name, head)
        if form is None:
            raise
    with _with_header(source, form) as file:
        return _decode(file, form, settings)


def _decode(source: BinaryIO, form: Headerless | None, settings: Settings) -> Recording:
    # The child shares the position of the descriptor.
    os.lseek(source.fileno(), 0, os.SEEK_SET)
    limits = guard.Limits(
        memory_bytes=settings.decode_memory_bytes,
        seconds=settings.decode_timeout_seconds,
        file_bytes=(settings.max_audio_seconds + 1) * SAMPLE_RATE * MAX_CHANNELS * BYTES_PER_SAMPLE,
    )
    order = Order(max_seconds=settings.max_audio_seconds, headerless=form)
    # The target has no name from the start: even if this process is killed, no file is left behind.
    with tempfile.TemporaryFile() as target:
        answer = guard.run(decode_file, source=source, target=target, argument=order, limits=limits)
        interleaved = np.memmap(target, dtype=np.int16, mode="r").reshape(-1, answer["channels"])
    gaps = tuple(Gap(start=start, end=end) for start, end in answer["gaps"])
    missing = round(sum((gap.end - gap.start for gap in gaps), 0.0), 3)
    return Recording(samples=np.asarray(interleaved.T), missing_seconds=missing, gaps=gaps)


def _spool(source: BinaryIO, file: BinaryIO, *, limit: int) -> None:
    """Copy all that comes out of a pipe."""
    size = 0
    while chunk := source.read(CHUNK_BYTES):
        size += len(chunk)
        if size > limit:
            raise RecordingTooLarge(size=size, limit=limit)
        file.write(chunk)


@contextmanager
def _with_header(source: BinaryIO, form: Headerless) -> Iterator[BinaryIO]:
    """A headerless file itself or, if FFmpeg has no demuxer for it, a copy behind a WAV header."""
    if not form.wav_tag:
        yield source
        return
    size = min(os.fstat(source.fileno()).st_size, MAX_WAV_BYTES - 36)
    with tempfile.TemporaryFile() as file:
        file.write(struct.pack("<4sI4s4sI", b"RIFF", size + 36, b"WAVE", b"fmt ", 16))
        # One channel of 8,000 samples, 4 bits each, per second.
        file.write(struct.pack("<HHIIHH4sI", form.wav_tag, 1, 8000, 4000, 1, 4, b"data", size))
        source.seek(0)
        shutil.copyfileobj(source, file)
        file.flush()
        yield cast("BinaryIO", file)


def _check_head(head: bytes) -> None:
    if not head:
        raise EmptyFile
    if is_playlist(head):
        raise UnsupportedPlaylist
