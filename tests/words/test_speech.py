"""Real speech: all of it, nothing twice, at its time, whatever its level, its format and its surroundings."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from service.engine.engine import Engine
from service.recording import SAMPLE_RATE, Recording, decode
from service.settings import Settings
from tests.service import media
from tests.words.comparison import heard, invented, text, words
from tests.words.sounds import Sound, at_level, line, silence, whispered
from tests.words.voices import Voices, load

pytestmark = pytest.mark.words

HELLO, SPANISH, FRENCH = "en_google_hello.wav", "es_asterisk_vm-mailboxfull.flac", "fr_asterisk_vm-dialout.wav"


def hellos(voices: Voices, count: int, *, pause: float) -> Sound:
    """The same word again and again."""
    return voices.say(*[HELLO] * count, pause=pause)


def test_long_speech_is_heard_to_the_end(engine: Engine, voices: Voices) -> None:
    """The model may end a full window early: what it left is transcribed again, or named."""
    said = voices.names("en", 16, seed=11)
    transcript = engine.transcribe(line(voices.say(*said, pause=0.3)), words=True)
    assert heard(voices.text(*said), transcript) > 0.85
    moments = [(word.start, word.end) for segment in transcript.segments for word in segment.words]
    moments += [(span.start, span.end) for span in transcript.unheard]
    assert max(b[0] - a[1] for a, b in pairwise(sorted(moments))) < 3
    assert transcript.duration - max(end for _, end in moments) < 3


def test_call_keeps_its_turns(engine: Engine, voices: Voices) -> None:
    """The first 45 s of a composed call: each turn on its channel, in its time, and no segment across another's."""
    path, truth = voices.call("call01_en_clear")
    with path.open("rb") as file:
        samples = decode(file, settings=Settings()).samples[:, : 45 * SAMPLE_RATE]
    transcript = engine.transcribe(Recording(samples=samples, missing_seconds=0.0, gaps=()))
    turns = [turn for turn in truth["turns"] if turn["end"] < 44]
    for channel in (0, 1):
        said = " ".join(turn["text"] for turn in turns if turn["channel"] == channel)
        assert heard(said, transcript, channel=channel) > 0.85
    for turn in turns:
        starts = [s.start for s in transcript.segments if s.channel == turn["channel"]]
        assert min(abs(start - turn["start"]) for start in starts) < 0.3
    for segment in transcript.segments:
        others = [turn for turn in turns if turn["channel"] != segment.channel]
        assert not any(segment.start < turn["start"] and turn["end"] < segment.end for turn in others)


def test_sentence_after_a_repetition_is_kept(engine: Engine, voices: Voices) -> None:
    """A dozen greetings neither become a hundred nor swallow the sentence behind them."""
    (sentence,) = voices.names("en", 2, seed=9)[1:]
    sound = np.concatenate([hellos(voices, 12, pause=0.35), silence(0.3), voices.say(sentence)])
    transcript = engine.transcribe(line(sound))
    assert heard(voices.text(sentence), transcript) > 0.85
    assert 11 <= words(text(transcript)).count("hello") <= 13


def test_repetition_with_pauses_is_kept(engine: Engine, voices: Voices) -> None:
    """A caller who greets a dead line again and again."""
    transcript = engine.transcribe(line(hellos(voices, 8, pause=1.5)))
    assert 7 <= words(text(transcript)).count("hello") <= 8


def test_word_after_a_long_silence_has_its_time(engine: Engine, voices: Voices) -> None:
    """Five minutes on hold, then "Hello": not one segment over all of it."""
    (sentence,) = voices.names("en", 1, seed=5)
    spoken = voices.say(sentence)
    transcript = engine.transcribe(line(np.concatenate([spoken, silence(300), voices.say(HELLO)])))
    last = transcript.segments[-1]
    begin = 0.5 + len(spoken) / SAMPLE_RATE + 300
    assert words(last.text) == ["hello"]
    assert begin - 0.3 <= last.start < last.end <= begin + 1.2
    assert heard(voices.text(sentence), transcript) > 0.8


def test_word_at_a_window_border_is_not_lost(engine: Engine, voices: Voices) -> None:
    """A minute of speech without a pause, of which each window begins and ends in the middle."""
    said = voices.names("en", 8, seed=21)
    transcript = engine.transcribe(line(voices.say(*said, pause=0.0)))
    assert heard(voices.text(*said), transcript) > 0.85


@pytest.mark.parametrize(("level", "comfort"), [(-50, -80), (12, -62)], ids=["very quiet", "overdriven"])
def test_level_does_not_matter(engine: Engine, voices: Voices, level: int, comfort: int) -> None:
    """A far microphone, and one that clips."""
    said = voices.names("en", 2, seed=6)
    transcript = engine.transcribe(line(voices.say(*said, level=level), comfort=comfort))
    assert heard(voices.text(*said), transcript) > 0.7


def test_whispered_speech_is_heard(engine: Engine, voices: Voices) -> None:
    """Speech without a voice, as at night."""
    said = voices.names("en", 20, seed=9)[3]
    transcript = engine.transcribe(line(at_level(whispered(load(voices.path(said))), -35)))
    assert heard(voices.text(said), transcript) > 0.7


def test_digits_are_heard(engine: Engine, voices: Voices) -> None:
    """Card and telephone numbers, spoken digit by digit."""
    path, truth = voices.call("call06_en_digits")
    turns = [turn for turn in truth["turns"] if len(words(turn["text"])) >= 8][:2]
    with path.open("rb") as file:
        samples = decode(file, settings=Settings()).samples
    said = " ".join(turn["text"] for turn in turns)
    parts = [samples[t["channel"], round(t["start"] * SAMPLE_RATE) : round(t["end"] * SAMPLE_RATE)] for t in turns]
    transcript = engine.transcribe(line(np.concatenate(parts).astype(np.float32) / np.float32(32768)))
    assert heard(said, transcript) > 0.8
    assert invented(said, transcript) <= 2


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [("wav", "pcm_mulaw", 8000), ("wav", "g722", 16_000), ("amr", "libopencore_amrnb", 8000)],
)
def test_telephone_codec_keeps_the_words(
    engine: Engine, voices: Voices, tmp_path: Path, container: str, codec: str, rate: int
) -> None:
    """Companded, in sub-bands, and in the mobile network's code."""
    said = voices.names("en", 2, seed=9)
    wave = voices.say(*said)
    spectrum = np.fft.rfft(wave)[: round(len(wave) * rate / SAMPLE_RATE) // 2 + 1]
    sampled = np.asarray(np.fft.irfft(spectrum) * rate / SAMPLE_RATE, np.float32)
    path = media.encode(tmp_path / f"call.{container}", sampled[None], rate=rate, container=container, codec=codec)
    assert heard(voices.text(*said), engine.transcribe(media.decode_path(path))) > 0.8


def test_gsm_keeps_the_words(engine: Engine, voices: Voices, tmp_path: Path) -> None:
    """A recorded prompt in the code of old exchanges, in a container."""
    name = "fr_armelle_conf-onlyperson.gsm"
    path = tmp_path / "prompt.mov"
    with av.open(str(voices.path(name)), format="gsm") as source, av.open(str(path), "w", format="mov") as made:
        stream = made.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = stream
                made.mux(packet)
    assert heard(voices.text(name), engine.transcribe(media.decode_path(path))) > 0.7


def test_same_recording_gives_the_same_text(engine: Engine, voices: Voices) -> None:
    """Three times, beside other calls in other threads, and with other batches: nothing is sampled."""
    short = line(load(voices.path(SPANISH))[: round(1.1 * SAMPLE_RATE)])
    other = line(voices.say(FRENCH), load(voices.path(SPANISH)))
    alone = engine.transcribe(short, words=True)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(engine.transcribe, short, words=True)
        beside = pool.submit(engine.transcribe, other, words=True)
        assert [first.result(), engine.transcribe(short, words=True)] == [alone, alone]
        assert beside.result() == engine.transcribe(other, words=True)
    assert alone.segments
