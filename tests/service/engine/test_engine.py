"""The engine, with the demo model loaded as in production."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from service.engine.engine import Cancelled, Engine, Hypothesis, ends_open
from service.errors import InvalidField
from service.recording import SAMPLE_RATE, Gap, Recording
from tests.service.calls import CALLS, SETTINGS, recording

BEGIN = 50_364  # the first timestamp token


@pytest.fixture(scope="module")
def engine() -> Engine:
    """The demo model, loaded once."""
    return Engine.load(SETTINGS)


def silence(*, channels: int = 1, seconds: float = 3.0) -> Recording:
    """A recording of digital silence."""
    samples = np.zeros((channels, round(seconds * SAMPLE_RATE)), np.int16)
    return Recording(samples=samples, missing_seconds=0.0, gaps=())


@pytest.mark.parametrize("name", sorted(CALLS))
def test_every_channel_is_transcribed_in_call_order(engine: Engine, name: str) -> None:
    """Each speaker's channel has segments, sorted by start, and the language is detected."""
    transcript = engine.transcribe(recording(name))
    assert transcript.language == CALLS[name].language
    assert tuple(sorted({segment.channel for segment in transcript.segments})) == CALLS[name].channels
    starts = [segment.start for segment in transcript.segments]
    assert starts == sorted(starts)
    assert all(0 <= segment.start <= segment.end <= transcript.duration for segment in transcript.segments)


def test_words_come_on_request_and_add_up_to_the_text(engine: Engine) -> None:
    """Words have times within their call and add up to their segment; by default there are none."""
    plain = engine.transcribe(recording("billing.wav"))
    timed = engine.transcribe(recording("billing.wav"), words=True)
    assert not any(segment.words for segment in plain.segments)
    for segment in timed.segments:
        assert " ".join(word.text for word in segment.words).replace("- ", "-") == segment.text
        assert all(segment.start - 0.5 <= word.start <= word.end <= segment.end + 0.5 for word in segment.words)


def test_silent_recording_gives_an_empty_transcript(engine: Engine) -> None:
    """The model is not given silence, for which it would invent words."""
    transcript = engine.transcribe(silence(channels=2), words=True)
    assert (transcript.language, transcript.segments, transcript.duration) == ("und", (), 3.0)


def test_noise_gives_an_empty_transcript(engine: Engine) -> None:
    """Line noise is not speech."""
    noise = np.random.default_rng(0).normal(0, 300, (1, 5 * SAMPLE_RATE)).astype(np.int16)
    assert engine.transcribe(replace(silence(), samples=noise)).segments == ()


def test_mono_recorded_as_stereo_is_transcribed_once(engine: Engine) -> None:
    """Two identical channels are one speaker, not two."""
    mono = recording("voicemail.wav")
    stereo = replace(mono, samples=np.repeat(mono.samples, 2, axis=0))
    transcript = engine.transcribe(stereo)
    assert transcript.channels == 2
    assert transcript.segments == engine.transcribe(mono).segments


def test_requested_language_is_not_detected(engine: Engine) -> None:
    """The caller knows it for certain."""
    transcript = engine.transcribe(recording("voicemail.wav"), language="en")
    assert (transcript.language, transcript.language_probability) == ("en", 1.0)


def test_unknown_language_is_refused(engine: Engine) -> None:
    """The message names the field, the value and the known languages."""
    with pytest.raises(InvalidField, match=r"^language: unknown language \(got 'xx'\); expected one of af, am"):
        engine.transcribe(silence(), language="xx")


def test_missing_audio_marks_the_transcript_partial(engine: Engine) -> None:
    """The transcript states which audio could not be decoded."""
    damaged = replace(silence(), missing_seconds=1.5, gaps=(Gap(start=1.0, end=2.5),))
    transcript = engine.transcribe(damaged)
    assert (transcript.partial, transcript.missing_seconds, transcript.gaps) == (True, 1.5, damaged.gaps)


def test_progress_rises_to_one() -> None:
    """A progress bar never moves backwards, and is full when the call ends."""
    small = Engine.load(replace(SETTINGS, batch_size=1, window_seconds=8.0))
    shares: list[float] = []
    small.transcribe(recording("billing.wav"), progress=shares.append)
    assert len(shares) > 2
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_progress_can_cancel(engine: Engine) -> None:
    """If the caller has disconnected, the work stops after the current batch."""

    def leave(_: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        engine.transcribe(recording("voicemail.wav"), progress=leave)


def test_calls_in_parallel_do_not_mix(engine: Engine) -> None:
    """Calls that share the model have the same transcripts as alone."""
    names = sorted(CALLS)
    alone = [engine.transcribe(recording(name)) for name in names]
    with ThreadPoolExecutor(len(names)) as pool:
        together = list(pool.map(lambda name: engine.transcribe(recording(name)), names))
    assert together == alone


@pytest.mark.parametrize(
    ("probability", "compression", "no_speech", "failed", "silent"),
    [(-0.3, 1.5, 0.9, False, False), (-1.2, 1.5, 0.1, True, False), (-0.3, 3.0, 0.1, True, False), (-1.2, 1.5, 0.9, True, True)],
)  # fmt: skip
def test_quality_checks_tell_failed_and_silent_windows(
    probability: float, compression: float, no_speech: float, *, failed: bool, silent: bool
) -> None:
    """Whisper's checks: a repetitive or improbable window is decoded again, an improbable silent one is dropped."""
    result = Hypothesis(
        tokens=[],
        average_log_probability=probability,
        compression_ratio=compression,
        no_speech_probability=no_speech,
    )
    assert (result.failed, result.silent) == (failed, silent)


@pytest.mark.parametrize(
    ("tokens", "more"),
    [
        ([BEGIN, 5, 6, BEGIN + 50, BEGIN + 50], True),
        ([BEGIN, 5, 6, BEGIN + 50], False),
        ([BEGIN, 5], False),
        ([], False),
    ],
)
def test_two_last_timestamps_mean_more_speech(tokens: list[int], *, more: bool) -> None:
    """The rest of such a window is transcribed as well."""
    assert ends_open(tokens, BEGIN) is more
