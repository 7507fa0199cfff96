"""Segments: cut at our cuts, at pauses and sentences, and never across the other speaker's turn."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.segments import Passage, make_segments
from service.engine.words import HeardWord
from tests.service.engine.builders import heard, hypothesis


def passage(*words: HeardWord, channel: int = 0, language: str = "en") -> Passage:
    """The words of one window."""
    return Passage(channel=channel, start=0.0, words=words, hypothesis=hypothesis(), language=language)


def texts(*passages: Passage) -> list[str]:
    """The texts of the segments."""
    return [segment.text for segment in make_segments(passages)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((heard(0, 1, " one"), heard(1.1, 2, " two")), ["one two"]),
        ((heard(0, 1, " one"), heard(1.9, 2, " two")), ["one", "two"]),
        ((heard(0, 1, " One."), heard(1.1, 2, " Two")), ["One.", "Two"]),
        ((heard(0, 1, " 3."), heard(1.1, 2, "5")), ["3.5"]),
        ((heard(0, 1, " Mr."), heard(1.1, 2, " Hale")), ["Mr. Hale"]),
        ((heard(0, 1, " one"), heard(1.1, 2, " two", in_span=1)), ["one", "two"]),
    ],
    ids=["no pause", "pause", "sentence", "number", "title", "cut"],
)
def test_segment_ends(words: tuple[HeardWord, ...], expected: list[str]) -> None:
    """At pauses, ends of sentences and cut-out silence."""
    assert texts(passage(*words)) == expected


def test_answer_of_the_other_speaker_ends_a_segment() -> None:
    """A pause that would not end a segment does so if the other speaker says something in it."""
    asked = passage(heard(0, 1, " one"), heard(1.6, 2, " two"))
    assert texts(asked) == ["one two"]
    assert texts(asked, passage(heard(1.05, 1.55, " yes"), channel=1)) == ["one", "yes", "two"]


def test_talking_at_the_same_time_does_not_end_a_segment() -> None:
    """The other speaker's words outside the pause do not interrupt."""
    asked = passage(heard(0, 1, " one"), heard(1.6, 2, " two"))
    assert texts(asked, passage(heard(0.5, 1.7, " well"), channel=1)) == ["one two", "well"]


def test_own_words_of_another_window_do_not_end_a_segment() -> None:
    """Only other channels interrupt."""
    asked = passage(heard(0, 1, " one"), heard(1.6, 2, " two"))
    assert texts(asked, passage(heard(1.05, 1.55, " yes"))) == ["one two", "yes"]


word_lists = st.lists(st.tuples(st.floats(0, 1.5), st.floats(0.05, 1.0)), max_size=12)


@given(word_lists, word_lists)
def test_no_segment_spans_the_other_speakers_words(
    first: list[tuple[float, float]], second: list[tuple[float, float]]
) -> None:
    """A word inside another channel's pause of more than 0.2 s is never inside its segment."""
    passages = []
    for channel, steps in enumerate((first, second)):
        words, position = [], 0.0
        for pause, length in steps:
            words.append(heard(position + pause, position + pause + length))
            position += pause + length
        if words:
            passages.append(passage(*words, channel=channel))
    segments = make_segments(passages)
    assert sum(len(segment.words) for segment in segments) == len(first) + len(second)
    for segment in segments:
        gaps = [(a.end, b.start) for a, b in zip(segment.words, segment.words[1:], strict=False)]
        for other in (word for own in passages if own.channel != segment.channel for word in own.words):
            assert not any(low < other.start and other.end < high and high - low > 0.2 + 1e-9 for low, high in gaps)


def test_segments_carry_score_language_and_words() -> None:
    """Subtitles need the words, whether or not the transcript shows them."""
    (timed,) = make_segments([passage(heard(0, 1, " un"), heard(1, 2, " deux"), language="fr")])
    assert (timed.language, timed.average_log_probability) == ("fr", -0.3)
    assert [(word.text, word.start, word.end) for word in timed.words] == [("un", 0, 1), ("deux", 1, 2)]
    assert (timed.start, timed.end, timed.text) == (0, 2, "un deux")


def test_long_call_takes_linear_time() -> None:
    """Ninety minutes of two speakers: 40,000 words, each followed by a pause that the other might interrupt."""
    passages = [
        passage(*(heard(0.6 * n + 0.3 * channel, 0.6 * n + 0.3 * channel + 0.2) for n in range(start, start + 50)), channel=channel)
        for channel in (0, 1)
        for start in range(0, 20_000, 50)
    ]  # fmt: skip
    started = time.process_time()
    assert len(make_segments(passages)) == 40_000
    assert time.process_time() - started < 5
