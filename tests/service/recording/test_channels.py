"""Channels that repeat each other: copies are found however they were made, and two speakers never count as one."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from service.recording import SAMPLE_RATE
from service.recording.channels import duplicates
from tests.service.media import decode_path, encode

Sound = NDArray[np.float32]


def turns(*, seed: int, first: bool, seconds: float = 30) -> Sound:
    """Something like one speaker of a call: syllables of noise below 3 kHz, with pauses for the other speaker."""
    generator = np.random.default_rng(seed)
    noise = np.convolve(generator.normal(size=round(seconds * SAMPLE_RATE)), np.hanning(8) / 4, "same")
    times = np.arange(len(noise)) / SAMPLE_RATE
    speaking = (times % 6 < 2.5) if first else (times % 6 > 3)
    return np.asarray(0.2 * noise * np.abs(np.sin(9 * times)) * speaking, np.float32)


MONO = turns(seed=1, first=True) + turns(seed=2, first=False)
AGENT, CUSTOMER = turns(seed=1, first=True), turns(seed=2, first=False)


def late(sound: Sound, seconds: float) -> Sound:
    """A sound that begins later."""
    shift = round(seconds * SAMPLE_RATE)
    return np.concatenate([np.zeros(shift, np.float32), sound[: len(sound) - shift]])


def dithered(sound: Sound) -> Sound:
    """A sound with noise of one bit."""
    return sound + np.random.default_rng(3).integers(-1, 2, len(sound)).astype(np.float32) / np.float32(32768)


def as_samples(*channels: Sound) -> NDArray[np.int16]:
    """Channels as they are decoded."""
    return (np.stack(channels) * 32768).round().clip(-32768, 32767).astype(np.int16)


@pytest.mark.parametrize(
    "copy",
    [
        lambda sound: sound,
        dithered,
        lambda sound: 0.98 * sound,
        lambda sound: 1.4 * sound,
        lambda sound: -sound,
        lambda sound: late(sound, 0.01),
        lambda sound: dithered(0.98 * late(sound, 0.0101)),
    ],
    ids=["equal", "dither", "quieter", "louder", "inverted", "late", "all"],
)
def test_copy_is_found(copy: Callable[[Sound], Sound]) -> None:
    """Mono recorded as stereo, whichever of the two is the copy."""
    assert duplicates(as_samples(MONO, copy(MONO))) == {1: 0}
    assert duplicates(as_samples(copy(MONO), MONO)) == {1: 0}


@pytest.mark.parametrize(
    ("container", "codec", "rate", "bit_rate"),
    [
        ("adts", "aac", 16_000, 64_000),
        ("ipod", "aac", 8000, 32_000),
        ("mp4", "aac", 48_000, 96_000),
        ("ogg", "libopus", 48_000, 64_000),
        ("webm", "libopus", 48_000, 24_000),
        ("mp3", "libmp3lame", 16_000, 32_000),
        ("asf", "wmav2", 16_000, 64_000),
    ],
)
def test_copy_is_found_behind_a_lossy_codec(
    tmp_path: Path, container: str, codec: str, rate: int, bit_rate: int
) -> None:
    """Not one sample is equal in both channels."""
    both = np.stack([MONO, dithered(0.98 * MONO)])
    both = both[:, ::2] if rate == 8000 else np.repeat(both, rate // SAMPLE_RATE, axis=1)
    path = encode(tmp_path / "call", both, rate=rate, container=container, codec=codec, bit_rate=bit_rate)
    samples = decode_path(path).samples
    assert duplicates(samples) == {1: 0}


@pytest.mark.parametrize("decibels", [-40, -20, -10, -6, -3, -2])
def test_speakers_who_are_heard_on_each_others_channels_stay_apart(decibels: float) -> None:
    """Bleed correlates perfectly, but whoever speaks is louder on the own channel."""
    bleed = np.float32(10 ** (decibels / 20))
    assert duplicates(as_samples(AGENT + bleed * CUSTOMER, CUSTOMER + bleed * AGENT)) == {}
    assert duplicates(as_samples(AGENT + bleed * late(CUSTOMER, 0.02), CUSTOMER + bleed * late(AGENT, 0.02))) == {}


@pytest.mark.parametrize("decibels", [0, -20, -30])
def test_one_word_of_another_speaker_makes_a_channel_of_its_own(decibels: float) -> None:
    """However long the channels are equal, and however quiet the word is."""
    word = np.zeros_like(AGENT)
    start = round(4.5 * SAMPLE_RATE)
    word[start : start + SAMPLE_RATE // 3] = 10 ** (decibels / 20) * CUSTOMER[start : start + SAMPLE_RATE // 3]
    assert duplicates(as_samples(AGENT, AGENT + word)) == {}
    assert duplicates(as_samples(AGENT + word, AGENT)) == {}


def test_echo_is_not_a_copy() -> None:
    """A customer who says nothing: the agent's echo on that channel must not take the place of the agent."""
    assert duplicates(as_samples(0.03 * AGENT, AGENT)) == {}


def test_silence_and_noise_are_no_copies_of_speech() -> None:
    """Nor of each other, unless they are equal."""
    silence = np.zeros_like(AGENT)
    assert duplicates(as_samples(AGENT, silence, dithered(silence), silence)) == {3: 1}


@pytest.mark.parametrize("length", [0, 1, 100, 4000, 20_000])
def test_short_recordings_are_compared(length: int) -> None:
    """Down to no sample at all."""
    samples = as_samples(MONO, MONO, 0.2 - MONO)[:, 2000 : 2000 + length]
    assert duplicates(samples) == ({1: 0} if length else {1: 0, 2: 0})


def test_comparison_of_a_long_recording_takes_little_memory() -> None:
    """An hour of 16-bit samples is 115 MB a channel; the comparison takes a part of that at a time."""
    hour = np.tile(as_samples(MONO, dithered(MONO)).T, (120, 1)).T
    tracemalloc.start()
    assert duplicates(hour) == {1: 0}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32_000_000
