"""One media file → samples at 16 kHz: FFmpeg's loop, written so that no damage shortens a call in silence.

Runs in a guarded process (`service.recording.guard`): nothing here is trusted with more than the file it reads.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any, BinaryIO, cast

import av
import av.subtitles.stream  # PyAV needs it for any stream, and a guarded process can import no more
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec import CodecContext
from av.container import InputContainer
from av.error import ArgumentError, FFmpegError
from av.filter.graph import Graph
from numpy.typing import NDArray

from service.errors import (
    AudioTooLong,
    BadChannels,
    BadSampleRate,
    DamagedThroughout,
    EmptyRecording,
    NoAudioTrack,
    NotAudio,
    SeveralAudioTracks,
    UnsupportedCodec,
    UnsupportedFormat,
)
from service.recording.losses import TOLERANCE_SECONDS, AudioPacket, clock_for, missing_at_end, promised_seconds

SAMPLE_RATE = 16_000
BYTES_PER_SAMPLE = 2
MAX_CHANNELS = 8
MIN_SOURCE_RATE, MAX_SOURCE_RATE = 4_000, 192_000
# A demuxer that stumbles more often than this has lost its way in the file.
MAX_DEMUXER_ERRORS = 1000

# FFmpeg's names of the demuxers that open nothing but the file itself, and of the decoders behind them.
DEMUXERS = "wav,w64,aiff,au,caf,mp3,flac,ogg,mov,mp4,m4a,3gp,matroska,webm,aac,amr"
DECODERS = (
    "pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,"
    "pcm_f64be,pcm_mulaw,pcm_alaw,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,adpcm_yamaha,g722,g726,g723_1,gsm,gsm_ms,"
    "mp2,mp2float,mp3,mp3float,aac,alac,flac,opus,vorbis,speex,amrnb,amrwb"
)


def decode_file(source: BinaryIO, target: BinaryIO, max_seconds: float) -> dict[str, Any]:
    """Decode `source` into 16-bit samples in `target`, channels interleaved.

    A packet that cannot be decoded does not end the file: it becomes silence, so that later speech keeps its
    call time. Answers `channels` and `gaps`, pairs of seconds.
    """
    with _open(source) as container:
        stream = _only_audio_stream(container)
        promised = promised_seconds(container, stream, source)
        tape = _Tape(target, max_seconds=max_seconds)
        tape.check_length(promised or 0.0)
        clock = clock_for(stream, source, tape, latest=promised or max_seconds)
        decoder = stream.codec_context
        last, last_failed = None, False
        for packet in _packets(container, stream):
            frames = _frames(decoder, packet)
            if frames and not all(map(tape.fits, frames)):
                # Damage can talk a decoder into channels that never were, and for good.
                decoder, frames = _renewed(decoder), None
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


class _Tape:
    """The recording as it grows, with silence where something is missing."""

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
        """Whether a frame has as many channels as the recording began with."""
        return self.channels in (0, frame.layout.nb_channels)

    def append(self, frame: AudioFrame) -> None:
        """Resample a frame and write it."""
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if shape != self._shape:
            self.close()
            _check_shape(frame.layout.nb_channels, frame.sample_rate)
            self.channels, self._shape, self._resampler = frame.layout.nb_channels, shape, _resampler(frame)
            # What is sought over reads as zeros and takes no disk.
            self._target.seek(round(self.seconds * SAMPLE_RATE) * self.channels * BYTES_PER_SAMPLE)
        seconds = frame.samples / frame.sample_rate
        self.seconds += seconds
        self.decoded_seconds += seconds
        self.check_length(self.seconds)
        _silence_nonsense(frame)
        self._push(frame)

    def skip(self, seconds: float) -> None:
        """Leave silence for what is missing; less than the tolerance is none."""
        if seconds < TOLERANCE_SECONDS:
            return
        self.close()
        self.gaps.append((self.seconds, self.seconds + seconds))
        self.seconds += seconds
        self.check_length(self.seconds)

    def close(self) -> None:
        """Write what the resampler still holds."""
        if self._shape is not None:
            self._push(None)
            self._shape = None

    def check_length(self, seconds: float) -> None:
        """Refuse a recording of so many seconds, where they are too many."""
        if seconds > self._max_seconds + TOLERANCE_SECONDS:
            raise AudioTooLong(seconds=seconds, limit=self._max_seconds)

    def _push(self, frame: AudioFrame | None) -> None:
        self._resampler.push(frame)
        with suppress(BlockingIOError, EOFError):  # the resampler wants more, or is empty
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
        # The same layout on both sides: nothing is mixed.
        graph.add("aformat", sample_fmts="s16", sample_rates=str(SAMPLE_RATE), channel_layouts=layout),
        graph.add("abuffersink"),
    ).configure()
    return graph


def _silence_nonsense(frame: AudioFrame) -> None:
    """Floats may be no numbers, and one of those would spread over all that the resampler touches."""
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


def _packets(container: InputContainer, stream: AudioStream) -> Iterator[AudioPacket]:
    """Every packet the demuxer finds, over its own errors, then an empty one that flushes the decoder."""
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
    """What a packet holds, or None where it cannot be decoded."""
    try:
        return decoder.decode(packet)
    except MemoryError:
        raise
    except FFmpegError:
        return None


def _renewed(used: AudioCodecContext) -> AudioCodecContext:
    """A decoder that knows nothing but what the container says."""
    decoder = cast("AudioCodecContext", CodecContext.create(used.codec, "r"))
    decoder.extradata = used.extradata
    decoder.thread_count = 1
    return decoder


def _open(source: BinaryIO) -> InputContainer:
    options = {"format_whitelist": DEMUXERS, "codec_whitelist": DECODERS, "protocol_whitelist": ""}
    try:
        return av.open(source, mode="r", options=options, metadata_errors="ignore")
    except MemoryError:
        raise
    except ArgumentError:
        raise UnsupportedFormat(size=_size(source)) from None
    except FFmpegError:
        raise NotAudio(size=_size(source)) from None


def _size(source: BinaryIO) -> int:
    return os.fstat(source.fileno()).st_size


def _only_audio_stream(container: InputContainer) -> AudioStream:
    """The file's audio stream, fit for decoding."""
    streams = container.streams.audio
    if not streams:
        raise NoAudioTrack(tracks=len(container.streams))
    if len(streams) > 1:
        # Taking the first would lose a speaker where a recorder gave each a track.
        raise SeveralAudioTracks(tracks=len(streams))
    stream = streams[0]
    decoder = stream.codec_context.name if stream.codec_context else "unknown"
    if decoder not in DECODERS.split(","):
        raise UnsupportedCodec(codec=decoder)
    _check_shape(stream.channels, stream.sample_rate)
    stream.codec_context.thread_count = 1
    if decoder == "flac":
        # Each of its frames carries a checksum, so noise need not pass for speech.
        stream.codec_context.options = {"err_detect": "crccheck+explode"}
    return stream


def _check_shape(channels: int, sample_rate: int) -> None:
    if not 1 <= channels <= MAX_CHANNELS:
        raise BadChannels(channels=channels, limit=MAX_CHANNELS)
    if not MIN_SOURCE_RATE <= sample_rate <= MAX_SOURCE_RATE:
        raise BadSampleRate(rate=sample_rate, lowest=MIN_SOURCE_RATE, highest=MAX_SOURCE_RATE)
