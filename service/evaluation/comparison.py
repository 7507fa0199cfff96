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
from service.evaluation.turns import Placement, punctual

RESAMPLES, SEED, PERCENTILES = 2000, 1, (2.5, 97.5)
# Bounds the memory for the draws of a large set.
RESAMPLES_AT_ONCE = 100

# Each turn's number of units and of errors, shape (turns, 2); or their sums over several samples of the turns.
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
    """The share of a group's units that are wrong; `count` is how many the reference has.

    The metric names unit and error: `words` and `characters` of each channel, words in call `order`, `ghosts` per
    word, and turns that are `spanned` by another speaker's segment or that `start` or `end` off by more than 0.3 s.
    """

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
        _error_rate(group, metric, _resampled_totals(counts)) for (group, metric), counts in _counts(recordings).items()
    ]


def compare(
    this: Sequence[MeasuredRecording], last: Sequence[MeasuredRecording], *, allowed: float
) -> list[RateChange]:
    """The changes of all rates between two runs over the same recordings, given in the same order.

    Both runs are resampled with the same draws, so the interval of a change is that of the same turns heard by both.
    """
    changes, last_counts = [], _counts(last)
    for (group, metric), counts in _counts(this).items():
        totals, last_rates = _resampled_totals(counts), _rates(_resampled_totals(last_counts[group, metric]))
        changes.append(
            RateChange(
                now=_error_rate(group, metric, totals),
                last=float(last_rates[0]),
                increase=_estimate(_rates(totals) - last_rates),
                allowed=allowed,
            )
        )
    return changes


def resampled_rate(units_and_errors: Sequence[tuple[int, int]]) -> Estimate:
    """The share of errors among the units, which are given turn by turn."""
    return _estimate(_rates(_resampled_totals(np.array(units_and_errors, np.int64).reshape(-1, 2))))


def _counts(recordings: Sequence[MeasuredRecording]) -> dict[tuple[str, str], Counts]:
    """The counts of each group and metric."""
    turns: dict[str, list[TurnErrors]] = {}
    placements: list[Placement] = []
    for recording in recordings:
        placements += recording.placements or ()
        for channel, errors in enumerate(recording.channels):
            for group in ("all", f"channel {channel}", f"language {recording.language}"):
                turns.setdefault(group, []).extend(errors)
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for group in sorted(turns):
        found[group, "words"] = [(turn.words, turn.word_errors) for turn in turns[group]]
        found[group, "characters"] = [(turn.characters, turn.character_errors) for turn in turns[group]]
    if placements:
        found["all", "order"] = [(turn.words, turn.order_errors) for turn in placements]
        found["all", "ghosts"] = [(turn.words, turn.ghosts) for turn in placements]
        found["all", "spanned"] = [(1, turn.spanned) for turn in placements]
        found["all", "start"] = [(1, int(not punctual(turn.start_error))) for turn in placements]
        found["all", "end"] = [(1, int(not punctual(turn.end_error))) for turn in placements]
    return {key: np.array(counts, np.int64).reshape(-1, 2) for key, counts in found.items()}


def _resampled_totals(counts: Counts) -> Counts:
    """Sums over the turns, shape (1 + RESAMPLES, 2): first over all, then over each draw with replacement.

    The seed is fixed, so that the same number of turns gets the same draws.
    """
    rng, turns = np.random.default_rng(SEED), len(counts)
    drawn = (
        rng.multinomial(turns, np.full(turns, 1 / turns), size=RESAMPLES_AT_ONCE) @ counts
        for _ in range(RESAMPLES // RESAMPLES_AT_ONCE)
    )
    return np.concatenate([counts.sum(axis=0, keepdims=True), *drawn])


def _rates(totals: Counts) -> Rates:
    rates: Rates = totals[:, 1] / np.maximum(totals[:, 0], 1)
    return rates


def _error_rate(group: str, metric: str, totals: Counts) -> ErrorRate:
    return ErrorRate(group=group, metric=metric, count=int(totals[0, 0]), rate=_estimate(_rates(totals)))


def _estimate(resampled: Rates) -> Estimate:
    low, high = np.percentile(resampled[1:], PERCENTILES)
    value, low, high = (round(float(number), 6) for number in (resampled[0], low, high))
    return Estimate(value=value, low=low, high=high)
