"""The account of a window: speech without words, and more words than speech."""

from service.engine.account import too_fast, unheard
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
    """Nobody says 28 letters a second."""
    assert too_fast(window((0, 1)), [heard(0, 1, " word")] * 15)
    assert not too_fast(window((0, 1)), [heard(0, 1, " word")] * 14)
