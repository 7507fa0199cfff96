"""Windows: all speech of a channel, in order and once, and the way back to call time."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.sound import Speech
from service.engine.windows import PADDING_SAMPLES, Window, pack
from service.recording import SAMPLE_RATE
from tests.service.engine.builders import samples, speech, window

LONGEST = 28.0


def lay_out(steps: list[tuple[float, float]]) -> list[Speech]:
    """Speech of these lengths after these silences, in seconds."""
    found: list[Speech] = []
    position = 0.0
    for length, silence in steps:
        found.append(speech(position + silence, position + silence + length))
        position += silence + length
    return found


# The detector cuts speech after 20 s, and its shortest pause is 0.3 s.
speech_lists = st.lists(st.tuples(st.floats(0.1, 20), st.floats(0.3, 20)), min_size=1, max_size=40).map(lay_out)


def packed(found: list[Speech], *, longest_seconds: float = LONGEST) -> list[Window]:
    """The windows of a channel that ends a second after its speech."""
    length = found[-1].end + SAMPLE_RATE
    return pack(found, channel=1, length=length, longest_seconds=longest_seconds)


@given(speech_lists)
def test_windows_hold_all_speech_once_and_in_order(found: list[Speech]) -> None:
    """No sample of speech is lost, repeated or moved, and no window is too long."""
    windows = packed(found)
    assert [piece for each in windows for piece in each.speech] == found
    assert all(each.duration <= LONGEST and each.channel == 1 for each in windows)
    spans = [own for each in windows for own in each.spans]
    assert all(0 <= a.start < a.end <= b.start for a, b in pairwise(spans))
    assert spans[-1].end <= found[-1].end + SAMPLE_RATE
    for piece in found:
        assert sum(own.start <= piece.start and piece.end <= own.end for own in spans) == 1


@given(speech_lists)
def test_windows_are_at_least_half_full(found: list[Speech]) -> None:
    """Context helps the model, and fewer windows are less work: only a long pause or the end leaves room."""
    for full, following in pairwise(packed(found)):
        first = (following.speech[0].end - following.spans[0].start) / SAMPLE_RATE
        assert full.duration >= LONGEST / 2 or full.duration + first + PADDING_SAMPLES / SAMPLE_RATE > LONGEST


@given(speech_lists, st.floats(0, 1))
def test_call_time_lies_in_the_given_span(found: list[Speech], share: float) -> None:
    """A word never lands in a silence that was cut out."""
    for each in packed(found):
        for number, own in enumerate(each.spans):
            moment = each.to_call_time(each.duration * share, span=number) * SAMPLE_RATE
            assert own.start - 1 <= moment <= own.end + 1


@given(speech_lists)
def test_audio_is_as_long_as_the_window(found: list[Speech]) -> None:
    """The spans are joined without a gap."""
    silence = np.zeros(found[-1].end + SAMPLE_RATE, np.int16)
    assert all(len(each.audio(silence)) == round(each.duration * SAMPLE_RATE) for each in packed(found)[:3])


def test_window_ends_at_the_widest_pause_of_its_second_half() -> None:
    """A sentence is rarely cut."""
    found = [speech(0, 10), speech(10.5, 18), speech(19.5, 24), speech(24.5, 34)]
    assert [len(each.speech) for each in packed(found)] == [2, 2]


def test_window_ends_at_the_last_of_equally_wide_pauses() -> None:
    """The fuller the window, the more context the model has."""
    found = [speech(0, 8), speech(12, 20), speech(23, 28), speech(31, 45)]
    assert [len(each.speech) for each in packed(found)] == [3, 1]


def test_window_ends_at_a_long_silence() -> None:
    """After a hold, a word alone is never taken for one before it."""
    found = [speech(0, 3), speech(100, 102), speech(223, 224)]
    assert [len(each.speech) for each in packed(found)] == [2, 1]


def test_silence_is_cut_out_but_for_its_padding() -> None:
    """The model hears a little of the silence around speech."""
    (only,) = packed([speech(1, 2), speech(10, 11)])
    assert [(own.start_seconds, own.end_seconds) for own in only.spans] == [(0.7, 2.3), (9.7, 11.3)]


def test_short_silence_is_kept() -> None:
    """Padding that meets joins its spans."""
    (only,) = packed([speech(1, 2), speech(2.5, 3.5)])
    assert [(own.start_seconds, own.end_seconds) for own in only.spans] == [(0.7, 3.8)]


def test_time_beside_a_cut_stays_in_its_span() -> None:
    """A word that is aligned slightly before the cut does not move to the other side of it."""
    cut = window((1, 3), (10, 14))
    assert cut.to_call_time(1.9, span=1) == 10.0
    assert cut.to_call_time(2.1, span=0) == 3.0
    assert cut.to_call_time(2.1, span=1) == pytest.approx(10.1)


def test_speech_of_each_span_is_in_window_time() -> None:
    """Silences that were cut out do not count."""
    (only,) = packed([speech(1, 2), speech(2.5, 3.5), speech(10, 11)])
    first, second = only.speech_in_spans()
    assert [*first, *second] == pytest.approx([0.3, 2.8, 3.4, 4.4])
    assert only.speech_seconds == pytest.approx(3.0)


def test_no_speech_gives_no_windows() -> None:
    """A silent channel costs nothing."""
    assert pack([], channel=0, length=samples(5), longest_seconds=LONGEST) == []


@given(speech_lists)
def test_contiguous_windows_are_stretches_of_the_recording(found: list[Speech]) -> None:
    """In exact mode nothing is cut out of a window; still no speech is lost, and no window is too long."""
    windows = pack(found, channel=1, length=found[-1].end, longest_seconds=LONGEST, contiguous=True)
    assert [piece for each in windows for piece in each.speech] == found
    assert all(len(each.spans) == 1 and each.duration <= LONGEST for each in windows)
    assert all(a.spans[0].end <= b.spans[0].start for a, b in pairwise(windows))
