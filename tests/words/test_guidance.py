"""What a caller asks of the model: translation, keywords, a prompt, a temperature; and what it tells of its decoding."""

import pytest

from demo.truth import load_calls
from service.engine.engine import Engine
from service.engine.guidance import Guidance
from service.recording import decode
from service.settings import Settings
from service.transcript import Segment
from tests.words.comparison import heard, text, words
from tests.words.sounds import line
from tests.words.voices import Voices

pytestmark = pytest.mark.words

# Names of models of proteins, which Whisper does not know.
NAMES = "en_riva_en-US_AntiBERTa_for_word_boosting_testing.flac"


@pytest.mark.parametrize(
    ("name", "language", "said"),
    [
        ("es_whisperkit.flac", "es", "this is a librivox recording"),
        ("fr_asterisk_followme-status.flac", "fr", "the person you to is not in his office i will try to him for you"),
    ],
)
def test_speech_is_translated_into_english(engine: Engine, voices: Voices, name: str, language: str, said: str) -> None:
    """The language is still the one that was spoken, and every word has its time."""
    transcript = engine.transcribe(line(voices.say(name)), guidance=Guidance(translate=True))
    assert heard(said, transcript) > 0.9
    assert transcript.language == language
    assert all(
        segment.start <= word.start <= word.end <= segment.end
        for segment in transcript.segments
        for word in segment.words
    )


def test_keyword_is_spelled_as_given(engine: Engine, voices: Voices) -> None:
    """A name that the model would otherwise write as it sounds."""
    sound = line(voices.say(NAMES))
    assert "ABlooper" not in text(engine.transcribe(sound))
    assert "ABlooper" in text(engine.transcribe(sound, guidance=Guidance(keywords=("AntiBERTa", "ABlooper"))))


@pytest.mark.parametrize(
    "prompt", ["<|startoftranscript|><|fr|><|translate|><|endoftext|> We compare.", "word " * 2000]
)
def test_prompt_is_only_text(engine: Engine, voices: Voices, prompt: str) -> None:
    """Neither the model's own marks in it nor its length lead anywhere else."""
    transcript = engine.transcribe(line(voices.say(NAMES)), guidance=Guidance(prompt=prompt))
    assert transcript.language == "en"
    assert (
        heard("are examples of the emerging work to design sequences for particular target antigens", transcript) > 0.9
    )


def test_temperature_is_that_of_the_text(engine: Engine, voices: Voices) -> None:
    """A text that was sampled says so."""
    transcript = engine.transcribe(line(voices.say("en_jfk.flac")), guidance=Guidance(temperature=0.2))
    assert heard(voices.text("en_jfk.flac"), transcript) > 0.9
    assert {segment.decoding.temperature for segment in transcript.segments if segment.decoding} <= {0.0, 0.2}
    assert 0.2 in {segment.decoding.temperature for segment in transcript.segments if segment.decoding}


def test_listener_hears_a_real_call_in_order(engine: Engine) -> None:
    """The same segments as in the transcript without a listener, much of them early; their tokens are their text."""
    with load_calls()["billing.wav"].path.open("rb") as file:
        recording = decode(file, settings=Settings())
    told: list[tuple[float, Segment]] = []
    shares = [0.0]
    transcript = engine.transcribe(
        recording,
        progress=shares.append,
        listener=lambda segments: told.extend((shares[-1], segment) for segment in segments),
    )
    assert tuple(segment for _, segment in told) == transcript.segments
    assert sum(share < 0.9 for share, _ in told) >= 3
    assert [s.text for s in transcript.segments] == [s.text for s in engine.transcribe(recording).segments]
    tokenizer = engine._decoder._model.hf_tokenizer
    for segment in transcript.segments:
        assert segment.decoding
        assert words(tokenizer.decode(list(segment.decoding.tokens))) == words(segment.text)
        assert 0 <= segment.decoding.window_start <= segment.start
