"""The engine, with a detector and a model that hear pulses: nothing lost, nothing invented, everything in its place."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from service.engine.decoding import Decoder, Hypothesis
from service.engine.engine import Cancelled, Engine
from service.errors import UnknownLanguage
from service.recording import SAMPLE_RATE, Gap, Recording
from service.settings import Settings
from service.transcript import Transcript
from tests.service.engine.builders import hypothesis
from tests.service.engine.fakes import GERMAN, FakeDecoder, FakeDetector, Said, call

# Two speakers in turn, for more than one window each.
TURNS = [(100 + 2 * n, 10.0 * n + 1, 10.0 * n + 4) for n in range(20)]
ANSWERS = [(101 + 2 * n, 10.0 * n + 5, 10.0 * n + 9) for n in range(20)]
CONVERSATION = call(200, TURNS, ANSWERS)


def engine(decoder: Decoder | None = None, **settings: Any) -> Engine:
    """An engine that hears pulses, with one worker unless the settings say otherwise."""
    chosen = Settings(**{"workers": 1} | settings)
    return Engine(decoder=decoder or FakeDecoder(), detector=FakeDetector(), settings=chosen)


def turns(transcript: Transcript) -> list[tuple[int, str, int, int]]:
    """Channel, first word, and start and end in whole seconds of each segment."""
    return [(s.channel, s.text.split()[0], round(s.start), round(s.end)) for s in transcript.segments]


def unheard(transcript: Transcript) -> list[tuple[int, int, int]]:
    """Channel, start and end, in whole seconds, of each stretch without words."""
    return [(span.channel, round(span.start), round(span.end)) for span in transcript.unheard]


def test_both_speakers_are_transcribed_in_call_order() -> None:
    """Every turn has its channel, its words and its time."""
    transcript = engine().transcribe(CONVERSATION)
    expected = [(channel, f"w{v}", int(a), int(b)) for pair in zip(TURNS, ANSWERS, strict=True) for channel, (v, a, b) in enumerate(pair)]  # fmt: skip
    assert turns(transcript) == expected
    assert (transcript.unheard, transcript.language, transcript.channels) == ((), "en", 2)


def test_words_come_on_request_and_add_up_to_the_text() -> None:
    """By default the transcript does not show them."""
    assert not any("words" in plain for plain in engine().transcribe(CONVERSATION).to_dict()["segments"])
    for segment in engine().transcribe(CONVERSATION, words=True).segments:
        assert " ".join(word.text for word in segment.words) == segment.text
        assert segment.start <= segment.words[0].start <= segment.words[-1].end <= segment.end


def test_channels_are_listened_to_at_once() -> None:
    """Otherwise the first words of a long call wait for one detection after the other."""
    together = threading.Barrier(2, timeout=20)

    class Meeting(FakeDetector):
        def probabilities(self, samples: Any) -> Any:
            together.wait()
            return super().probabilities(samples)

    settings = Settings(threads=2, workers=1)
    met = Engine(decoder=FakeDecoder(), detector=Meeting(), settings=settings).transcribe(CONVERSATION)
    assert met == engine().transcribe(CONVERSATION)


def test_silent_recording_is_not_given_to_the_model() -> None:
    """For silence it would invent words."""
    decoder = FakeDecoder()
    transcript = engine(decoder).transcribe(call(3, [], []))
    assert (transcript.language, transcript.segments, transcript.unheard, transcript.duration) == ("und", (), (), 3.0)
    assert decoder.batches == []


def test_empty_recording_gives_an_empty_transcript() -> None:
    """No samples are silence, too."""
    assert engine().transcribe(call(0, [])).segments == ()


def test_silent_channel_stays_empty() -> None:
    """A customer who says nothing gets no words from the agent."""
    assert {segment.channel for segment in engine().transcribe(call(200, TURNS, [])).segments} == {0}


def test_mono_recorded_as_stereo_is_transcribed_once() -> None:
    """Two identical channels are one speaker."""
    transcript = engine().transcribe(call(200, TURNS, TURNS))
    assert transcript.channels == 2
    assert transcript.segments == engine().transcribe(call(200, TURNS)).segments


def test_channels_may_have_different_languages() -> None:
    """Each window that clearly has another language than the call is transcribed in its own."""
    german = [(value + GERMAN, start, end) for value, start, end in ANSWERS]
    transcript = engine().transcribe(call(200, TURNS, german))
    assert {(segment.channel, segment.language) for segment in transcript.segments} == {(0, "en"), (1, "de")}
    assert len(transcript.segments) == 40


def test_given_language_is_not_detected() -> None:
    """The caller, or else the setting, knows it for certain."""
    for transcript in (
        engine().transcribe(CONVERSATION, language="fr"),
        engine(language="fr").transcribe(CONVERSATION),
    ):
        assert (transcript.language, transcript.language_probability) == ("fr", 1.0)
        assert {segment.language for segment in transcript.segments} == {"fr"}


def test_unknown_language_is_refused() -> None:
    """The message names the field, the value and the known languages."""
    with pytest.raises(UnknownLanguage, match=r"^language: unknown language \(got 'xx'\); expected one of de, en, fr"):
        engine().transcribe(CONVERSATION, language="xx")


def test_speech_behind_an_early_end_is_transcribed_again() -> None:
    """The model may stop in the middle of a window; the rest of it is heard in a window of its own."""
    decoder = FakeDecoder(hear=lambda said: said[:18])
    transcript = engine(decoder).transcribe(call(60, TURNS[:6]))
    assert turns(transcript) == [(0, f"w{v}", int(a), int(b)) for v, a, b in TURNS[:6]]
    assert transcript.unheard == ()
    assert len(decoder.batches) > 1


def test_speech_that_needs_its_own_window_gets_it() -> None:
    """A window without any word is split at its widest pause."""
    decoder = FakeDecoder(hear=lambda said: said if len({value for value, _, _ in said}) == 1 else [])
    transcript = engine(decoder).transcribe(call(30, TURNS[:3]))
    assert [turn[1] for turn in turns(transcript)] == ["w100", "w102", "w104"]


def test_speech_that_the_model_never_hears_is_named() -> None:
    """After some tries it stands in `unheard`, beside the words of the others."""

    def deaf(said: Said) -> Said:
        return [word for word in said if word[0] != 102]

    decoder = FakeDecoder(hear=deaf)
    transcript = engine(decoder).transcribe(call(60, TURNS[:6]))
    assert [turn[1] for turn in turns(transcript)] == ["w100", "w104", "w106", "w108", "w110"]
    assert unheard(transcript) == [(0, 11, 14)]
    assert len(decoder.batches) <= 5


def test_call_that_the_model_does_not_hear_at_all_ends() -> None:
    """Tries are limited, and nothing is silently empty."""
    decoder = FakeDecoder(hear=lambda _: [])
    transcript = engine(decoder).transcribe(CONVERSATION)
    assert (transcript.segments, transcript.language) == ((), "und")
    assert unheard(transcript) == sorted(
        [(0, int(a), int(b)) for _, a, b in TURNS] + [(1, int(a), int(b)) for _, a, b in ANSWERS], key=lambda u: u[1]
    )
    assert sum(decoder.batches) <= 15 * 12


def test_repeated_word_is_heard_stretch_by_stretch() -> None:
    """The model counts repetitions badly: each is transcribed alone, and the words around them stay."""
    calls = [(100, n + 1.0, n + 1.5) for n in range(6)]

    def count_badly(said: Said) -> Said:
        repeated = [word for word in said if word[0] == 100]
        if len(repeated) < 2:
            return said
        borders = np.linspace(repeated[0][1], repeated[-1][2], 12)
        return [*((100, float(a), float(b)) for a, b in pairwise(borders)), *(word for word in said if word[0] != 100)]

    transcript = engine(FakeDecoder(hear=count_badly)).transcribe(call(20, [*calls, (102, 9.0, 12.0)]))
    texts = [segment.text for segment in transcript.segments]
    assert texts == [*["w100"] * 6, " ".join(["w102"] * 6)]
    assert transcript.unheard == ()


def test_failed_hypothesis_is_decoded_again() -> None:
    """Greedily, which ends in a loop less often."""

    def judge(options: dict[str, Any]) -> Hypothesis:
        return hypothesis(log_probability=-0.2 if options.get("beam_size") == 1 else -1.5)

    transcript = engine(FakeDecoder(judge=judge)).transcribe(call(10, TURNS[:1]))
    assert [(s.text.split()[0], s.average_log_probability) for s in transcript.segments] == [("w100", -0.2)]


def test_short_speech_without_words_on_an_empty_channel_is_named() -> None:
    """A channel is never silently empty; on one with words, a click is no news."""
    deaf = FakeDecoder(hear=lambda said: [word for word in said if word[0] != 101])
    click = (101, 1.0, 1.5)
    assert unheard(engine(deaf).transcribe(call(10, [click]))) == [(0, 1, 2)]
    assert unheard(engine(deaf).transcribe(call(10, [click, (102, 3.0, 6.0)]))) == []


def test_uncertain_language_is_undetermined() -> None:
    """The text is kept, but neither the call nor its segments claim a language."""

    class Uncertain(FakeDecoder):
        def detect_languages(self, encoded: Any) -> list[dict[str, float]]:
            return [{"en": 0.4, "de": 0.3} for _ in encoded]

    transcript = engine(Uncertain()).transcribe(call(10, TURNS[:1]))
    assert transcript.language == "und"
    assert transcript.language_probability == pytest.approx(0.4)
    assert [segment.language for segment in transcript.segments] == ["und"]


def test_guess_is_not_kept() -> None:
    """Text that failed every gate is worse than none; its speech is named."""
    transcript = engine(FakeDecoder(judge=lambda _: hypothesis(log_probability=-1.5))).transcribe(call(10, TURNS[:1]))
    assert (transcript.segments, transcript.language) == ((), "und")
    assert unheard(transcript) == [(0, 1, 4)]


def test_text_of_silence_is_not_kept() -> None:
    """Whisper's gate for silence drops a text; its speech is named."""
    silent = FakeDecoder(judge=lambda _: hypothesis(log_probability=-1.5, no_speech=0.9))
    transcript = engine(silent).transcribe(call(10, TURNS[:1]))
    assert (transcript.segments, unheard(transcript)) == ((), [(0, 1, 4)])


def test_lively_sound_on_a_channel_without_words_is_named() -> None:
    """Babble that the detector refuses is not silently empty."""
    generator = np.random.default_rng(2)
    envelope = np.repeat(np.tile([3000, 300], 20), SAMPLE_RATE // 4)
    babble = Recording(
        samples=(generator.normal(0, 0.3, len(envelope)) * envelope).astype(np.int16)[None],
        missing_seconds=0.0,
        gaps=(),
    )

    class Refusing(FakeDetector):
        def probabilities(self, samples: Any) -> Any:
            return np.zeros_like(super().probabilities(samples))

    refusing = Engine(decoder=FakeDecoder(), detector=Refusing(), settings=Settings())
    transcript = refusing.transcribe(babble)
    assert (transcript.segments, unheard(transcript)) == ((), [(0, 0, 10)])


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_batch_size_changes_nothing(batch_size: int) -> None:
    """It is a matter of speed and memory."""
    assert engine(batch_size=batch_size).transcribe(CONVERSATION) == engine().transcribe(CONVERSATION)


def test_batches_mix_channels_and_respect_their_size() -> None:
    """Both speakers fill one batch."""
    decoder = FakeDecoder()
    engine(decoder, batch_size=4).transcribe(CONVERSATION)
    assert max(decoder.batches) == 4
    assert sum(decoder.batches) / len(decoder.batches) > 2


@pytest.mark.parametrize("hear", [lambda said: said, lambda said: said[:20]], ids=["at once", "in parts"])
def test_progress_rises_to_one(hear: Any) -> None:
    """A progress bar never moves backwards, even if speech is transcribed again, and is full at the end."""
    shares: list[float] = []
    engine(FakeDecoder(hear=hear), batch_size=1).transcribe(CONVERSATION, progress=shares.append)
    assert len(shares) > 4
    assert shares == sorted(shares)
    assert 0 < shares[0] < 1
    assert shares[-1] == 1.0


def test_progress_can_cancel() -> None:
    """If the caller has disconnected, no further batch of a round is begun."""
    decoder = FakeDecoder()

    def leave(_: float) -> None:
        if decoder.batches:
            raise Cancelled

    with pytest.raises(Cancelled):
        engine(decoder, batch_size=1).transcribe(CONVERSATION, progress=leave)
    assert decoder.batches == [1]


def test_missing_audio_marks_the_transcript_partial() -> None:
    """The transcript states which audio could not be decoded."""
    damaged = replace(CONVERSATION, missing_seconds=1.5, gaps=(Gap(start=1.0, end=2.5),))
    transcript = engine().transcribe(damaged)
    assert (transcript.partial, transcript.missing_seconds, transcript.gaps) == (True, 1.5, damaged.gaps)


def test_calls_in_parallel_do_not_mix() -> None:
    """Calls that share the model have the same transcripts as alone."""
    calls = [call(200, TURNS[n:], ANSWERS[: n + 1]) for n in range(4)]
    alone = [engine().transcribe(each) for each in calls]
    shared = engine()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(shared.transcribe, calls)) == alone


@pytest.mark.parametrize("seconds", [23.0, 28.0])
def test_windows_are_no_longer_than_the_setting(seconds: float) -> None:
    """Whisper expects some silence at the end."""
    decoder = FakeDecoder()
    engine(decoder, window_seconds=seconds).transcribe(CONVERSATION)
    assert max(map(len, decoder._audios)) <= seconds * SAMPLE_RATE


def test_exact_mode_hears_each_window_once() -> None:
    """Neither gates nor further tries: what the model gives is kept."""
    decoder = FakeDecoder(hear=lambda said: said[:1], judge=lambda _: hypothesis(log_probability=-1.5, compression=3.0))
    transcript = engine(decoder, exact=True).transcribe(call(60, TURNS[:6]))
    assert sum(decoder.batches) == len(transcript.segments) == 2
    assert transcript.unheard
