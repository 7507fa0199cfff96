"""The waveform: peaks of every kind of recording, read slice by slice if it may be long."""

import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from tests.page.calls import RECORDING_URL, billing, show, until
from tests.service import media

# Each channel is loud in a second of its own.
LOUD = {0: 1, 1: 2}
SECONDS = 4
# Half of the full scale, of 255.
PEAK = 128

_PEAKS = """async ({ url, seconds }) => {
  const page = document.querySelector("script[src$='page.js']").src;
  const { readPeaks } = await import(new URL("call/audio/peaks.js", page).href);
  const blob = await (await fetch(url)).blob();
  let tracks = [];
  const { signal } = new AbortController();
  try {
    await readPeaks(blob, { seconds: Promise.resolve(seconds), signal, onTracks: (found) => (tracks = found) });
  } catch (error) {
    return error.constructor.name;
  }
  return tracks.map((track) => Array.from({ length: seconds }, (_, at) => track.between(at + 0.1, at + 0.9)));
}"""


def call(rate: int, *, seconds: int = SECONDS, channels: int = 2) -> NDArray[np.float32]:
    """Samples of shape (channels, frames) in which each channel is loud in seconds of its own, every four seconds."""
    times = np.arange(seconds * rate) / rate
    tone = 0.5 * np.sin(2 * np.pi * 440 * times)
    return np.array([tone * (times // 1 % SECONDS == LOUD[n % 2]) for n in range(channels)], dtype=np.float32)


def peaks(page: Page, content: bytes, *, seconds: int = SECONDS) -> list[list[int]] | str:
    """For each channel the highest peak of each second, or the name of the error."""
    page.unroute_all()
    page.route(f"**{RECORDING_URL}", lambda route: route.fulfill(body=content))
    found: list[list[int]] | str = page.evaluate(_PEAKS, {"url": RECORDING_URL, "seconds": seconds})
    return found


def assert_loud(found: list[list[int]] | str, *, channels: int = 2, seconds: int = SECONDS, within: int = 6) -> None:
    """Each channel is loud in its own seconds, at half of the scale, and quiet in all others."""
    assert not isinstance(found, str), found
    assert len(found) == channels
    for channel, track in enumerate(found):
        for second, peak in enumerate(track[:seconds]):
            truth = PEAK if second % SECONDS == LOUD[channel % 2] else 0
            assert abs(peak - truth) <= within, (channel, second, peak)


def _integers(bits: int) -> Callable[[NDArray[np.float32]], bytes]:
    def encode(samples: NDArray[np.float32]) -> bytes:
        scaled = (samples.T.astype(np.float64) * (2 ** (bits - 1) - 1)).astype("<i4").reshape(-1)
        if bits == 8:
            return bytes((scaled + 128).astype(np.uint8))
        return bytes(scaled.view(np.uint8).reshape(-1, 4)[:, : bits // 8].copy())

    return encode


@pytest.mark.verify
def test_wav_of_every_sample_format(page: Page) -> None:
    """PCM of 8 to 32 bits and floats have the same peaks at the same seconds, whatever the rate."""
    formats = [(1, bits, _integers(bits)) for bits in (8, 16, 24, 32)]
    formats.append((3, 32, lambda samples: samples.T.astype("<f4").tobytes()))
    # A hundred, the number of peaks a second, does not divide the second one.
    for rate in (8000, 11025):
        for tag, bits, encode in formats:
            assert_loud(peaks(page, media.wav(encode(call(rate)), channels=2, rate=rate, tag=tag, bits=bits)))


@pytest.mark.verify
@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [
        ("wav", "pcm_mulaw", 8000),
        pytest.param("wav", "pcm_alaw", 8000, marks=pytest.mark.verify),
        ("mp3", "libmp3lame", 44100),
        pytest.param("flac", "flac", 44100, marks=pytest.mark.verify),
        pytest.param("ogg", "libopus", 48000, marks=pytest.mark.verify),
    ],
)
def test_compressed_recordings(page: Page, tmp_path: Path, container: str, codec: str, rate: int) -> None:
    """The telephone's codecs, MP3 and files that the browser decodes as a whole have the peaks of their samples."""
    path = media.encode(tmp_path / f"call.{container}", call(rate), rate=rate, container=container, codec=codec)
    assert_loud(peaks(page, path.read_bytes()), within=30)


@pytest.mark.verify
def test_a_long_mp3_is_decoded_in_parts(page: Page, tmp_path: Path) -> None:
    """Peaks stay in their seconds over the ends of several parts of a file with a title in front."""
    path = media.encode(
        tmp_path / "call.mp3",
        call(44100, seconds=120),
        rate=44100,
        container="mp3",
        codec="libmp3lame",
        bit_rate=128_000,
    )
    assert path.stat().st_size > 2 * 2**19
    assert_loud(peaks(page, path.read_bytes(), seconds=72), seconds=71, within=30)


@pytest.mark.verify
def test_a_wav_of_unknown_length_with_other_chunks(page: Page) -> None:
    """A stream's header with the largest size, after a chunk of odd length, is read to the end of the file."""
    content = media.wav(media.pcm(call(8000)), channels=2, size=2**32 - 1)
    other = struct.pack("<4sI3sx", b"LIST", 3, b"abc")
    assert_loud(peaks(page, content[:12] + other + content[12:]))


@pytest.mark.verify
def test_any_number_of_channels(page: Page) -> None:
    """Each channel has its own peaks."""
    for channels in (1, 3, 6):
        content = media.wav(media.pcm(call(8000, channels=channels)), channels=channels)
        assert_loud(peaks(page, content), channels=channels)


@pytest.mark.verify
def test_a_file_that_would_not_fit_into_memory_is_not_decoded(page: Page, tmp_path: Path) -> None:
    """A long file of a format that browsers decode as a whole is left alone, instead of taking gigabytes."""
    path = media.encode(tmp_path / "call.flac", call(8000), rate=8000, container="flac", codec="flac")
    assert peaks(page, path.read_bytes(), seconds=90 * 60) == "TooLong"


def test_a_file_that_is_no_recording_is_an_error(page: Page) -> None:
    """A broken or foreign file ends with an error, never with an endless loop."""
    unknown = media.wav(bytes(100), tag=0x31)
    for content in (b"RIFF\x24\0\0\0WAVEfmt ", unknown, b"ID3" + bytes(500), b"", b"text"):
        assert isinstance(peaks(page, content), str), content[:4]


def test_the_waveform_is_drawn_from_the_recording(page: Page) -> None:
    """The lanes show the recording's own loudness: where only the agent is loud, only the agent's lane has ink."""
    show(page, billing() | {"segments": [], "duration": 4.0}, audio=media.wav(media.pcm(call(8000)), channels=2))
    expect(page.locator("call-view")).to_have_attribute("data-waveform", "drawn")
    inked = page.evaluate(
        """() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => {
          const canvas = document.querySelector("call-view canvas");
          const ratio = canvas.width / canvas.clientWidth;
          const row = (lane) => Math.round((6 + lane * 40 + 12) * ratio);
          const ink = (lane, second) => {
            const x = Math.round((canvas.width * (second + 0.3)) / 4);
            return canvas.getContext("2d").getImageData(x, row(lane), Math.round(canvas.width / 10), 1).data.some((value) => value);
          };
          resolve([0, 1].map((lane) => [0, 1, 2, 3].map((second) => ink(lane, second))));
        })))"""
    )
    assert inked == [[False, True, False, False], [False, False, True, False]]


def test_a_recording_of_the_browser_itself_has_a_length(page: Page) -> None:
    """A browser's recorder writes no length into its files: the view finds it, and can go to any position."""
    show(page, billing() | {"segments": []})
    page.evaluate(
        """async () => {
          const context = new AudioContext();
          const [tone, stream] = [new OscillatorNode(context), context.createMediaStreamDestination()];
          tone.connect(stream);
          tone.start();
          const recorder = new MediaRecorder(stream.stream);
          const part = new Promise((done) => recorder.addEventListener("dataavailable", ({ data }) => done(data)));
          recorder.start();
          setTimeout(() => recorder.stop(), 1500);
          window.view.show({ transcript: null, audio: await part, name: "recorded.webm" });
        }"""
    )
    expect(page.locator(".call-clock")).to_have_text(re.compile(r"^0:00 / 0:0[12]$"))
    expect(page.locator("call-view")).to_have_attribute("data-waveform", "drawn")
    page.get_by_role("slider").press("End")
    until(page, "document.querySelector('call-view audio').currentTime > 1")
