"""What the release gate counts as wrong, and when it calls a release worse."""

from collections.abc import Sequence
from typing import Any

import jiwer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.evaluation.gate import compare, count_errors, normalise


@pytest.mark.parametrize(
    ("said", "same"),
    [
        ("Yes — it's twenty-two.", "yes it s twenty two"),
        ("ÇA VA ?", "ça va"),
        ("cafe\u0301", "café"),
        ("l’heure", "l'heure"),  # noqa: RUF001 - a typographic apostrophe is meant
        ("  two\n words ", "Two, words!"),
    ],
)
def test_spelling_is_no_error(said: str, same: str) -> None:
    """Case, punctuation, hyphens, apostrophes, white space and how an accent is coded."""
    assert normalise(said) == normalise(same)


@pytest.mark.parametrize(
    ("said", "heard", "words", "wrong"),
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
def test_errors_belong_to_the_turn_they_are_made_in(
    said: list[str], heard: str, words: list[int], wrong: list[int]
) -> None:
    """A wrong or missing word to its own, one too many to the one that follows; nobody's words are all wrong."""
    counted = count_errors(said, heard)
    assert [turn[0] for turn in counted] == words
    assert [turn[1] for turn in counted] == wrong


WORDS = st.lists(st.sampled_from(["a", "an", "no", "not", "é"]), max_size=5).map(" ".join)


@given(st.lists(WORDS, min_size=1, max_size=4), WORDS)
def test_turns_add_up_to_the_rates_of_jiwer(said: list[str], heard: str) -> None:
    """However the errors are shared out, none is lost and none is counted twice."""
    whole = " ".join(text for text in said if text)
    words, errors, characters, wrong = (sum(column) for column in zip(*count_errors(said, heard), strict=True))
    assert (words, characters) == (len(whole.split()), len(whole))
    if whole:
        assert (errors / words, wrong / characters) == (jiwer.wer(whole, heard), jiwer.cer(whole, heard))


def measured(errors: Sequence[int], *, words: int = 8) -> list[dict[str, Any]]:
    """A recording whose turns of so many words have so many errors each."""
    turns = [[words, wrong, 5 * words, 5 * wrong] for wrong in errors]
    return [{"digest": "d", "language": "en", "seconds": 1.0, "processing_seconds": 0.1, "channels": [turns]}]


def regressions(last: Sequence[int], this: Sequence[int], *, allowed: float = 0.01) -> set[str]:
    """The groups in which one is worse than the other."""
    return {row["group"] for row in compare(measured(this), measured(last), allowed=allowed) if row["regressed"]}


def test_interval_holds_the_true_rate() -> None:
    """About 95 of 100 intervals do: they say how far a rate from so few turns can be trusted."""
    rng = np.random.default_rng(7)
    rows = [compare(measured(rng.binomial(8, 0.1, size=60).tolist()))[0] for _ in range(100)]
    assert 88 <= sum(row["low"] <= 0.1 <= row["high"] for row in rows) <= 99


def test_release_that_is_as_good_is_seldom_called_worse() -> None:
    """By chance alone one is worse than the other half of the time; the gate lets that pass."""
    rng = np.random.default_rng(7)
    pairs = rng.binomial(8, 0.1, size=(100, 2, 60)).tolist()
    assert sum(bool(regressions(last, this)) for last, this in pairs) <= 5


def test_release_that_is_worse_is_seldom_let_pass() -> None:
    """Six points more of the words wrong, in 60 turns."""
    rng = np.random.default_rng(7)
    last, more = rng.binomial(8, 0.1, size=(100, 60)), rng.binomial(8, 0.06, size=(100, 60))
    assert sum(bool(regressions(before, before + worse)) for before, worse in zip(last, more, strict=True)) >= 95


@pytest.mark.parametrize(
    ("this", "allowed", "worse"),
    [
        ([0] * 100, 0.0, False),
        ([8] + [0] * 99, 0.005, False),
        ([1] * 20 + [0] * 80, 0.02, True),
        ([1] * 20 + [0] * 80, 0.03, False),
    ],
    ids=["the same", "one turn", "many turns", "less than allowed"],
)
def test_worse_is_what_is_neither_chance_nor_allowed(this: list[int], allowed: float, *, worse: bool) -> None:
    """One turn gone wrong may be chance; what is certain may still be too little to matter."""
    assert bool(regressions([0] * 100, this, allowed=allowed)) is worse


def test_one_bad_channel_is_enough() -> None:
    """What the customers say is not made up for by the agents."""
    last, this = measured([1] * 200), measured([0] * 200)
    for recordings, wrong in ((last, 0), (this, 1)):
        recordings[0]["channels"].append([[8, wrong, 40, wrong]] * 50)
    worse = {row["group"] for row in compare(this, last, allowed=0.01) if row["regressed"]}
    assert worse == {"channel 1"}
