"""Recordings that begin with samples: their names tell what they are; and WAV in the wrong byte order."""

import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from service.errors import UnsupportedAudio
from service.recording import SAMPLE_RATE, decode
from service.recording.formats import HEADERLESS
from service.settings import Settings
from tests.service.media import call, decode_path, encode, likeness, pcm, wav

TRUTH = call(seconds=3, rate=SAMPLE_RATE, channels=1)[0]
# Dialogic's table of step sizes, and how each code changes the index into it.
STEPS = [round(16 * 1.1**index) for index in range(49)]
CHANGES = [-1, -1, -1, -1, 2, 4, 6, 8]


def oki(samples: "np.ndarray[tuple[int], np.dtype[np.int16]]") -> bytes:
    """Samples in Dialogic's ADPCM, two in a byte."""
    codes, predicted, index = [], 0, 0
    for sample in samples.astype(int) >> 4:
        step, difference = STEPS[index], sample - predicted
        code = min(7, abs(difference) * 4 // step)
        change = (2 * code + 1) * step // 8
        predicted = int(np.clip(predicted + (-change if difference < 0 else change), -2048, 2047))
        index = min(48, max(0, index + CHANGES[code]))
        codes.append(code | (8 if difference < 0 else 0))
    return bytes(high << 4 | low for high, low in zip(codes[::2], codes[1::2], strict=True))


@pytest.mark.parametrize(
    ("name", "container", "codec", "rate"),
    [
        ("call.ulaw", "mulaw", "pcm_mulaw", 8000),
        ("2026/CALL.ALAW", "alaw", "pcm_alaw", 8000),
        ("call.sln", "s16le", "pcm_s16le", 8000),
        ("call.sln16", "s16le", "pcm_s16le", 16_000),
        ("call.sln44", "s16le", "pcm_s16le", 44_100),
        ("call.g722", "g722", "g722", 16_000),
        ("call.g726", "g726", "g726", 8000),
        ("call.g726-32", "g726le", "g726le", 8000),
    ],
)
def test_headerless_recording_is_decoded_by_its_suffix(
    tmp_path: Path, name: str, container: str, codec: str, rate: int
) -> None:
    """The whole recording, at the rate of its format."""
    samples = call(seconds=3, rate=rate, channels=1)
    path = encode(tmp_path / "x", samples, rate=rate, container=container, codec=codec)
    with path.open("rb") as file:
        decoded = decode(file, settings=Settings(), name=name)
    assert (decoded.channels, decoded.partial) == (1, False)
    assert decoded.duration == pytest.approx(3, abs=0.02)
    assert likeness(decoded.samples[0], TRUTH)[0] > 0.9


def test_dialogic_recording_is_decoded(tmp_path: Path) -> None:
    """FFmpeg knows its codec only inside WAV."""
    path = tmp_path / "call.vox"
    path.write_bytes(oki((call(seconds=3, rate=8000, channels=1)[0] * 32767).astype(np.int16)))
    decoded = decode_path(path)
    assert (decoded.duration, decoded.partial) == (3.0, False)
    assert likeness(decoded.samples[0], TRUTH)[0] > 0.9


@pytest.mark.parametrize("suffix", [suffix for suffix in HEADERLESS if suffix[:2] in {"gs", "g7"}])
def test_frames_of_any_content_do_not_break_the_decoder(tmp_path: Path, suffix: str) -> None:
    """A wrong suffix gives noise, or a refusal because no frame is valid."""
    path = tmp_path / f"call.{suffix}"
    path.write_bytes(np.random.default_rng(7).bytes(3300))
    with suppress(UnsupportedAudio):
        assert decode_path(path).duration > 0


@pytest.mark.parametrize("name", ["call.raw", "call.pcm", "call.bin", "call", "", ".ulaw", "call.ulaw.gz"])
def test_name_that_does_not_say_what_it_is_is_refused(tmp_path: Path, name: str) -> None:
    """A guess would be loud noise."""
    path = encode(
        tmp_path / "x", call(seconds=1, rate=8000, channels=1), rate=8000, container="mulaw", codec="pcm_mulaw"
    )
    with path.open("rb") as file, pytest.raises(UnsupportedAudio) as refusal:
        decode(file, settings=Settings(), name=name)
    assert refusal.value.code == "bad_audio"


def test_content_decides_before_the_name(tmp_path: Path) -> None:
    """A WAV under the name of a headerless format is a WAV."""
    path = tmp_path / "call.ulaw"
    path.write_bytes(wav(pcm(call(seconds=1, rate=16_000)), channels=2, rate=16_000))
    decoded = decode_path(path)
    assert (decoded.channels, decoded.duration) == (2, 1.0)


@pytest.mark.parametrize(
    "content",
    [
        b"hello, this is no audio\r\n" * 50,
        b"ffconcat version 1.0\nfile x.wav\n",
        "Bonjour, ça n'est pas du son. ".encode() * 137,
        b"v=0\nc=IN IP4 127.0.0.1\n",
        b"#EXTM3U\nx",
    ],
)
def test_text_is_refused_whatever_its_name(tmp_path: Path, content: bytes) -> None:
    """A playlist stays a playlist."""
    path = tmp_path / "call.ulaw"
    path.write_bytes(content)
    with pytest.raises(UnsupportedAudio):
        decode_path(path)


@pytest.mark.parametrize(
    ("layout", "tag", "scale"),
    [(">i2", 1, 2**15 - 1), (">i4", 1, 2**31 - 128), (">f4", 3, 1.0)],
    ids=["16 bit", "32 bit", "float"],
)
def test_big_endian_wav_is_decoded(tmp_path: Path, layout: str, tag: int, scale: float) -> None:
    """FFmpeg alone reads it in the wrong order, as loud noise."""
    path = tmp_path / "call.wav"
    path.write_bytes(rifx((call(seconds=3, rate=8000).T * scale).astype(layout), tag=tag))
    decoded = decode_path(path)
    assert (decoded.channels, decoded.duration, decoded.partial) == (2, 3.0, False)
    truth = call(seconds=3, rate=SAMPLE_RATE)
    assert min(likeness(decoded.samples[channel], truth[channel])[0] for channel in (0, 1)) > 0.99


def test_cut_big_endian_wav_is_partial(tmp_path: Path) -> None:
    """Its sizes have the other byte order, too."""
    content = rifx((call(seconds=3, rate=8000).T * 32767).astype(">i2"))
    path = tmp_path / "call.wav"
    path.write_bytes(content[: 44 + 32_000])
    decoded = decode_path(path)
    assert (decoded.duration, decoded.missing_seconds) == (1.0, 2.0)


def test_big_endian_wav_in_another_codec_is_refused(tmp_path: Path) -> None:
    """Nothing tells the byte order of its samples."""
    path = tmp_path / "call.wav"
    path.write_bytes(rifx(np.zeros((4000, 2), np.uint8), tag=0x11))
    with pytest.raises(UnsupportedAudio) as refusal:
        decode_path(path)
    assert refusal.value.code in {"unsupported_format", "bad_audio"}


def rifx(samples: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]", *, tag: int = 1) -> bytes:
    """A big-endian WAV at 8 kHz; `samples` have the shape (frames, channels)."""
    size, channels, data = samples.dtype.itemsize, samples.shape[1], samples.tobytes()
    form = struct.pack(">HHIIHH", tag, channels, 8000, 8000 * channels * size, channels * size, 8 * size)
    header = struct.pack(">4sI4s4sI", b"RIFX", len(data) + 36, b"WAVE", b"fmt ", len(form))
    return header + form + struct.pack(">4sI", b"data", len(data)) + data
