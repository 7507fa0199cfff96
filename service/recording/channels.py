"""Finds channels that carry the same sound as an earlier one: mono recorded as stereo, exactly or nearly.

A lossy codec, dither, a gain or a delay makes the copies differ in every sample, so levels and correlations of short
blocks are compared. Two speakers are told apart by their levels even if each is heard on the other's channel: whoever
speaks is louder on the own channel, so that the ratio of the levels changes with the speaker. Copies keep their ratio.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from service.recording.blocks import Samples, blocks

SAMPLE_RATE = 16_000
# What is compared at once.
CHUNK = 60 * SAMPLE_RATE
# The shortest word fills one.
BLOCK = SAMPLE_RATE // 4
# Codecs keep the waveform of low frequencies only; the mean of 4 samples holds those below 2 kHz.
DECIMATION = 4

# Recorders and codecs delay one channel by no more.
MAX_LAG = SAMPLE_RATE // 20
PROBES, PROBE = 8, SAMPLE_RATE
# Levels are compared in blocks that can be heard, correlations in those that are clear: in dB beside full scale, and
# beside the channel's loudest second.
AUDIBLE, AUDIBLE_BELOW_LOUDEST, CLEAR_BELOW_LOUDEST = -60.0, -50.0, -30.0
LOUDEST_BLOCKS = 4
# Levels must agree in every block, correlations in all but a few, which codecs spoil at low bit rates.
MAX_DEVIATION, MIN_CORRELATION, SPOILT_SHARE = 2.0, 0.8, 0.05
# A channel that only carries another one's echo is not a copy of it.
MAX_GAIN = 6.0
QUIET = 1e-3

Levels = NDArray[np.float64]


def duplicates(samples: Samples) -> dict[int, int]:
    """The channels that repeat an earlier one, each with the earlier one; `samples` has the shape (channels, frames)."""
    found: dict[int, int] = {}
    for channel in range(1, len(samples)):
        for earlier in range(channel):
            if earlier not in found and _same(samples[earlier], samples[channel]):
                found[channel] = earlier
                break
    return found


def _same(one: Samples, other: Samples) -> bool:
    if all(np.array_equal(a, b) for a, b in zip(blocks(one, CHUNK), blocks(other, CHUNK), strict=True)):
        return True
    lag, correlation = _lag(one, other)
    return correlation >= MIN_CORRELATION and _alike(one[max(0, -lag) :], other[max(0, lag) :])


def _lag(one: Samples, other: Samples) -> tuple[int, float]:
    """The delay of `other` in samples, and the mean correlation at it, over the loudest seconds of `one`."""
    count = len(one) // PROBE
    # Every eighth sample is enough to tell a loud second.
    levels = np.array([_power(second[::8]) for second in islice(blocks(one, PROBE), count)])
    products = np.zeros(2 * MAX_LAG + 1)
    probes = np.argsort(levels)[-PROBES:]
    for index in probes:
        a, b = (channel[index * PROBE : (index + 1) * PROBE].astype(np.float32) for channel in (one, other))
        spectrum = np.conj(np.fft.rfft(a, 2 * PROBE)) * np.fft.rfft(b, 2 * PROBE)
        product = np.fft.irfft(spectrum, 2 * PROBE)
        norm = float(np.linalg.norm(a) * np.linalg.norm(b)) + QUIET
        products += np.concatenate([product[-MAX_LAG:], product[: MAX_LAG + 1]]) / norm
    best = int(np.argmax(np.abs(products)))
    return best - MAX_LAG, float(abs(products[best])) / max(1, len(probes))


def _power(samples: Samples) -> float:
    return float(np.mean(samples.astype(np.float32) ** 2))


def _alike(one: Samples, other: Samples) -> bool:
    """Whether two channels without delay keep the ratio of their levels and correlate, in every block that is loud."""
    a, b, product = (np.concatenate(parts) for parts in zip(*_measured(one, other), strict=True))
    level, other_level = _decibels(a), _decibels(b)
    audible = _within(level, AUDIBLE_BELOW_LOUDEST) | _within(other_level, AUDIBLE_BELOW_LOUDEST)
    clear = audible & (_within(level, CLEAR_BELOW_LOUDEST) | _within(other_level, CLEAR_BELOW_LOUDEST))
    if not clear.any():
        return False
    ratio = other_level - level
    usual = float(np.median(ratio[clear]))
    if abs(usual) > MAX_GAIN or (np.abs(ratio[audible] - usual) > MAX_DEVIATION).any():
        return False
    correlation = np.abs(product[clear]) / np.sqrt(a[clear] * b[clear])
    return bool(np.quantile(correlation, SPOILT_SHARE) >= MIN_CORRELATION)


def _measured(one: Samples, other: Samples) -> Iterator[tuple[Levels, Levels, Levels]]:
    """The power of each block of both channels, and the mean of their product."""
    length = min(len(one), len(other)) // BLOCK * BLOCK
    for pair in zip(blocks(one[:length], CHUNK), blocks(other[:length], CHUNK), strict=True):
        a, b = map(_centred, pair)
        yield np.mean(a * a, axis=1), np.mean(b * b, axis=1), np.mean(a * b, axis=1)


def _centred(samples: Samples) -> NDArray[np.float32]:
    """Low frequencies in blocks, without their mean."""
    # As a sum of strides, because numpy is slow at many means of four.
    low = (
        sum((samples[phase::DECIMATION].astype(np.float32) for phase in range(DECIMATION)), np.float32(0)) / DECIMATION
    )
    shaped = low.reshape(-1, BLOCK // DECIMATION)
    return np.asarray(shaped - shaped.mean(axis=1, keepdims=True))


def _within(level: Levels, range_: float) -> NDArray[np.bool_]:
    """The blocks that can be heard, and whose level lies in a range below the channel's loudest second."""
    loudest = float(np.sort(level)[-min(LOUDEST_BLOCKS, len(level))])
    return level >= max(loudest + range_, AUDIBLE)


def _decibels(power: Levels) -> Levels:
    return np.asarray(10 * np.log10(power / 2.0**30 + 1e-12))
