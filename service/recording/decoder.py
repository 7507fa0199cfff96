"""One media file → samples at 16 kHz: FFmpeg's loop, written so that damage never shortens a call unnoticed.

Runs in a guarded process (`service.recording.guard`), with access to the file that it reads and to no other.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import av
import av.subtitles.stream  # PyAV needs it for any stream, and a guarded process cannot import it later
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec import CodecContext
from av.container import InputContainer
from av.error import ArgumentError, FFmpegError

from service.errors import (
    DamagedThroughout,
    EmptyRecording,
    NoAudioTrack,
    NotAudio,
    SeveralAudioTracks,
    UnsupportedCodec,
    UnsupportedFormat,
)
from service.recording.formats import DECODERS, DEMUXERS, Headerless, check_layout
from service.recording.losses import AudioPacket, clock_for, is_big_endian, missing_at_end, promised_seconds
from service.recording.tape import TOLERANCE_SECONDS, Tape

# A demuxer with more errors than this does not find its way through the file.
MAX_DEMUXER_ERRORS = 1000
# In 16-bit WAV, FFmpeg looks for other codecs that are disguised as samples. A frame of them begins within a few packets;
# by default it reads 32, which takes as long as half of the decoding of a short clip.
PROBED_PACKETS = 4
# Codecs in WAV that have no byte order.
ORDERLESS = ("pcm_u8", "pcm_mulaw", "pcm_alaw")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How to decode a file: up to which length, and in which format if the file has no header."""

    max_seconds: float
    headerless: Headerless | None = None


def decode_file(source: BinaryIO, target: BinaryIO, order: Order) -> dict[str, Any]:
    """Decode `source` into 16-bit samples in `target`, channels interleaved.

    A packet that cannot be decoded does not end the file: it becomes silence, so that later speech keeps its
    call time. Returns `channels` and `gaps`, pairs of seconds.
    """
    with _open(source, order.headerless) as container:
        stream = _only_audio_stream(container)
        promised = promised_seconds(container, stream, source)
        tape = Tape(target, max_seconds=order.max_seconds)
        tape.check_length(promised or 0.0)
        clock = clock_for(stream, source, tape, latest=promised or order.max_seconds)
        decoder = _decoder(stream, source)
        last, last_failed = None, False
        for packet in _packets(container, stream):
            frames = _frames(decoder, packet)
            if frames and not all(map(tape.fits, frames)):
                # A damaged packet can change the decoder's number of channels for all later ones, too.
                decoder, frames = _fresh(decoder), None
            if packet.size:
                last, last_failed = packet, frames is None
            if frames is None:
                clock.lose(packet)
            for frame in frames or ():
                tape.skip(clock.lost_before(packet, frame))
                tape.append(frame)
        tape.close()
        if last is None:
            raise EmptyRecording
        if not tape.channels:
            raise NotAudio(size=_size(source))
        still_promised = None if promised is None else promised - tape.seconds
        missing = missing_at_end(last, source, clock, failed=last_failed, still_promised=still_promised)
    if missing >= TOLERANCE_SECONDS:
        tape.gaps.append((tape.seconds, tape.seconds + missing))
    return {"channels": tape.channels, "gaps": [(round(start, 3), round(end, 3)) for start, end in tape.gaps]}


def _packets(container: InputContainer, stream: AudioStream) -> Iterator[AudioPacket]:
    """Every packet that the demuxer finds, past its own errors, then an empty one that flushes the decoder."""
    for _ in range(MAX_DEMUXER_ERRORS):
        try:
            yield from container.demux(stream)
        except MemoryError:
            raise
        except FFmpegError:
            continue
        return
    raise DamagedThroughout(errors=MAX_DEMUXER_ERRORS)


def _frames(decoder: AudioCodecContext, packet: AudioPacket) -> list[AudioFrame] | None:
    """The frames in a packet, or None if it cannot be decoded."""
    try:
        return decoder.decode(packet)
    except MemoryError:
        raise
    except FFmpegError:
        return None


def _fresh(used: AudioCodecContext) -> AudioCodecContext:
    """A decoder of the same codec, in the state that the container describes."""
    decoder = cast("AudioCodecContext", CodecContext.create(used.codec, "r"))
    decoder.extradata = used.extradata
    decoder.thread_count = 1
    return decoder


def _decoder(stream: AudioStream, source: BinaryIO) -> AudioCodecContext:
    """The stream's decoder; for a big-endian WAV, which FFmpeg reads in the wrong byte order, one in the right order."""
    used = stream.codec_context
    if not is_big_endian(source) or used.name in ORDERLESS:
        return used
    if not (used.name.startswith("pcm_") and used.name.endswith("le")):
        raise UnsupportedCodec(codec=f"{used.name}, big-endian")
    decoder = cast("AudioCodecContext", CodecContext.create(f"{used.name.removesuffix('le')}be", "r"))
    decoder.sample_rate, decoder.layout, decoder.thread_count = stream.sample_rate, stream.layout, 1
    return decoder


def _open(source: BinaryIO, headerless: Headerless | None) -> InputContainer:
    demuxers = DEMUXERS if headerless is None else {headerless.demuxer}
    options = {
        "format_whitelist": ",".join(sorted(demuxers)),
        "codec_whitelist": ",".join(sorted(DECODERS)),
        "protocol_whitelist": "",
        "max_probe_packets": str(PROBED_PACKETS),
        **(headerless.options if headerless else {}),
    }
    name = headerless.demuxer if headerless else None
    try:
        return av.open(source, mode="r", format=name, options=options, metadata_errors="ignore")
    except MemoryError:
        raise
    except ArgumentError:
        raise UnsupportedFormat(size=_size(source)) from None
    except FFmpegError:
        raise NotAudio(size=_size(source)) from None


def _size(source: BinaryIO) -> int:
    return os.fstat(source.fileno()).st_size


def _only_audio_stream(container: InputContainer) -> AudioStream:
    """The file's audio stream, ready for decoding."""
    streams = container.streams.audio
    if not streams:
        raise NoAudioTrack(tracks=len(container.streams))
    if len(streams) > 1:
        # Some recorders give each speaker a track; choosing one would lose a speaker.
        raise SeveralAudioTracks(tracks=len(streams))
    stream = streams[0]
    decoder = stream.codec_context.name if stream.codec_context else "unknown"
    if decoder not in DECODERS:
        raise UnsupportedCodec(codec=decoder)
    check_layout(channels=stream.channels, sample_rate=stream.sample_rate)
    stream.codec_context.thread_count = 1
    if decoder == "flac":
        # Each FLAC frame has a checksum: a damaged one is rejected instead of decoded to noise.
        stream.codec_context.options = {"err_detect": "crccheck+explode"}
    return stream
