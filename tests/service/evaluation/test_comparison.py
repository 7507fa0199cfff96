"""When a change of an error rate is a regression."""

from collections.abc import Sequence

import numpy as np
import pytest

from service.evaluation.comparison import compare, error_rates
from service.evaluation.error_rates import TurnErrors
from service.evaluation.measurement import MeasuredRecording

WORDS_PER_TURN = 8


def measured(*channels: Sequence[int]) -> list[MeasuredRecording]:
    """A recording with the given numbers of word errors in the turns of each channel."""
    return [
        MeasuredRecording(
            digest="d",
            language="en",
            seconds=1.0,
            processing_seconds=0.1,
            channels=tuple(
                tuple(TurnErrors(WORDS_PER_TURN, count, 5 * WORDS_PER_TURN, 5 * count) for count in errors)
                for errors in channels
            ),
        )
    ]


def regressions(last: Sequence[int], this: Sequence[int], *, allowed: float = 0.01) -> set[str]:
    """The groups whose rates regress if the turns' word errors change from `last` to `this`."""
    changes = compare(measured(this), measured(last), allowed=allowed)
    return {change.now.group for change in changes if change.regressed}


def test_interval_holds_the_true_rate() -> None:
    """About 95 of 100 intervals do, so that they say how precise a rate from so few turns is."""
    rng = np.random.default_rng(7)
    rates = [error_rates(measured(rng.binomial(8, 0.1, size=60).tolist()))[0].rate for _ in range(100)]
    assert 88 <= sum(rate.low <= 0.1 <= rate.high for rate in rates) <= 99


@pytest.mark.verify
def test_equal_release_seldom_regresses() -> None:
    """Of two equal releases one is always worse by chance; the gate lets it pass."""
    rng = np.random.default_rng(7)
    pairs = rng.binomial(8, 0.1, size=(100, 2, 60)).tolist()
    assert sum(bool(regressions(last, this)) for last, this in pairs) <= 5


@pytest.mark.verify
def test_worse_release_seldom_passes() -> None:
    """Six more word errors in a hundred words are detected with 60 turns."""
    rng = np.random.default_rng(7)
    last, more = rng.binomial(8, 0.1, size=(100, 60)), rng.binomial(8, 0.06, size=(100, 60))
    assert sum(bool(regressions(before, before + worse)) for before, worse in zip(last, more, strict=True)) >= 95


@pytest.mark.parametrize(
    ("this", "allowed", "regressed"),
    [
        ([0] * 100, 0.0, False),
        ([8] + [0] * 99, 0.005, False),
        ([1] * 20 + [0] * 80, 0.02, True),
        ([1] * 20 + [0] * 80, 0.03, False),
    ],
    ids=["the same", "one turn", "many turns", "less than allowed"],
)
def test_regression_is_neither_chance_nor_allowed(this: list[int], allowed: float, *, regressed: bool) -> None:
    """One bad turn may be chance, and a certain increase may still be too small to matter."""
    assert bool(regressions([0] * 100, this, allowed=allowed)) is regressed


def test_one_bad_channel_is_enough() -> None:
    """Better words of the agents do not make up for worse words of the customers."""
    last, this = measured([1] * 200, [0] * 50), measured([0] * 200, [1] * 50)
    worse = {change.now.group for change in compare(this, last, allowed=0.01) if change.regressed}
    assert worse == {"channel 1"}
