"""Speech windows: one channel each, limited in length, with a mapping to call time."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.engine.windows import BLOCK_SAMPLES, Span, Window, find_speech, pack
from service.recording import SAMPLE_RATE
from tests.service.calls import CALLS, recording


def spans(*seconds: tuple[float, float]) -> list[Span]:
    """Spans from start and end in seconds."""
    return [Span(start=round(a * SAMPLE_RATE), end=round(b * SAMPLE_RATE)) for a, b in seconds]


def _lay_out(steps: list[tuple[float, float]]) -> list[Span]:
    """Spans of the given lengths after the given silences."""
    found: list[Span] = []
    position = 0
    for length, silence in steps:
        start = position + round(silence * SAMPLE_RATE)
        position = start + round(length * SAMPLE_RATE)
        found.append(Span(start=start, end=position))
    return found


span_lists = st.lists(st.tuples(st.floats(0.1, 29.0), st.floats(0.0, 20.0)), min_size=1, max_size=40).map(_lay_out)


@given(span_lists)
def test_packing_keeps_every_sample_in_order_and_fits(found: list[Span]) -> None:
    """No speech is lost, repeated or moved, and no window is longer than the limit."""
    windows = pack(found, channel=1, max_seconds=30.0)
    assert [span for window in windows for span in window.spans] == found
    assert all(window.duration <= 30.0 and window.channel == 1 for window in windows)


@given(span_lists)
def test_packing_fills_windows(found: list[Span]) -> None:
    """Two neighbouring windows never fit into one, because fewer windows are less work."""
    windows = pack(found, channel=0, max_seconds=30.0)
    assert all(a.duration + b.spans[0].length / SAMPLE_RATE > 30.0 for a, b in pairwise(windows))


@given(span_lists, st.floats(0, 1))
def test_call_time_lies_in_the_windows_spans(found: list[Span], share: float) -> None:
    """A time of the window maps to a time at which the window has speech."""
    window = pack(found, channel=0, max_seconds=30.0)[0]
    for is_end in (False, True):
        sample = window.to_call_time(window.duration * share, is_end=is_end) * SAMPLE_RATE
        assert any(span.start - 1 <= sample <= span.end + 1 for span in window.spans)


def test_time_beside_a_cut_falls_on_its_own_side() -> None:
    """A start that is slightly early does not move back across the cut, and a late end does not move forward."""
    window = Window(channel=0, spans=tuple(spans((1, 3), (10, 14))))
    assert window.to_call_time(1.9) == 10.0
    assert window.to_call_time(2.1, is_end=True) == 3.0
    assert window.to_call_time(1.9, is_end=True) == 2.9
    assert window.to_call_time(2.1) == 10.1


def test_window_tail_starts_at_the_time_the_model_reached() -> None:
    """The rest of the window is transcribed next."""
    window = Window(channel=0, spans=tuple(spans((1, 3), (10, 14))))
    assert window.after(1.5) == Window(channel=0, spans=tuple(spans((2.5, 3), (10, 14))))
    assert window.after(5.0) == Window(channel=0, spans=tuple(spans((13, 14))))
    assert window.after(5.8) is None
    assert window.after(60.0) is None


@pytest.mark.parametrize(
    "samples", [np.zeros(0, np.int16), np.zeros(5 * SAMPLE_RATE, np.int16)], ids=["no samples", "silence"]
)
def test_silence_has_no_speech(samples: NDArray[np.int16]) -> None:
    """A silent channel has no windows."""
    assert find_speech(samples, max_seconds=30.0) == []


def test_every_turn_is_detected() -> None:
    """The middle of each reference turn lies in a span of speech."""
    call = CALLS["billing.wav"]
    found = find_speech(recording("billing.wav").samples[0], max_seconds=30.0)
    for turn in call.turns:
        if turn.channel == 0:
            middle = (turn.start + turn.end) / 2 * SAMPLE_RATE
            assert any(span.start < middle < span.end for span in found)


def test_speech_across_a_block_is_not_cut_there() -> None:
    """Speech across the border of two blocks is detected like any other."""
    turn = next(turn for turn in CALLS["billing.wav"].turns if turn.channel == 0)
    samples = recording("billing.wav").samples[0]
    said = samples[round((turn.start - 0.3) * SAMPLE_RATE) : round((turn.end + 0.3) * SAMPLE_RATE)]
    # Noise as on a phone line: after ten minutes of digital silence the detector would be less accurate.
    long = np.random.default_rng(0).normal(0, 20, BLOCK_SAMPLES + 60 * SAMPLE_RATE).astype(np.int16)
    start = BLOCK_SAMPLES - len(said) // 2
    long[start : start + len(said)] += said
    (whole,) = find_speech(long[start - SAMPLE_RATE :], max_seconds=30.0)
    heard = np.zeros(len(long), bool)
    for span in find_speech(long, max_seconds=30.0):
        assert not heard[span.start : span.end].any()
        heard[span.start : span.end] = True
    first = start - SAMPLE_RATE + whole.start
    assert heard[first : first + whole.length].sum() > whole.length - 0.25 * SAMPLE_RATE
