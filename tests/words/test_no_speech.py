"""Sounds that are no speech give no words, and no channel is silently empty."""

from collections.abc import Callable

import numpy as np
import pytest

from service.engine.engine import Engine
from service.recording import SAMPLE_RATE, Recording, decode
from service.settings import Settings
from tests.words import sounds
from tests.words.comparison import heard
from tests.words.sounds import Sound, line
from tests.words.voices import Voices, load

pytestmark = pytest.mark.words

NO_SPEECH: dict[str, Callable[[], Sound]] = {
    "ringing": sounds.ringing,
    "keys": sounds.dtmf,
    "mains hum": sounds.hum,
    "barks": sounds.bark,
    "breaths": sounds.breath,
    "music": lambda: sounds.music(30),
    "soft music": lambda: sounds.music(20, -45, seed=6),
    "comfort noise": lambda: sounds.noise(20, -55, high=1800),
    "line noise": lambda: sounds.noise(20, -25),
}


@pytest.mark.parametrize("make", NO_SPEECH.values(), ids=NO_SPEECH.keys())
def test_sound_without_speech_gives_no_words(engine: Engine, make: Callable[[], Sound]) -> None:
    """Nor a language: without speech there is none."""
    transcript = engine.transcribe(line(make()))
    assert (transcript.language, transcript.language_probability, transcript.segments) == ("und", 0.0, ())


def test_kitchen_noise_gives_no_words(engine: Engine, voices: Voices) -> None:
    """A recorded one, with clattering dishes."""
    noise = sounds.at_level(load(voices.folder / "noise" / "dishes.flac"), -42)
    assert engine.transcribe(line(noise)).segments == ()


@pytest.mark.parametrize("level", [-42, -30])
def test_babble_gives_no_words_but_is_named(engine: Engine, voices: Voices, level: int) -> None:
    """The model makes a stock phrase of it, which no gate may pass; a listener shall know that there is sound."""
    crowd = [
        voices.say(name) for lang, n in (("en", 6), ("fr", 4), ("it", 3)) for name in voices.names(lang, n, seed=1)
    ]
    transcript = engine.transcribe(line(sounds.babble(crowd, 20, level)))
    assert (transcript.language, transcript.segments) == ("und", ())
    assert sum(span.end - span.start for span in transcript.unheard) > 15


def test_babble_does_not_speak_for_the_other_channel(engine: Engine, voices: Voices) -> None:
    """A customer in front of a noisy hall is heard, the hall is not."""
    crowd = [voices.say(name) for name in voices.names("en", 12, seed=1)]
    said = voices.names("en", 2, seed=9)
    transcript = engine.transcribe(line(sounds.babble(crowd, 12, -42), voices.say(*said)))
    assert {segment.channel for segment in transcript.segments} == {1}
    assert heard(voices.text(*said), transcript) > 0.8
    assert {span.channel for span in transcript.unheard} == {0}


def test_events_of_a_call_give_no_words(engine: Engine, voices: Voices) -> None:
    """Ringing, keys, a minute of hold and the hang-up tone of a composed call, as its line carries them."""
    path, truth = voices.call("call04_en_long_hold")
    with path.open("rb") as file:
        samples = decode(file, settings=Settings()).samples
    spoken = [(turn["channel"], turn["start"] - 0.5, turn["end"] + 0.5) for turn in truth["turns"]]
    parts = []
    for event in truth["events"]:
        # Without a channel, it is on both.
        channel, start, end = event["channel"] or 0, event["start"], min(event["end"], event["start"] + 60)
        if not any(c == channel and low < end and start < high for c, low, high in spoken):
            parts.append(samples[channel, round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)])
    assert len(parts) > 5
    recording = Recording(samples=np.concatenate(parts)[None], missing_seconds=0.0, gaps=())
    assert engine.transcribe(recording).segments == ()
