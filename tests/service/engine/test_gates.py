"""The gates: which hypothesis is kept, which alternatives follow, and which speech is transcribed again."""

import pytest

from service.engine.decoding import Hypothesis
from service.engine.gates import FALLBACKS, LAST_FALLBACKS, MAX_TRIES, fallbacks, parts_to_repeat, passes
from service.engine.windows import Window
from tests.service.engine.builders import heard, hypothesis, speech, window

WORDS = [heard(n / 2, n / 2 + 0.4, f" word{n}") for n in range(8)]
REPEATED = [heard(n / 2, n / 2 + 0.4, f" {text}") for n, text in enumerate(("and", "No.", "no,", "no", "no", "no"))]
PILED = [heard(0, 0.4, " word"), *(heard(0.4, 0.4, " word") for _ in range(7))]


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (hypothesis(), True),
        (hypothesis(log_probability=-1.1), False),
        (hypothesis(cut_off=True), False),
        (hypothesis(compression=3.0), True),
        (hypothesis(no_speech=0.9, log_probability=-0.7), True),
    ],
    ids=["certain", "guessed", "endless", "repetition that takes its time", "long speech"],
)
def test_gates_for_speech(found: Hypothesis, *, kept: bool) -> None:
    """A guess and an endless text are refused; people may repeat themselves."""
    assert passes(window((0, 4)), found, WORDS) is kept


def test_loop_is_refused() -> None:
    """In a loop, the words of a repetitive text pile up at one moment."""
    assert not passes(window((0, 4)), hypothesis(compression=3.0), PILED)
    assert passes(window((0, 4)), hypothesis(compression=1.5), PILED)


def test_repeated_word_needs_more_certainty() -> None:
    """People say no five times, and so does a model that knows no better; it is less certain."""
    assert passes(window((0, 4)), hypothesis(log_probability=-0.5), REPEATED)
    assert not passes(window((0, 4)), hypothesis(log_probability=-0.7), REPEATED)
    assert passes(window((0, 4)), hypothesis(log_probability=-0.7), REPEATED[:5])


def test_click_needs_more_certainty() -> None:
    """Short speech that may be none gives no "Thank you."."""
    assert not passes(window((0, 1)), hypothesis(no_speech=0.7, log_probability=-0.7), WORDS[:2])
    assert passes(window((0, 1)), hypothesis(no_speech=0.7, log_probability=-0.5), WORDS[:2])


@pytest.mark.parametrize(
    ("found", "words", "kept"),
    [
        (hypothesis(), WORDS, True),
        (hypothesis(log_probability=-0.7), WORDS, False),
        (hypothesis(no_speech=0.5), WORDS, False),
        (hypothesis(compression=3.0), WORDS, False),
        (hypothesis(), WORDS[:2], False),
        (hypothesis(), [heard(0, 0.4, probability=0.3)] * 8, False),
    ],
    ids=["certain", "improbable", "perhaps silence", "repetitive", "few words", "improbable words"],
)
def test_gates_for_doubtful_sounds(found: Hypothesis, words: list, *, kept: bool) -> None:  # type: ignore[type-arg]
    """A sound that the voice detector refuses needs certain text."""
    assert passes(window((0, 4), doubtful=True), found, words) is kept


@pytest.mark.parametrize(
    ("tried", "expected"),
    [
        (window((0, 1), (2, 3)), FALLBACKS),
        (window((0, 1)), LAST_FALLBACKS),
        (window((0, 1), doubtful=True), ()),
    ],
    ids=["several stretches", "one stretch", "doubtful"],
)
def test_fallbacks(tried: Window, expected: tuple[dict[str, object], ...]) -> None:
    """The penalty against repetitions, which deletes true ones, is the last resort."""
    assert fallbacks(tried) == expected


def test_unheard_part_is_transcribed_again() -> None:
    """The words that were heard stay."""
    left = [speech(8, 12)]
    assert parts_to_repeat(window((0, 12)), left) == [left]


def test_unheard_window_is_split_at_its_widest_pause() -> None:
    """The same window would give the same result."""
    lost = window((0, 1), (1.5, 3), (6, 7))
    assert parts_to_repeat(lost, lost.speech) == [lost.speech[:2], lost.speech[2:]]


@pytest.mark.parametrize(
    "lost",
    [window((0, 4)), window((0, 2), (3, 5), tries=MAX_TRIES), window((0, 2), (3, 5), doubtful=True)],
    ids=["no pause", "tried enough", "doubtful"],
)
def test_speech_is_given_up(lost: Window) -> None:
    """Each try costs time, so that there is an end to them."""
    assert parts_to_repeat(lost, lost.speech) == []


@pytest.mark.parametrize(
    ("log_probability", "no_speech", "text", "silent"),
    [(-0.3, 0.9, " Yes.", False), (-1.2, 0.1, " Yes.", False), (-1.2, 0.9, " Yes.", True), (-0.3, 0.1, " ", True)],
)
def test_silent_hypothesis(log_probability: float, no_speech: float, text: str, *, silent: bool) -> None:
    """Whisper's own gate for silence: both of its measures must agree, or there is no text."""
    assert hypothesis(text, log_probability=log_probability, no_speech=no_speech).silent is silent
