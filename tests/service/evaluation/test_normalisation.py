"""What counts as a difference between two texts, and what does not."""

import pytest

from service.evaluation.normalisation import normalise


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Yes — it's twenty-two.", "yes it s twenty two"),
        ("ÇA VA ?", "ça va"),
        ("cafe\u0301", "café"),
        ("l’heure", "l'heure"),  # noqa: RUF001 - a typographic apostrophe is meant
        ("  two\n words ", "Two, words!"),
        ("the U.S. office", "the US office"),
    ],
)
def test_writing_does_not_count(text: str, same: str) -> None:
    """Case, punctuation, hyphens, apostrophes, white space and the coding of accents make no difference."""
    assert normalise(text) == normalise(same)


@pytest.mark.parametrize(
    ("language", "text", "same"),
    [
        ("en", "one hundred and twenty-three", "123"),
        ("en", "two thousand and eighteen", "2018"),
        ("en", "twenty eighteen", "2018"),
        ("en", "nineteen hundred and five", "1905"),
        ("en", "a hundred people", "100 people"),
        ("en", "2 million", "2,000,000"),
        ("en", "five six seven", "567"),
        ("en", "zero eight hundred", "0800"),
        ("en", "five five five, oh one two", "555-012"),
        ("en", "three point five percent", "3.5%"),
        ("en", "$1.50", "one point five zero dollars"),
        ("en", "the 21st of May", "the twenty-first of May"),
        ("en", "Mr. Smith", "mister smith"),
        ("en", "the grey colour, organised in the centre", "the gray color organized in the center"),
        ("en", "don't, can't, won't, it's, they've", "do not cannot will not it is they have"),
        ("en", "any one", "anyone"),
        ("fr", "soixante-dix-neuf", "79"),
        ("fr", "quatre-vingt-dix-sept", "97"),
        ("fr", "vingt et un", "21"),
        ("fr", "mille neuf cent quatre-vingt-quatre", "1984"),
        ("fr", "5,5 %", "cinq virgule cinq pour cent"),
        ("fr", "M. Dupont, où ?", "monsieur Dupont ou"),
        ("fr", "sœur", "soeur"),
        ("es", "treinta y dos", "32"),
        ("es", "mil novecientos noventa y nueve", "1999"),
        ("es", "¿Dónde está?", "donde esta"),
        ("it", "trentotto", "38"),
        ("it", "perché", "perche"),
        ("de", "dreihundertfünfundzwanzig", "325"),
        ("de", "Straße", "Strasse"),
        ("ja", "はい。 そうです", "はい、そうです"),
    ],
)
def test_either_way_of_writing_counts_as_right(language: str, text: str, same: str) -> None:
    """A transcript may write numbers, abbreviations and spelling as it likes."""
    assert normalise(text, language=language) == normalise(same, language=language)


@pytest.mark.parametrize(
    ("language", "text", "other"),
    [
        ("en", "fifteen", "fifty"),
        ("en", "one hundred and five", "one hundred, and fifty"),
        ("en", "it is", "is it"),
        ("en", "do", "don't"),
        ("en", "2.5", "25"),
        ("en", "color", "collar"),
        ("fr", "soixante-dix", "soixante"),
        ("es", "año", "ano"),
        ("de", "schon", "schön"),
        ("zh", "好的", "好"),
    ],
)
def test_other_words_stay_different(language: str, text: str, other: str) -> None:
    """What sounds different is an error."""
    assert normalise(text, language=language) != normalise(other, language=language)


def test_number_ends_at_a_punctuation_mark() -> None:
    """In a list each number stands for itself."""
    assert normalise("twenty, two", language="en") == "2 0 2"
    assert normalise("twenty two", language="en") == "2 2"


@pytest.mark.parametrize("language", ["en", "fr", "es", "it", "de"])
def test_normalised_text_stays_as_it_is(language: str) -> None:
    """Normalising twice changes nothing more, so that it does not matter who did it."""
    once = normalise("Dr. Who's 1,5 % — one hundred and 21st, vingt, zwei, due, dos.", language=language)
    assert normalise(once, language=language) == once
