"""Languages: of a call, of a channel, of a stretch, and of a single word."""

import numpy as np
import pytest

from service.engine.engine import Engine
from service.recording import SAMPLE_RATE
from service.settings import Settings
from tests.words.comparison import heard, words
from tests.words.sounds import line, music, silence
from tests.words.voices import Voices, load

pytestmark = pytest.mark.words

GERMAN = (
    "de_watson_de-DE_NarrowbandModel_sample1.flac",
    "de_cheetah_test_de.flac",
    "de_leopard_test_de.flac",
    "de_thorsten_1.flac",
)
SPANISH = "es_asterisk_dir-intro.flac"
# The first words of longer clips, with the seconds that they last.
ALONE = {
    "fr": ("fr_asterisk_demo-thanks.wav", 0.9, "au revoir"),
    "es": ("es_asterisk_vm-mailboxfull.flac", 0.9, "lo siento"),
}


@pytest.fixture(scope="module")
def european() -> Engine:
    """The real model for callers who speak four languages."""
    return Engine.load(Settings(model="base", threads=1, languages="en,fr,es,it"))


def test_language_may_change_in_a_channel(engine: Engine, voices: Voices) -> None:
    """An English announcement, then a German caller: German as German, not translated."""
    english = voices.names("en", 8, seed=4)
    announcement = voices.say(*english)
    transcript = engine.transcribe(line(np.concatenate([announcement, silence(1), voices.say(*GERMAN)])))
    assert heard(voices.text(*english, *GERMAN), transcript) > 0.75
    border = 0.5 + len(announcement) / SAMPLE_RATE
    assert {s.language for s in transcript.segments if s.end < border - 10} == {"en"}
    assert {s.language for s in transcript.segments if s.start > border + 12} == {"de"}


def test_channels_may_have_different_languages(engine: Engine, voices: Voices) -> None:
    """The agent speaks Spanish, the customer answers in German."""
    transcript = engine.transcribe(line(voices.say(SPANISH), voices.say(GERMAN[0])))
    assert {(s.channel, s.language) for s in transcript.segments} == {(0, "es"), (1, "de")}
    assert heard(voices.text(SPANISH), transcript, channel=0) > 0.75
    assert heard(voices.text(GERMAN[0]), transcript, channel=1) > 0.75


def test_music_has_no_language(engine: Engine, voices: Voices) -> None:
    """A call that begins with hold music has the language of its speech."""
    transcript = engine.transcribe(line(np.concatenate([music(20), silence(1), voices.say(SPANISH)])))
    assert transcript.language == "es"
    assert transcript.segments[0].start > 20


@pytest.mark.parametrize("language", ALONE)
def test_short_answer_is_in_a_language_that_callers_speak(european: Engine, voices: Voices, language: str) -> None:
    """Two words alone, as an answer to a question."""
    name, seconds, said = ALONE[language]
    transcript = european.transcribe(line(load(voices.path(name))[: round(seconds * SAMPLE_RATE)]))
    assert transcript.language == language
    assert words(" ".join(segment.text for segment in transcript.segments)) == said.split()


def test_word_in_no_certain_language_is_undetermined(engine: Engine, voices: Voices) -> None:
    """A single word that the model takes for Russian, with little certainty."""
    sound = load(voices.path("fr_asterisk_sorry-youre-having-problems.wav"))[: round(0.75 * SAMPLE_RATE)]
    transcript = engine.transcribe(line(sound))
    assert transcript.language == "und"
    assert {segment.language for segment in transcript.segments} <= {"und"}


def test_greeting_is_recognised(engine: Engine, voices: Voices) -> None:
    """One second is enough for a common greeting."""
    transcript = engine.transcribe(line(voices.say("en_azure_good_morning.flac")))
    assert (transcript.language, [s.text for s in transcript.segments]) == ("en", ["Good morning."])
