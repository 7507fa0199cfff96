"""Error rates with confidence intervals, and their change since the last release, by bootstrap over turns.

Both releases hear the same audio, so their errors are compared turn by turn: a turn that is hard is hard for both.
A change is a regression if it is unlikely to be chance and larger than allowed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.evaluation.error_rates import TurnErrors
from service.evaluation.measurement import MeasuredRecording

# The columns of `TurnErrors` that hold the number of units and of errors.
METRICS = {"words": (0, 1), "characters": (2, 3)}
RESAMPLES, SEED, PERCENTILES = 2000, 1, (2.5, 97.5)
# Bounds the memory for the draws of a large set.
RESAMPLES_AT_ONCE = 100

Counts = NDArray[np.int64]
Rates = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRate:
    """The share of a group's words or characters that are wrong; `count` is how many the reference has."""

    group: str
    metric: str
    count: int
    rate: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class RateChange:
    """An error rate beside that of the last release; `increase` is the difference, `allowed` its limit."""

    now: ErrorRate
    last: float
    increase: Estimate
    allowed: float

    @property
    def regressed(self) -> bool:
        """Whether the increase is larger than allowed and unlikely to be chance."""
        return self.increase.value > self.allowed and self.increase.low > 0


def error_rates(recordings: Sequence[MeasuredRecording]) -> list[ErrorRate]:
    """The rates over all recordings, over each channel and over each language."""
    return [
        _error_rate(group, metric, totals)
        for group, counts in _groups(recordings).items()
        for totals in [_resampled_totals(counts)]
        for metric in METRICS
    ]


def compare(
    this: Sequence[MeasuredRecording], last: Sequence[MeasuredRecording], *, allowed: float
) -> list[RateChange]:
    """The changes of all rates between two runs over the same recordings, given in the same order.

    Both runs are resampled with the same draws, so the interval of a change is that of the same turns heard by both.
    """
    changes, last_groups = [], _groups(last)
    for group, counts in _groups(this).items():
        totals, last_totals = _resampled_totals(counts), _resampled_totals(last_groups[group])
        for metric in METRICS:
            last_rates = _rates(last_totals, metric)
            changes.append(
                RateChange(
                    now=_error_rate(group, metric, totals),
                    last=float(last_rates[0]),
                    increase=_estimate(_rates(totals, metric) - last_rates),
                    allowed=allowed,
                )
            )
    return changes


def _groups(recordings: Sequence[MeasuredRecording]) -> dict[str, Counts]:
    """The counts of each group's turns, shape (turns, 4)."""
    found: dict[str, list[TurnErrors]] = {}
    for recording in recordings:
        for channel, turns in enumerate(recording.channels):
            for group in ("all", f"channel {channel}", f"language {recording.language}"):
                found.setdefault(group, []).extend(turns)
    return {group: np.array(found[group]).reshape(-1, 4) for group in sorted(found)}


def _resampled_totals(counts: Counts) -> Counts:
    """Sums over the turns, shape (1 + RESAMPLES, 4): first over all, then over each draw with replacement.

    The seed is fixed, so that the same number of turns gets the same draws.
    """
    rng, turns = np.random.default_rng(SEED), len(counts)
    drawn = (
        rng.multinomial(turns, np.full(turns, 1 / turns), size=RESAMPLES_AT_ONCE) @ counts
        for _ in range(RESAMPLES // RESAMPLES_AT_ONCE)
    )
    return np.concatenate([counts.sum(axis=0, keepdims=True), *drawn])


def _rates(totals: Counts, metric: str) -> Rates:
    count, errors = METRICS[metric]
    rates: Rates = totals[:, errors] / np.maximum(totals[:, count], 1)
    return rates


def _error_rate(group: str, metric: str, totals: Counts) -> ErrorRate:
    count = int(totals[0, METRICS[metric][0]])
    return ErrorRate(group=group, metric=metric, count=count, rate=_estimate(_rates(totals, metric)))


def _estimate(resampled: Rates) -> Estimate:
    low, high = np.percentile(resampled[1:], PERCENTILES)
    value, low, high = (round(float(number), 6) for number in (resampled[0], low, high))
    return Estimate(value=value, low=low, high=high)
