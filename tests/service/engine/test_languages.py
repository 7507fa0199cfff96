"""The language of a call and of each window."""

import pytest

from service.engine.languages import Languages


def test_call_has_the_language_of_most_speech() -> None:
    """Votes are weighted by seconds of speech."""
    languages = Languages()
    assert languages.vote([{"en": 0.7, "fr": 0.3}, {"en": 0.3, "fr": 0.7}], [20.0, 5.0]) == ["en", "en"]
    assert (languages.language, languages.known) == ("en", True)
    assert languages.probability == pytest.approx(0.62)


def test_later_windows_follow_the_call() -> None:
    """A short or mumbled window has the language of the others."""
    languages = Languages()
    languages.vote([{"en": 0.9, "fr": 0.1}], [20.0])
    assert languages.vote([{"en": 0.4, "fr": 0.6}], [10.0]) == ["en"]


def test_window_that_clearly_has_another_language_keeps_it() -> None:
    """A call in two languages is transcribed in both."""
    languages = Languages()
    assert languages.vote([{"en": 0.95, "de": 0.01}, {"en": 0.02, "de": 0.97}], [28.0, 20.0]) == ["en", "de"]


def test_short_window_does_not_change_the_language() -> None:
    """A name or an "okay" sounds like any language."""
    languages = Languages()
    assert languages.vote([{"en": 0.95, "de": 0.01}, {"en": 0.02, "de": 0.97}], [28.0, 3.0]) == ["en", "en"]


def test_detection_chooses_among_the_allowed_languages() -> None:
    """A short word is not taken for a language that no caller speaks."""
    languages = Languages(allowed=frozenset({"fr", "it"}))
    assert languages.vote([{"ko": 0.5, "fr": 0.3, "it": 0.1}], [0.5]) == ["fr"]
    assert languages.probability == pytest.approx(0.75)
    assert languages.known


def test_voice_that_speaks_none_of_the_allowed_languages_is_not_known() -> None:
    """The setting may be wrong for a call."""
    languages = Languages(allowed=frozenset({"fr", "it"}))
    assert languages.vote([{"ru": 0.95, "fr": 0.03, "it": 0.01}], [20.0]) == ["fr"]
    assert not languages.known


def test_improbable_language_is_not_known() -> None:
    """Below one half the model guesses."""
    languages = Languages()
    languages.vote([{"ko": 0.4, "ja": 0.35, "it": 0.25}], [0.5])
    assert (languages.language, languages.known) == ("ko", False)


def test_given_language_is_certain() -> None:
    """The caller knows it."""
    languages = Languages(given="fr")
    assert (languages.language, languages.probability, languages.known) == ("fr", 1.0, True)


def test_call_without_speech_has_no_language() -> None:
    """ISO 639-2 calls it undetermined."""
    languages = Languages()
    assert (languages.language, languages.probability, languages.known) == ("und", 0.0, False)
