"""Coverage of true speech by a voice detector."""

import numpy as np
import pytest

from service.evaluation.coverage import NOTHING, cover
from service.evaluation.turns import TimedTurn
from service.recording import SAMPLE_RATE

TURN = TimedTurn(channel=0, text="one", start=1, end=3)


def call(*, pause: bool = False) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    """Five seconds with a sound from 1 to 3 s, with or without a silent second half."""
    samples = np.zeros(5 * SAMPLE_RATE, np.int16)
    samples[SAMPLE_RATE : (2 if pause else 3) * SAMPLE_RATE] = 1000
    return samples


def spans(*seconds: tuple[float, float]) -> list[tuple[int, int]]:
    """Spans in samples."""
    return [(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)) for start, end in seconds]


def test_half_of_a_turn_is_half_covered() -> None:
    """Coverage counts speech only, overhead everything that was found."""
    found = cover(call(), [TURN], spans((0, 2)), channel=0)
    assert found.share == pytest.approx(0.5)
    assert found.overhead == pytest.approx(0.0)


def test_pause_inside_a_turn_need_not_be_found() -> None:
    """It is no speech, but no overhead either."""
    found = cover(call(pause=True), [TURN], spans((1, 2)), channel=0)
    assert [found.share, found.turns] == pytest.approx([1.0, 2.0])
    assert found.overhead == pytest.approx(-0.5)


def test_coverage_of_channels_adds_up() -> None:
    """The other channel is silent: all that is found there is overhead."""
    both = cover(call(), [TURN], spans((1, 3)), channel=0) + cover(call(), [TURN], spans((4, 5)), channel=1)
    assert [both.share, both.overhead] == pytest.approx([1.0, 0.5])
    assert (NOTHING.share, NOTHING.overhead) == (1.0, 0.0)
