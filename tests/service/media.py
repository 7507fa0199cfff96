"""Generated media files: calls in which every moment of every channel has its own pitch, so that tests recognise both."""

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from service.recording import SAMPLE_RATE, Recording, decode
from service.settings import Settings

TONE_SECONDS = 0.1
LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 6: "5.1"}


def decode_path(path: Path, *, settings: Settings | None = None) -> Recording:
    """Decode a file as the service does."""
    with path.open("rb") as file:
        return decode(file, settings=settings or Settings(), name=path.name)


def call(*, seconds: float, rate: int, channels: int = 2) -> NDArray[np.float32]:
    """Samples of shape (channels, frames), -1 to 1: each tenth of a second of each channel has its own pitch."""
    times = np.arange(round(seconds * rate)) / rate
    tones = (times / TONE_SECONDS).astype(int)
    pitches = np.random.default_rng(7).uniform(300, 2500, size=(channels, tones.max() + 1))
    envelope = np.sin(np.pi * (times / TONE_SECONDS - tones))
    return np.asarray(0.5 * envelope * np.sin(2 * np.pi * pitches[:, tones] * times), dtype=np.float32)


def likeness(heard: NDArray[np.int16], truth: NDArray[np.float32], *, lag: float = 0.15) -> tuple[float, float]:
    """The best correlation of two signals at 16 kHz (-1 to 1), and the seconds by which `heard` is late at it."""
    size = min(len(heard), len(truth))
    a, b = heard[:size].astype(np.float64), truth[:size].astype(np.float64)
    spectrum = np.fft.rfft(a, 2 * size) * np.conj(np.fft.rfft(b, 2 * size))
    lags = np.arange(-round(lag * SAMPLE_RATE), round(lag * SAMPLE_RATE) + 1)
    products = np.fft.irfft(spectrum, 2 * size)[lags]
    best = int(np.argmax(products))
    return float(products[best] / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9)), float(lags[best] / SAMPLE_RATE)


def encode(
    path: Path,
    samples: NDArray[np.float32],
    *,
    rate: int,
    container: str,
    codec: str,
    tracks: int = 1,
    options: dict[str, str] | None = None,
    bit_rate: int | None = None,
) -> Path:
    """Write samples of shape (channels, frames) to a media file; `options` are the container's."""
    layout = LAYOUTS[len(samples)]
    with av.open(str(path), "w", format=container, options=options) as output:
        streams = [cast("AudioStream", output.add_stream(codec, rate=rate, layout=layout)) for _ in range(tracks)]
        for stream in streams:
            if bit_rate:
                stream.codec_context.bit_rate = bit_rate
            stream.codec_context.open()
        for stream in streams:
            resampler = av.AudioResampler(stream.format, layout, rate, stream.frame_size or 1024)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                output.mux(stream.encode(piece))
            output.mux(stream.encode(None))
    return path


def wav(
    data: bytes, *, channels: int = 1, rate: int = 8000, tag: int = 1, bits: int = 16, size: int | None = None
) -> bytes:
    """A WAV file, valid or not: its header states `size` bytes of samples; `tag` 1 is PCM, 3 float, 7 µ-law."""
    block = channels * bits // 8
    claimed = len(data) if size is None else size
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * block % 2**32, block % 2**16, bits)
    header = struct.pack("<4sI4s4sI", b"RIFF", (claimed + 36) % 2**32, b"WAVE", b"fmt ", len(form)) + form
    return header + struct.pack("<4sI", b"data", claimed) + data


def pcm(samples: NDArray[np.float32]) -> bytes:
    """Samples of shape (channels, frames) as interleaved 16-bit PCM."""
    return (samples.T * 32767).astype("<i2").tobytes()


def damage(path: Path, *, start: float, share: float) -> Path:
    """Overwrite a share of the file with noise, from a point between 0 (its start) and 1 (its end)."""
    content = bytearray(path.read_bytes())
    at, size = int(len(content) * start), int(len(content) * share)
    content[at : at + size] = np.random.default_rng(7).bytes(size)
    path.write_bytes(content)
    return path


def cut(path: Path, *, share: float) -> Path:
    """Keep only the first share of the file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def video(path: Path, *, container: str = "mp4") -> Path:
    """A second of video without audio."""
    with av.open(str(path), "w", format=container) as output:
        stream: Any = output.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(10):
            output.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        output.mux(stream.encode(None))
    return path
