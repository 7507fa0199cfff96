"""Damaged recordings: the rest is decoded, the loss is reported, and later speech keeps its time."""

from pathlib import Path

import numpy as np
import pytest

from service.recording import SAMPLE_RATE, Recording
from tests.service.media import call, cut, damage, decode_path, encode, likeness, pcm, wav


def recorded(
    path: Path,
    container: str,
    codec: str,
    *,
    rate: int = 16_000,
    seconds: float = 10,
    options: dict[str, str] | None = None,
) -> Path:
    """A call, encoded in one format."""
    samples = call(seconds=seconds, rate=rate)
    return encode(path, samples, rate=rate, container=container, codec=codec, options=options)


def lateness(decoded: Recording, *, at: float, seconds: float) -> float:
    """Seconds by which the second channel is late at a point of a call that lasted `seconds`."""
    piece = slice(round(at * SAMPLE_RATE), round((at + 1) * SAMPLE_RATE))
    alike, late = likeness(decoded.samples[1, piece], call(seconds=seconds, rate=SAMPLE_RATE)[1, piece], lag=0.5)
    assert alike > 0.3
    return abs(late)


@pytest.mark.parametrize(
    ("container", "codec", "rate", "longest_gap"),
    [
        ("mp3", "libmp3lame", 8000, 2),
        ("mp3", "libmp3lame", 22_050, 2),
        ("ipod", "aac", 8000, 2),
        ("flac", "flac", 16_000, 2),
        ("ogg", "libopus", 48_000, 4),  # a damaged page loses more than a second
        ("webm", "libopus", 48_000, 7),  # a damaged cluster is lost to its end, up to five seconds
        ("wav", "adpcm_ms", 8000, 2),
    ],
)
def test_damaged_middle_leaves_the_rest_on_time(
    tmp_path: Path, container: str, codec: str, rate: int, longest_gap: float
) -> None:
    """Half a minute with 4 % noise in its middle: partial, with a gap, and the speech after it keeps its time."""
    path = damage(recorded(tmp_path / "call", container, codec, rate=rate, seconds=30), start=0.5, share=0.04)
    decoded = decode_path(path)
    assert decoded.partial
    assert 0.5 < decoded.missing_seconds < longest_gap
    assert decoded.duration == pytest.approx(30, abs=0.5)
    assert all(13 < gap.start < gap.end < 21 for gap in decoded.gaps)
    assert sum(gap.end - gap.start for gap in decoded.gaps) == pytest.approx(decoded.missing_seconds, abs=0.01)
    middle = decoded.gaps[0]
    assert not decoded.samples[:, round(middle.start * SAMPLE_RATE) + 100 : round(middle.end * SAMPLE_RATE) - 100].any()
    assert lateness(decoded, at=10, seconds=30) < 0.15
    assert lateness(decoded, at=25, seconds=30) < 0.25


def test_damaged_raw_aac_reports_how_much_is_missing(tmp_path: Path) -> None:
    """FFmpeg does not report the position at which it resumes raw AAC, so only the amount is known."""
    path = damage(recorded(tmp_path / "call", "adts", "aac", seconds=30), start=0.5, share=0.04)
    assert decode_path(path).missing_seconds == pytest.approx(1.2, abs=0.4)


@pytest.mark.parametrize(
    ("container", "codec", "options"),
    [
        ("wav", "pcm_s16le", {}),
        ("wav", "pcm_mulaw", {}),
        ("wav", "adpcm_ms", {}),
        ("aiff", "pcm_s16be", {}),
        ("mp3", "libmp3lame", {}),
        ("flac", "flac", {}),
        ("ipod", "aac", {"movflags": "faststart"}),
        ("matroska", "aac", {}),
    ],
    ids=str,
)
def test_cut_recording_reports_how_much_is_missing(
    tmp_path: Path, container: str, codec: str, options: dict[str, str]
) -> None:
    """If the container states its duration, the seconds after the cut are counted."""
    decoded = decode_path(cut(recorded(tmp_path / "call", container, codec, options=options), share=0.6))
    assert decoded.duration == pytest.approx(6, abs=0.5)
    assert decoded.missing_seconds == pytest.approx(10 - decoded.duration, abs=0.2)
    assert decoded.gaps[-1].start == pytest.approx(decoded.duration, abs=0.01)
    assert decoded.gaps[-1].end == pytest.approx(10, abs=0.2)


@pytest.mark.parametrize(
    ("container", "codec", "options"),
    [
        ("mp3", "libmp3lame", {"write_xing": "0"}),
        ("adts", "aac", {}),
        ("ogg", "flac", {}),
        ("w64", "pcm_s16le", {}),
        ("mp4", "aac", {"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"}),
    ],
    ids=str,
)
def test_cut_recording_without_a_promise_is_partial(
    tmp_path: Path, container: str, codec: str, options: dict[str, str]
) -> None:
    """If the container states no duration, the cut itself is detected."""
    decoded = decode_path(cut(recorded(tmp_path / "call", container, codec, options=options), share=0.6))
    assert decoded.partial
    assert decoded.gaps[-1].start == pytest.approx(decoded.duration, abs=0.01)


@pytest.mark.parametrize(
    ("size", "missing"),
    [(0, 0), (2**32 - 1, 0), (0x7FFFF000, 0), (2**31 - 1 - 36, 0), (160_000, 9), (4_000_000_000, 249_999)],
    ids=["unknown", "endless", "two gigabytes", "two gigabytes less the header", "ten seconds", "four gigabytes"],
)
def test_wav_header_counts_unless_a_streaming_recorder_wrote_it(tmp_path: Path, size: int, missing: float) -> None:
    """A second of samples: sizes that streaming recorders write promise nothing, other sizes do."""
    path = tmp_path / "call.wav"
    path.write_bytes(wav(pcm(call(seconds=1, rate=8000, channels=1)), size=size))
    decoded = decode_path(path)
    assert decoded.duration == 1
    assert decoded.missing_seconds == pytest.approx(missing, abs=1)
    assert decoded.partial == (missing > 0)


def test_chunks_around_the_samples_are_ignored(tmp_path: Path) -> None:
    """A WAV with comments before and after its samples, one of odd length, is complete."""
    plain = wav(pcm(call(seconds=1, rate=8000, channels=1)))
    path = tmp_path / "call.wav"
    path.write_bytes(plain[:12] + b"note\x03\0\0\0abc\0" + plain[12:] + b"note\x04\0\0\0abcd")
    decoded = decode_path(path)
    assert (decoded.duration, decoded.partial) == (1, False)


def test_damaged_beginning_counts_as_missing(tmp_path: Path) -> None:
    """Time counts from the start of the call, not from the first packet that can be decoded."""
    path = damage(recorded(tmp_path / "call", "mp4", "aac", rate=8000), start=0.005, share=0.2)
    decoded = decode_path(path)
    assert decoded.gaps[0].start == 0
    assert decoded.duration == pytest.approx(10, abs=0.2)
    assert lateness(decoded, at=8, seconds=10) < 0.25


@pytest.mark.parametrize("codec", ["flac", "libopus"])
def test_ogg_with_a_damaged_last_page_is_partial(tmp_path: Path, codec: str) -> None:
    """FFmpeg drops the page and takes the one before it for the last."""
    path = recorded(tmp_path / "call", "ogg", codec, rate=48_000)
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    assert decode_path(path).partial


def test_tags_after_an_mp3_do_not_count_as_missing(tmp_path: Path) -> None:
    """A title at the end of the file is not damaged audio."""
    path = recorded(tmp_path / "call", "mp3", "libmp3lame", options={"write_xing": "0"})
    path.write_bytes(path.read_bytes() + b"TAG" + b"title".ljust(125))
    assert not decode_path(path).partial


def test_damage_inside_pcm_samples_is_not_detected(tmp_path: Path) -> None:
    """PCM has no checksum: damage that keeps the size becomes noise."""
    path = damage(recorded(tmp_path / "call", "wav", "pcm_s16le"), start=0.5, share=0.02)
    decoded = decode_path(path)
    assert (decoded.duration, decoded.partial) == (10, False)
    assert np.abs(decoded.samples).max() > 20_000
