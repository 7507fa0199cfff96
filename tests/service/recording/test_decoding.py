"""`decode`: each format keeps its channels and its times."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from service.errors import TooLarge, UnsupportedAudio, UnusableAudio
from service.recording import SAMPLE_RATE, Gap, Recording, decode
from service.settings import Settings
from tests.service.media import call, decode_path, encode, likeness, pcm, wav

# The container, codec and rate of the formats in which phone systems, browsers and people record.
CLEAN = [
    ("wav", "pcm_s16le", 8000),
    ("wav", "pcm_mulaw", 8000),
    ("wav", "pcm_alaw", 8000),
    ("wav", "adpcm_ms", 8000),
    ("wav", "adpcm_ima_wav", 8000),
    ("wav", "pcm_s24le", 48_000),
    ("wav", "pcm_f32le", 16_000),
    ("w64", "pcm_s16le", 16_000),
    ("aiff", "pcm_s16be", 44_100),
    ("au", "pcm_mulaw", 8000),
    ("caf", "pcm_s16le", 16_000),
    ("mp3", "libmp3lame", 8000),
    ("mp3", "libmp3lame", 44_100),
    ("flac", "flac", 16_000),
    ("ogg", "flac", 16_000),
    ("ogg", "libopus", 48_000),
    ("ipod", "aac", 8000),
    ("ipod", "alac", 16_000),
    ("mp4", "aac", 44_100),
    ("matroska", "aac", 16_000),
    ("webm", "libopus", 48_000),
    ("adts", "aac", 16_000),
]


def recording(*channels: list[int]) -> Recording:
    """A recording of these samples."""
    return Recording(samples=np.array(channels, dtype=np.int16), missing_seconds=0.0, gaps=())


@pytest.mark.parametrize(("container", "codec", "rate"), CLEAN, ids=str)
def test_clean_recording_keeps_channels_and_times(tmp_path: Path, container: str, codec: str, rate: int) -> None:
    """Every format decodes completely, each channel in order and on time."""
    path = encode(tmp_path / "call", call(seconds=3, rate=rate), rate=rate, container=container, codec=codec)
    decoded = decode_path(path)
    truth = call(seconds=3, rate=SAMPLE_RATE)
    assert (decoded.channels, decoded.partial, decoded.gaps) == (2, False, ())
    assert decoded.duration == pytest.approx(3, abs=0.2)
    for channel in (0, 1):
        alike, late = likeness(decoded.samples[channel], truth[channel])
        other, _ = likeness(decoded.samples[channel], truth[1 - channel])
        assert alike > 0.8
        assert other < 0.5
        assert abs(late) < 0.15


@pytest.mark.parametrize("options", [{"write_xing": "0"}, {"id3v2_version": "4"}], ids=["no frame count", "tagged"])
def test_mp3_without_a_duration_is_complete(tmp_path: Path, options: dict[str, str]) -> None:
    """An MP3 that does not state its length, or starts with a tag, does not count as damaged."""
    samples = call(seconds=5, rate=16_000)
    path = encode(tmp_path / "call", samples, rate=16_000, container="mp3", codec="libmp3lame", options=options)
    assert not decode_path(path).partial


@pytest.mark.parametrize("options", [{}, {"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"}])
def test_mp4_is_complete_with_and_without_fragments(tmp_path: Path, options: dict[str, str]) -> None:
    """Browsers write MP4 in fragments, phones in one piece."""
    samples = call(seconds=3, rate=16_000)
    path = encode(tmp_path / "call", samples, rate=16_000, container="mp4", codec="aac", options=options)
    decoded = decode_path(path)
    assert not decoded.partial
    assert decoded.duration == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize("channels", range(1, 9))
def test_channels_stay_apart_in_container_order(tmp_path: Path, channels: int) -> None:
    """Up to eight channels without a named layout are neither mixed nor reordered."""
    levels = np.arange(1, channels + 1, dtype=np.float32) / 10
    path = tmp_path / "call.wav"
    path.write_bytes(wav(pcm(np.repeat(levels[:, None], 8000, axis=1)), channels=channels))
    samples = decode_path(path).samples
    assert samples.shape == (channels, SAMPLE_RATE)
    assert samples[:, 8000] == pytest.approx(levels * 32767, abs=2)


def test_identical_channels_are_one_distinct_channel() -> None:
    """Otherwise mono recorded as stereo would be transcribed twice; one of several silent channels remains."""
    assert recording([1, 2], [1, 2], [0, 0], [1, 3], [0, 0]).distinct_channels() == (0, 2, 3)


def test_duration_counts_frames_once() -> None:
    """A second channel does not make the recording longer."""
    stereo = recording([0] * 8000, [0] * 8000)
    assert (stereo.channels, stereo.duration, stereo.partial) == (2, 0.5, False)


def test_missing_seconds_make_a_recording_partial() -> None:
    """`partial` follows from `missing_seconds`."""
    gaps = (Gap(start=0.0, end=1.0),)
    assert Recording(samples=np.zeros((1, 1), dtype=np.int16), missing_seconds=1.0, gaps=gaps).partial


def test_short_recording_decodes_in_a_moment(tmp_path: Path) -> None:
    """Children fork from a server that has already loaded FFmpeg; to load it each time would take longer."""
    path = tmp_path / "call.wav"
    path.write_bytes(wav(bytes(16_000)))
    times = []
    for _ in range(6):
        start = time.monotonic()
        decode_path(path)
        times.append(time.monotonic() - start)
    assert min(times) < 0.2


def test_recordings_decode_at_the_same_time(tmp_path: Path) -> None:
    """Threads that decode at the same time do not receive each other's samples."""
    paths = []
    for number in range(1, 5):
        paths.append(tmp_path / str(number))
        paths[-1].write_bytes(wav(pcm(np.full((1, 8000 * number), number / 10, dtype=np.float32))))
    with ThreadPoolExecutor(max_workers=4) as pool:
        decoded = list(pool.map(decode_path, paths))
    assert [round(each.duration) for each in decoded] == [1, 2, 3, 4]
    assert [round(each.samples[0, 8000] / 3276.7) for each in decoded] == [1, 2, 3, 4]


def test_pipe_is_copied_to_a_file_first() -> None:
    """Containers are read in several places; a pipe has only one."""
    reading, writing = os.pipe()
    content = wav(pcm(call(seconds=1, rate=8000)), channels=2)
    with ThreadPoolExecutor() as pool, os.fdopen(reading, "rb") as source:
        pool.submit(write_all, writing, content)
        assert decode(source, settings=Settings()).duration == 1


def test_pipe_with_too_many_bytes_is_refused() -> None:
    """A pipe need not end; its copy does, at the size limit."""
    reading, writing = os.pipe()
    with ThreadPoolExecutor() as pool, os.fdopen(reading, "rb") as source:
        pool.submit(write_all, writing, bytes(5000)).result()
        with pytest.raises(TooLarge) as refusal:
            decode(source, settings=Settings(max_upload_bytes=4096))
    assert (refusal.value.code, refusal.value.expected) == ("upload_too_large", "at most 4096 bytes")


def write_all(descriptor: int, content: bytes) -> None:
    """Write into a pipe until its reader has everything, then close it."""
    with os.fdopen(descriptor, "wb") as pipe:
        pipe.write(content)


def test_empty_file_is_refused(tmp_path: Path) -> None:
    """The error names the formats that work."""
    path = tmp_path / "call.wav"
    path.touch()
    with pytest.raises(UnusableAudio) as refusal:
        decode_path(path)
    assert (refusal.value.code, refusal.value.field, refusal.value.value) == ("empty_audio", "file", "0 bytes")
    assert "WAV" in refusal.value.expected


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile neighbour.wav\n",
        "\ufeff#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nneighbour.wav\n#EXT-X-ENDLIST\n",
        "\n v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>neighbour.wav</BaseURL></MPD>',
    ],
    ids=["ffconcat", "HLS", "SDP", "DASH"],
)
def test_playlist_is_refused_by_its_first_bytes(tmp_path: Path, text: str) -> None:
    """A file that refers to another file or address never reaches FFmpeg."""
    (tmp_path / "neighbour.wav").write_bytes(wav(pcm(call(seconds=1, rate=8000)), channels=2))
    path = tmp_path / "call.wav"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnsupportedAudio) as refusal:
        decode_path(path)
    assert refusal.value.code == "unsupported_format"
    assert "neighbour" not in str(refusal.value)
