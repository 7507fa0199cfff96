"""Whisper `base` understands the golden calls, which every deployment sends."""

import pytest

from service.batch import golden
from service.batch.canary import MAX_ERROR
from service.engine.engine import Engine
from service.evaluation.error_rates import word_error_rate
from service.settings import Settings
from tests.service.media import decode_path


@pytest.mark.words
@pytest.mark.parametrize("language", ["en", "fr"])
def test_model_has_room_below_the_threshold(engine: Engine, language: str) -> None:
    """A model that works has a fraction of the errors that are allowed; the language is detected, as for a caller."""
    call = golden.choose(Settings(language=language))
    transcript = engine.transcribe(decode_path(golden.FOLDER / f"{language}.wav"))
    heard = " ".join(segment.text for segment in transcript.segments)
    assert transcript.language == language
    assert word_error_rate(call.words, heard, language=language) < MAX_ERROR / 2


@pytest.mark.words
def test_words_in_another_language_are_above_the_threshold(engine: Engine) -> None:
    """A call that is taken for another one, or answered in another language, is found."""
    heard = " ".join(segment.text for segment in engine.transcribe(decode_path(golden.FOLDER / "en.wav")).segments)
    french = golden.choose(Settings(language="fr")).words
    assert word_error_rate(french, heard, language="en") > 2 * MAX_ERROR
