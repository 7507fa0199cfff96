"""How much of a recording is missing: clocks that notice gaps, and the lengths that containers promise.

The decoded length is compared with the length that the container promises:

- Most containers state their duration.
- WAV states how many bytes of samples follow, unless its recorder streamed it and could not know.
- MP3 states how many frames follow if its encoder wrote a Xing, Info or VBRI header.
- OGG marks its last page, and MP4 is a chain of boxes: both show that a file was cut, but not how much followed.
- A packet that is cut off by the end of the file shows the same. A live WebM, MP3, AAC or AMR that is cut between two
  packets shows nothing.
"""

import os
import struct
import zlib
from typing import BinaryIO, Protocol, TypeAlias

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec import CodecContext
from av.container import InputContainer
from av.packet import Packet

from service.recording.formats import HEADERLESS
from service.recording.tape import TOLERANCE_SECONDS, Tape

AudioPacket: TypeAlias = "Packet[AudioStream]"

# Each byte with its bits in reverse order.
REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
# Containers whose duration FFmpeg guesses from the size of the file.
GUESSED_DURATION = ("wav", "w64", "caf", "aac", "amr", *{form.demuxer for form in HEADERLESS.values()})


class Clock(Protocol):
    """Counts the seconds that are missing."""

    def lost_before(self, packet: AudioPacket, frame: AudioFrame) -> float:
        """Seconds missing between the end of the tape and a frame of a packet."""

    def lose(self, packet: AudioPacket) -> None:
        """Note a packet that could not be decoded."""

    def lost_at_end(self) -> float:
        """Seconds missing after the end of the tape."""


def clock_for(stream: AudioStream, source: BinaryIO, tape: Tape, *, latest: float) -> Clock:
    """The clock that fits the stream's container; it ignores time stamps after `latest` seconds."""
    match stream.container.format.name:
        case "wav":
            return _ByteClock(stream, tape, end=_wav_end(source))
        case "aac":
            # FFmpeg skips noise without counting it; only the file's size shows how much it skipped.
            return _ByteClock(stream, tape, end=os.fstat(source.fileno()).st_size)
        case "mp3" | "amr":
            return _ByteClock(stream, tape, end=0)
        case _:
            return _StampClock(stream, tape, latest=latest)


class _StampClock:
    """Takes time stamps that are ahead of the tape for missing time."""

    def __init__(self, stream: AudioStream, tape: Tape, *, latest: float) -> None:
        self._tape = tape
        self._latest = latest
        self._tick = float(stream.time_base or 0)
        self._origin = None if stream.start_time is None else stream.start_time * self._tick
        self._lost_until = 0.0

    def lost_before(self, packet: AudioPacket, frame: AudioFrame) -> float:  # noqa: ARG002 - the clocks share an interface
        if frame.time is None:
            return 0.0
        if self._origin is None:
            self._origin = frame.time
        at = frame.time - self._origin
        lost = at - self._tape.seconds
        if lost <= -TOLERANCE_SECONDS or at > self._latest + TOLERANCE_SECONDS:
            # Time stamps that jump back or beyond the end restart here: chained streams, damaged headers.
            self._origin += lost
            return 0.0
        return lost

    def lose(self, packet: AudioPacket) -> None:
        if packet.pts is not None:
            self._lost_until = (packet.pts + (packet.duration or 0)) * self._tick

    def lost_at_end(self) -> float:
        return self._lost_until - (self._origin or 0.0) - self._tape.seconds


class _ByteClock:
    """Takes missing bytes for missing time: packets that failed, and bytes that the demuxer skipped.

    For containers whose time stamps only count the audio that was read before.
    """

    def __init__(self, stream: AudioStream, tape: Tape, *, end: int) -> None:
        self._tape = tape
        self._end = end
        self._declared_rate = (stream.bit_rate or 0) / 8
        self._decoded_bytes = 0
        self._decoded_until: int | None = None
        self._owed_seconds = 0.0

    def lost_before(self, packet: AudioPacket, frame: AudioFrame) -> float:  # noqa: ARG002 - the clocks share an interface
        start = packet.pos if self._decoded_until is None else self._decoded_until
        if packet.pos is None or start is None or packet.pos < start:  # not the first frame of its packet
            return 0.0
        self._owed_seconds += self._seconds(packet.pos - start)
        self._decoded_bytes += packet.size
        self._decoded_until = packet.pos + packet.size
        if self._owed_seconds < TOLERANCE_SECONDS:
            return 0.0
        lost, self._owed_seconds = self._owed_seconds, 0.0
        return lost

    def lose(self, packet: AudioPacket) -> None:
        if packet.pos is not None:
            self._decoded_until = packet.pos if self._decoded_until is None else self._decoded_until
            self._end = max(self._end, packet.pos + packet.size)

    def lost_at_end(self) -> float:
        return self._owed_seconds + self._seconds(self._end - (self._decoded_until or 0))

    def _seconds(self, size: int) -> float:
        decoded = self._tape.decoded_seconds
        rate = self._decoded_bytes / decoded if decoded else self._declared_rate
        return max(size, 0) / rate if rate else 0.0


def promised_seconds(container: InputContainer, stream: AudioStream, source: BinaryIO) -> float | None:
    """The duration that the container states; None if it states none and FFmpeg only guesses."""
    name = container.format.name
    if name in GUESSED_DURATION or (name == "mp3" and not _counts_frames(source)):
        return None
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    # A video may be longer than its audio.
    return container.duration / 1_000_000 if container.duration and len(container.streams) == 1 else None


def missing_at_end(
    last: AudioPacket, source: BinaryIO, clock: Clock, *, failed: bool, still_promised: float | None
) -> float:
    """Seconds missing after the last packet; at least the tolerance if the file was cut, however little is missing.

    `failed` tells whether the last packet could not be decoded; `still_promised` is the promised length beyond the
    decoded one, None if the container promises none.
    """
    name = last.stream.container.format.name
    missing = clock.lost_at_end() if still_promised is None else still_promised
    # The clock counts every byte of a WAV, and WAV headers are often wrong by a few bytes. G.726 has no frames to cut.
    cut = still_promised is None and name not in {"wav", "g726", "g726le"} and (failed or not _is_whole(last))
    return max(missing, TOLERANCE_SECONDS) if cut or not _is_closed(name, source) else missing


def is_big_endian(source: BinaryIO) -> bool:
    """Whether a file is a WAV whose numbers begin with their highest byte."""
    return os.pread(source.fileno(), 4, 0) == b"RIFX"


def _counts_frames(source: BinaryIO) -> bool:
    """Whether an MP3 begins with a header that states how many frames follow."""
    head = os.pread(source.fileno(), 10, 0)
    start = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]) if head.startswith(b"ID3") else 0
    first = os.pread(source.fileno(), 4096, start)
    return any(tag in first for tag in (b"Xing", b"Info", b"VBRI"))


def _wav_end(source: BinaryIO) -> int:
    """The end of the samples as a WAV's header states it, in bytes from the start of the file; 0 if it does not."""
    at, layout = 12, ">4sI" if is_big_endian(source) else "<4sI"
    while len(header := os.pread(source.fileno(), 8, at)) == 8:
        tag, size = struct.unpack(layout, header)
        at += 8
        if tag == b"data":
            # Streaming recorders write 0, or a size close to two or four gigabytes.
            return 0 if (size + 4096) % 2**31 <= 4096 else at + size
        at += size + size % 2
    return 0


def _is_whole(packet: AudioPacket) -> bool:
    """Whether the file's last packet is complete."""
    if packet.stream.codec_context.name == "mp3float":
        # FFmpeg decodes the beginning of a cut frame; only its parser notices that the rest is missing.
        return bool(CodecContext.create("mp3float", "r").parse(bytes(packet)))
    return not packet.is_corrupt


def _is_closed(name: str, source: BinaryIO) -> bool:
    """Whether the file ends at the mark of its container; True for containers without a mark."""
    size = os.fstat(source.fileno()).st_size
    if name == "ogg":
        return _ends_with_last_page(os.pread(source.fileno(), 1 << 16, max(0, size - (1 << 16))))
    return _ends_with_box(source, size) if name.startswith("mov") else True


def _ends_with_last_page(tail: bytes) -> bool:
    """Whether an OGG file ends with a complete, undamaged page that is marked as the last."""
    page = tail[max(0, tail.rfind(b"OggS")) :].ljust(27, b"\0")
    page = page[: 27 + page[26] + sum(page[27 : 27 + page[26]])]
    # OGG's checksum is zip's, over bytes with reversed bits, and with its own bits reversed.
    blank = page[:22] + bytes(4) + page[26:]
    checksum = zlib.crc32(blank.translate(REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return bool(page[5] & 4) and page[22:26] == checksum.to_bytes(4, "big").translate(REVERSED_BITS)


def _ends_with_box(source: BinaryIO, size: int) -> bool:
    """Whether MP4's boxes, each of which begins with its length, lead exactly to the end of the file."""
    at = 0
    while size - at >= 8:
        length, kind, long_length = struct.unpack(">I4sQ", os.pread(source.fileno(), 16, at).ljust(16, b"\0"))
        if length == 0:  # up to the end
            return True
        length = long_length if length == 1 else length
        if length < 8 or not kind.strip().isalnum():
            return False
        at += length
    return at <= size
