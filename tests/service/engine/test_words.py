"""Words: each in the span that it was said in, inside its speech and in order."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.windows import Window
from service.engine.words import LETTER_SECONDS, WORD_SECONDS, assign_spans, read_words
from tests.service.engine.builders import aligned, sounds, span, speech, window


def alignment(*words: tuple[str, float, float]) -> list[dict[str, Any]]:
    """Words as the model aligns them."""
    return [{"word": text, "tokens": [1], "start": start, "end": end, "probability": 0.9} for text, start, end in words]


def test_word_lies_in_the_span_of_its_time() -> None:
    """Words in the middle of speech are aligned well."""
    cut = window((1, 3), (10, 14))
    assert assign_spans([aligned(0.5, 0.8), aligned(1.2, 1.5), aligned(3, 3.5)], cut) == [0, 0, 1]


def test_silence_counted_into_a_word_does_not_move_it() -> None:
    """The aligned start of the first word after a cut lies before the cut."""
    cut = window((1, 3), (10, 14))
    assert assign_spans([aligned(0.5, 1.0), aligned(1.0, 2.4, cut_cost=0.0)], cut) == [0, 1]


def test_cut_is_moved_to_the_end_of_a_sentence() -> None:
    """Some tenths of a second beside the cut say less than punctuation."""
    cut = window((1, 3), (10, 14))
    words = [aligned(0.2, 1.0), aligned(1.8, 2.1, cut_cost=0.5), aligned(2.2, 2.4, cut_cost=0.0)]
    assert assign_spans(words, cut) == [0, 0, 1]


def test_no_words_have_no_spans() -> None:
    """A window without text is not an error."""
    assert assign_spans([], window((1, 3), (10, 14))) == []


times = st.lists(st.floats(0, 12), min_size=2, max_size=60).map(sorted)


@given(times, st.sampled_from([((1.0, 13.0),), ((1.0, 3.0), (10.0, 14.0), (20.0, 26.0))]))
def test_words_stay_in_order_inside_speech(borders: list[float], stretches: tuple[tuple[float, float], ...]) -> None:
    """Whatever the alignment, no word lies in a silence, before its predecessor, or lasts longer than its letters."""
    cut = window(*stretches)
    items = alignment(*((" word", a, b) for a, b in pairwise(borders)))
    words = read_words(items, cut)
    assert len(words) == len(items)
    for word in words:
        assert any(low - 1e-6 <= word.start <= word.end <= high + 1e-6 for low, high in stretches)
        assert word.end - word.start <= WORD_SECONDS + LETTER_SECONDS * len(word.text) + 1e-6
        assert word.sound_start <= word.start
        assert word.sound_end >= word.end
    assert all(a.span <= b.span and a.end <= b.start + 1e-6 for a, b in pairwise(words))


def test_first_and_last_word_reach_to_the_border_of_their_sound() -> None:
    """A breath or a soft consonant at the edge belongs to the turn."""
    words = read_words(
        alignment((" Good", 0.3, 0.6), (" day.", 0.6, 1.0), (" Yes.", 2.4, 2.6)), window((1, 3), (10, 11.5))
    )
    assert sounds(words) == pytest.approx([1, 1.6, 1.6, 3, 10, 11.5])


def test_sound_ends_at_a_pause_inside_a_span() -> None:
    """Between two stretches of one span, the word before the pause has its sound's end, the next its beginning."""
    joined = Window(channel=0, spans=(span(0, 4),), speech=(speech(0.5, 1.5), speech(2.0, 3.5)))
    words = read_words(alignment((" Yes.", 0.8, 1.1), (" No.", 2.3, 2.6)), joined)
    assert sounds(words) == pytest.approx([0.5, 1.5, 2.0, 3.5])


def test_far_sound_does_not_belong_to_a_word() -> None:
    """Speech that was not heard is not stamped with the words beside it."""
    (word,) = read_words(alignment((" Yes.", 5.0, 5.4)), window((0, 10)))
    assert sounds([word]) == pytest.approx([5.0, 5.4])


def test_punctuation_belongs_to_its_word() -> None:
    """The text of the words adds up to the text of the segment."""
    words = read_words(
        alignment((" Yes", 0.1, 0.4), (",", 0.4, 0.4), (" I", 0.5, 0.6), (" do", 0.6, 0.9)), window((0, 2))
    )
    assert [word.text for word in words] == [" Yes,", " I", " do"]
