"""Sounds that are no speech, made by formula and the same on every run; levels in dBFS."""

import numpy as np
from numpy.typing import NDArray

from service.recording import SAMPLE_RATE, Recording

Sound = NDArray[np.float32]
# A line is never silent.
COMFORT_DECIBELS = -62


def silence(seconds: float) -> Sound:
    """Digital silence."""
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def at_level(sound: Sound, decibels: float) -> Sound:
    """A sound with its loud parts at a level."""
    loud = sound[np.abs(sound) > 0.05 * np.abs(sound).max()]
    return np.asarray(sound * 10 ** (decibels / 20) / np.sqrt(np.square(loud).mean()), np.float32)


def noise(seconds: float, decibels: float, *, low: float = 0, high: float = 8000, seed: int = 3) -> Sound:
    """Noise of a band of frequencies, in Hz."""
    count = round(seconds * SAMPLE_RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    frequencies = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    wave = np.fft.irfft(spectrum, count)
    return np.asarray(wave * 10 ** (decibels / 20) / np.sqrt(np.square(wave).mean()), np.float32)


def tone(frequencies: tuple[float, ...], seconds: float, decibels: float = -18) -> Sound:
    """Sine waves together."""
    times = _times(seconds)
    return at_level(_float(sum(np.sin(2 * np.pi * frequency * times) for frequency in frequencies)), decibels)


def ringing(count: int = 5) -> Sound:
    """The American ringing tone."""
    return np.concatenate([part for _ in range(count) for part in (tone((440, 480), 2), silence(4))])


def dtmf() -> Sound:
    """Ten keys of a telephone."""
    keys = [(697 + 80 * n, 1209 + 60 * n) for n in range(10)]
    return np.concatenate([part for key in keys for part in (tone(key, 0.12, -14), silence(0.3))])


def hum() -> Sound:
    """Mains hum with its harmonics."""
    return tone((50, 100, 150, 250), 8, -20)


def bark() -> Sound:
    """A dog: three falling, rough cries."""
    sweep = np.linspace(700, 350, round(0.18 * SAMPLE_RATE))
    cry = np.sign(np.sin(2 * np.pi * np.cumsum(sweep) / SAMPLE_RATE)) * np.hanning(len(sweep))
    return np.concatenate([part for _ in range(3) for part in (at_level(_float(cry), -15), silence(0.5))])


def breath() -> Sound:
    """Eight breaths into a headset."""
    envelope = np.hanning(round(0.9 * SAMPLE_RATE))
    breaths = [_float(noise(0.9, -38, low=500, high=3000, seed=n) * envelope) for n in range(8)]
    return np.concatenate([part for one in breaths for part in (one, silence(1.2))])


def music(seconds: float, decibels: float = -22, *, seed: int = 5) -> Sound:
    """Hold music: a melody of plucked strings over two steady ones."""
    generator = np.random.default_rng(seed)
    scale = (262, 294, 330, 349, 392, 440, 494, 523)
    notes: list[Sound] = []
    while sum(map(len, notes)) < seconds * SAMPLE_RATE:
        pitch, times = scale[generator.integers(8)], _times((0.25, 0.5, 0.5, 1.0)[generator.integers(4)])
        plucked = sum(np.sin(2 * np.pi * pitch * n * times) / n for n in (1, 2, 3, 4)) * np.exp(-2 * times)
        steady = 0.4 * np.sin(2 * np.pi * 131 * times) + 0.3 * np.sin(2 * np.pi * 196 * times)
        notes.append(_float(plucked + steady))
    return at_level(np.concatenate(notes)[: round(seconds * SAMPLE_RATE)], decibels)


def babble(voices: list[Sound], seconds: float, decibels: float) -> Sound:
    """Many voices at once, of which none can be understood."""
    count = round(seconds * SAMPLE_RATE)
    return at_level(_float(sum(np.resize(np.roll(voice, 5000 * n), count) for n, voice in enumerate(voices))), decibels)


def whispered(sound: Sound) -> Sound:
    """Speech without a voice: its spectrum with random phases."""
    size, step = 512, 256
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(sound, size), size)[::step] * np.hanning(size)
    magnitudes = np.abs(np.fft.rfft(frames))
    phases = np.exp(2j * np.pi * np.random.default_rng(7).random(magnitudes.shape))
    made = np.fft.irfft(magnitudes * phases, size) * np.hanning(size)
    whole = np.zeros(len(made) * step + size, np.float32)
    for number, frame in enumerate(made):
        whole[number * step : number * step + size] += frame
    return whole[size : size + len(sound)]


def line(*channels: Sound, lead: float = 0.5, tail: float = 0.8, comfort: float = COMFORT_DECIBELS) -> Recording:
    """A recording of these channels, with comfort noise and some silence around them."""
    seconds = max(map(len, channels)) / SAMPLE_RATE + lead + tail
    samples = []
    for number, channel in enumerate(channels):
        wave = noise(seconds, comfort, high=1800, seed=number)
        start = round(lead * SAMPLE_RATE)
        wave[start : start + len(channel)] += channel
        samples.append((np.clip(wave, -1, 1) * 32767).astype(np.int16))
    return Recording(samples=np.stack(samples), missing_seconds=0.0, gaps=())


def _times(seconds: float) -> NDArray[np.float64]:
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def _float(wave: object) -> Sound:
    return np.asarray(wave, np.float32)
