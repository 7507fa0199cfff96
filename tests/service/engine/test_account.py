"""The account of a window: speech without words, and more words than speech."""

from service.engine.account import outside, repetition, too_fast, unheard
from tests.service.engine.builders import heard, window


def times(*args: object) -> list[tuple[float, float]]:
    """The unheard parts, in seconds."""
    return [(part.start_seconds, part.end_seconds) for part in unheard(*args)]  # type: ignore[arg-type]


def test_speech_with_words_is_heard() -> None:
    """Gaps below a second hold no sentence."""
    assert times(window((0, 3)), [heard(0.5, 1.0), heard(1.9, 2.5)]) == []


def test_speech_before_between_and_after_words_is_unheard() -> None:
    """The model may stop early, begin late, or skip a sentence."""
    words = [heard(3.0, 4.0), heard(7.0, 8.0)]
    assert times(window((0, 12)), words) == [(0, 2.7), (4.3, 6.7), (8.3, 12)]


def test_speech_without_any_word_is_unheard() -> None:
    """Never silently empty."""
    assert times(window((0, 2), (5, 7)), []) == [(0, 2), (5, 7)]


def test_short_calls_in_a_row_are_as_long_as_one() -> None:
    """The pauses between them do not count, but their sum does."""
    assert times(window((0, 0.4), (1, 1.4)), []) == []
    assert times(window((0, 0.4), (1, 1.4), (2, 2.4)), []) == [(0, 0.4), (1, 1.4), (2, 2.4)]


def test_words_out_of_order_are_accounted_in_order() -> None:
    """The last words of a window may be placed early."""
    assert times(window((0, 4)), [heard(2.0, 3.6), heard(0.0, 2.0)]) == []


def test_too_much_text_is_too_fast() -> None:
    """Even fast talkers stay below 28 letters a second."""
    assert too_fast(window((0, 1)), [heard(0, 1, " word")] * 15)
    assert not too_fast(window((0, 1)), [heard(0, 1, " word")] * 14)


def test_miscounted_repetition_is_found() -> None:
    """Words that say something else, and speech beside the repetition, do not belong to it."""
    calls = window((0, 1), (2, 3), (4, 5), (6, 7))
    repeated = [heard(a, a + 0.4, " Hello.") for a in (0.1, 0.5, 2.1, 4.0, 4.5)]
    other = heard(6.1, 6.9, " Yes.")
    assert repetition(calls, [*repeated, other]) == list(calls.speech[:3])
    assert outside([*repeated, other], calls.speech[:3]) == [other]


def test_repetition_with_one_word_in_each_stretch_is_right() -> None:
    """Nothing is transcribed twice without need."""
    calls = window((0, 1), (2, 3), (4, 5), (6, 7))
    assert repetition(calls, [heard(a, a + 0.4, " Hello.") for a in (0, 2, 4, 6)]) == []


def test_few_or_unbroken_repetitions_are_kept() -> None:
    """People say "no, no, no", and speech without a pause cannot be taken apart."""
    assert repetition(window((0, 1), (2, 3)), [heard(a, a + 0.2, " no,") for a in (0, 0.3, 0.6)]) == []
    assert repetition(window((0, 3)), [heard(a / 2, a / 2 + 0.2, " no,") for a in range(6)]) == []
