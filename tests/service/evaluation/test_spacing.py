"""Words written together or apart."""

import pytest

from service.evaluation.spacing import Spacing


@pytest.mark.parametrize(
    ("reference", "text", "spaced"),
    [
        ("please log in", "please login", "please log in"),
        ("your login", "your log in", "your login"),
        ("upstairs", "up stairs", "upstairs"),
        ("may be later maybe", "maybe later may be", "maybe later may be"),
        ("1 2", "12", "12"),
        ("12", "1 2", "1 2"),
        ("to day", "today", "to day"),
        ("something else", "some thing", "something"),
        ("", "log in", "log in"),
    ],
)
def test_text_is_spaced_as_its_reference(reference: str, text: str, spaced: str) -> None:
    """If the reference has both ways, either may be right, and the text stays as it is; so do digits."""
    assert Spacing.of([reference]).apply(text) == spaced


def test_words_of_two_turns_are_no_pair() -> None:
    """Different turns are spoken apart."""
    assert Spacing.of(["log", "in"]).apply("login") == "login"
