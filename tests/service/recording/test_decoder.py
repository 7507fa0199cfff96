"""The decoding loop, and the files that it refuses."""

import io
import tempfile
from pathlib import Path

import numpy as np
import pytest

from service.errors import ServiceError, TooLarge, UnsupportedAudio, UnusableAudio
from service.recording import SAMPLE_RATE
from service.recording.decoder import Order, decode_file
from service.settings import Settings
from tests.service.media import call, cut, decode_path, encode, pcm, video, wav

SECOND = pcm(call(seconds=1, rate=8000))


@pytest.mark.parametrize(
    ("content", "error", "code", "value"),
    [
        (b"hello, this is no audio\n" * 50, UnsupportedAudio, "bad_audio", "1200 bytes"),
        (np.random.default_rng(7).bytes(50_000), UnsupportedAudio, "bad_audio", "50000 bytes"),
        (b"ID3\x03\0\0\0\0\x0f\x76" + b"x" * 5000, UnsupportedAudio, "bad_audio", "5010 bytes"),
        (b"\x89PNG\r\n\x1a\n" + bytes(1000), UnsupportedAudio, "unsupported_format", "1008 bytes"),
        (b"1\n00:00:01,000 --> 00:00:02,000\nhello\n" * 2, UnsupportedAudio, "unsupported_format", "76 bytes"),
        (wav(b""), UnusableAudio, "empty_audio", "0 s of audio"),
        (wav(SECOND, channels=0), UnusableAudio, "bad_channels", "0 channels"),
        (wav(SECOND, channels=9), UnusableAudio, "bad_channels", "9 channels"),
        (wav(SECOND, channels=300), UnusableAudio, "bad_channels", "300 channels"),
        (wav(SECOND, rate=1), UnusableAudio, "bad_sample_rate", "1 Hz"),
        (wav(SECOND, rate=2**31 - 1), UnusableAudio, "bad_sample_rate", "2147483647 Hz"),
    ],
    ids=["text", "noise", "fake ID3", "PNG", "subtitles", "header", "0 ch", "9 ch", "300 ch", "1 Hz", "2 GHz"],
)
def test_unusable_file_is_refused(
    tmp_path: Path, content: bytes, error: type[ServiceError], code: str, value: str
) -> None:
    """Each error names the field, the value and the values that work, and contains nothing of the file itself."""
    path = tmp_path / "0612345678.wav"
    path.write_bytes(content)
    with pytest.raises(error) as refusal:
        decode_path(path)
    assert (refusal.value.code, refusal.value.field, refusal.value.value) == (code, "file", value)
    assert refusal.value.expected
    assert "0612345678" not in str(refusal.value)


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_video_without_sound_is_refused(tmp_path: Path, container: str) -> None:
    """Only the audio of a video is decoded."""
    with pytest.raises(UnusableAudio) as refusal:
        decode_path(video(tmp_path / "film", container=container))
    assert refusal.value.code == "no_audio"


def test_file_with_several_tracks_is_refused(tmp_path: Path) -> None:
    """To decode only the first track would lose a speaker unnoticed."""
    samples = call(seconds=1, rate=16_000, channels=1)
    path = encode(tmp_path / "call", samples, rate=16_000, container="mp4", codec="aac", tracks=2)
    with pytest.raises(UnusableAudio) as refusal:
        decode_path(path)
    assert (refusal.value.code, refusal.value.value) == ("several_tracks", "2 audio tracks")


def test_mp4_without_its_index_is_refused(tmp_path: Path) -> None:
    """An MP4 has its index at the end; without it no packet can be found."""
    samples = call(seconds=3, rate=16_000)
    path = cut(encode(tmp_path / "call", samples, rate=16_000, container="mp4", codec="aac"), share=0.6)
    with pytest.raises(UnsupportedAudio) as refusal:
        decode_path(path)
    assert refusal.value.code == "bad_audio"


@pytest.mark.parametrize(
    "text", ["ffconcat version 1.0\nfile neighbour.wav\n", "v=0\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"]
)
@pytest.mark.timeout(10)
def test_ffmpeg_itself_opens_no_other_source(tmp_path: Path, text: str) -> None:
    """Even without the check of its first bytes, a playlist opens no other file, and SDP waits for no packet."""
    (tmp_path / "neighbour.wav").write_bytes(wav(SECOND))
    path = tmp_path / "call.wav"
    path.write_text(text)
    with path.open("rb") as source, pytest.raises(UnsupportedAudio) as refusal:
        decode_file(source, io.BytesIO(), Order(max_seconds=60))
    assert refusal.value.code == "unsupported_format"


@pytest.mark.parametrize("nonsense", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_samples_become_silence(tmp_path: Path, nonsense: float) -> None:
    """They do not spread to the samples around them."""
    samples = np.full(SAMPLE_RATE * 2, 0.5, dtype=np.float32)
    samples[8000:8016] = nonsense
    path = tmp_path / "call.wav"
    path.write_bytes(wav(samples.tobytes(), rate=48_000, tag=3, bits=32))
    decoded = decode_path(path).samples[0]
    touched = np.flatnonzero(np.abs(decoded[100:-100].astype(int) - 16384) > 200) + 100
    assert touched.min() > 8000 / 3 - 40
    assert touched.max() < 8016 / 3 + 40


def test_loud_samples_are_clipped(tmp_path: Path) -> None:
    """A float above full scale does not wrap around."""
    path = tmp_path / "call.wav"
    path.write_bytes(wav(np.full(16_000, 1e30, dtype=np.float32).tobytes(), rate=16_000, tag=3, bits=32))
    assert decode_path(path).samples[0, 100:-100].min() >= 32767 - 1


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "undeclared"])
def test_decompression_bomb_is_refused(tmp_path: Path, *, declared: bool) -> None:
    """Ten minutes of silence in a small file exceed a limit of one minute, whether the header states them or not."""
    silence = np.zeros((1, 8000 * 600), dtype=np.float32)
    path = encode(tmp_path / "call", silence, rate=8000, container="flac", codec="flac")
    if not declared:
        content = bytearray(path.read_bytes())
        content[21] &= 0xF0
        content[22:26] = bytes(4)
        path.write_bytes(content)
    assert path.stat().st_size < 150_000
    with pytest.raises(TooLarge) as refusal:
        decode_path(path, settings=Settings(max_audio_seconds=60))
    assert refusal.value.code == "audio_too_long"
    assert refusal.value.value == ("600 s or more" if declared else "60 s or more")


def test_longest_recording_is_accepted(tmp_path: Path) -> None:
    """A recording as long as the limit is accepted; one that is a second longer is not."""
    path = tmp_path / "call.wav"
    path.write_bytes(wav(bytes(2 * 8000 * 3)))
    assert decode_path(path, settings=Settings(max_audio_seconds=3)).duration == 3
    with pytest.raises(TooLarge):
        decode_path(path, settings=Settings(max_audio_seconds=2))


def test_least_memory_is_enough(tmp_path: Path) -> None:
    """The smallest memory limit that the settings allow is enough for the largest number of channels."""
    path = tmp_path / "call.wav"
    path.write_bytes(wav(bytes(2 * 8 * 48_000 * 2), channels=8, rate=48_000))
    assert decode_path(path, settings=Settings(decode_memory_bytes=134_217_728)).channels == 8


def test_sample_rate_may_change_within_a_file(tmp_path: Path) -> None:
    """Of two recordings joined end to end, both are decoded, each at its own rate."""
    parts = [
        encode(tmp_path / str(rate), call(seconds=2, rate=rate), rate=rate, container="mp3", codec="libmp3lame")
        for rate in (16_000, 8000)
    ]
    path = tmp_path / "call"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with path.open("rb") as source, tempfile.TemporaryFile() as target:
        answer = decode_file(source, target, Order(max_seconds=60))
        assert answer["channels"] == 2
        assert target.tell() == pytest.approx(4 * SAMPLE_RATE * 2 * 2, rel=0.1)
