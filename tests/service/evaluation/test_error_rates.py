"""Word and character errors, turn by turn."""

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.evaluation.error_rates import count_errors


@pytest.mark.parametrize(
    ("reference", "hypothesis", "words", "errors"),
    [
        (["one two", "three"], "one two three", [2, 1], [0, 0]),
        (["one two", "three"], "one too three", [2, 1], [1, 0]),
        (["one two", "three"], "one two", [2, 1], [0, 1]),
        (["one two", "three"], "one two a three", [2, 1], [0, 1]),
        (["one two", "three"], "one two three four", [2, 1], [0, 1]),
        (["one", "", "two"], "one", [1, 0, 1], [0, 0, 1]),
        ([""], "something said", [0], [2]),
        ([""], "", [0], [0]),
        (["one"], "", [1], [1]),
    ],
)
def test_errors_are_counted_in_their_turn(
    reference: list[str], hypothesis: str, words: list[int], errors: list[int]
) -> None:
    """Substitutions and deletions in the word's own turn, insertions in the turn of the word that follows.

    On a silent channel every word of the hypothesis is an error.
    """
    counted = count_errors(reference, hypothesis)
    assert [turn.words for turn in counted] == words
    assert [turn.word_errors for turn in counted] == errors


WORDS = st.lists(st.sampled_from(["a", "an", "no", "not", "é"]), max_size=5).map(" ".join)


@given(st.lists(WORDS, min_size=1, max_size=4), WORDS)
def test_turns_add_up_to_the_rates_of_jiwer(reference: list[str], hypothesis: str) -> None:
    """Sharing the errors out among the turns loses none and counts none twice."""
    whole = " ".join(text for text in reference if text)
    words, errors, characters, wrong = (
        sum(column) for column in zip(*count_errors(reference, hypothesis), strict=True)
    )
    letters = whole.replace(" ", "")
    assert (words, characters) == (len(whole.split()), len(letters))
    if whole:
        assert errors / words == jiwer.wer(whole, hypothesis)
        assert wrong / characters == jiwer.cer(letters, hypothesis.replace(" ", ""))


def test_spaces_are_no_characters() -> None:
    """Languages without words are compared by characters, and their references have spaces between all of them."""
    (turn,) = count_errors(["好 的"], "好 呀 的")
    assert (turn.words, turn.word_errors) == (turn.characters, turn.character_errors) == (2, 1)
