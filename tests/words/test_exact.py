"""The exact mode gives faster-whisper's tokens, and another encoder changes words no more often than chance."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from faster_whisper import BatchedInferencePipeline, WhisperModel

from benchmarks.corpus import Case, shared_calls
from service import processor
from service.engine.decoding import Hypothesis
from service.engine.engine import Call, Engine
from service.engine.languages import Languages
from service.engine.model import find
from service.engine.windows import Window
from service.engine.workers import Alignment, Hearing, Step
from service.evaluation.measurement import judge_transcript
from service.recording import SAMPLE_RATE
from service.settings import Settings
from tests.words.voices import Voices

pytestmark = [pytest.mark.words, pytest.mark.verify, pytest.mark.timeout(600)]

CALLS = ("call01_en_clear", "call02_en_overlap")
BEAM, BATCH = 5, 4
# Over 3,091 words one standard error of a word error rate was 0.6 points; two calls have about 700 words.
MOST_APART = 0.025


@pytest.fixture(scope="module")
def exact() -> Engine:
    """The engine in exact mode, on one thread."""
    return Engine.load(Settings(model="base", threads=1, exact=True, beam_size=BEAM, batch_size=BATCH, language="en"))


@pytest.fixture(scope="module")
def pipeline() -> BatchedInferencePipeline:
    """The pipeline that it is compared with, on the same weights and in the same number format."""
    folder = find("base").folder
    return BatchedInferencePipeline(
        WhisperModel(str(folder), device="cpu", compute_type=processor.number_format("auto"), cpu_threads=1)
    )


def named(folder: Path, name: str) -> Case:
    """A call of the corpus with its truth."""
    return next(case for case in shared_calls(folder) if case.name == name)


@pytest.mark.parametrize("name", CALLS)
def test_tokens_are_those_of_faster_whisper(
    exact: Engine, pipeline: BatchedInferencePipeline, voices: Voices, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For every window of a real call, which is one clip of its channel."""
    recording = named(voices.folder, name).decode()
    windows = exact._windows(Call(recording=recording, languages=Languages(given="en")))
    hear, heard = exact._workers.hear, list[list[int]]()

    def listen(hearings: Sequence[Hearing], *, each: Step) -> list[tuple[Hypothesis, Alignment]]:
        results = hear(hearings, each=each)
        heard.extend(hypothesis.tokens for hypothesis, _ in results)
        return results

    monkeypatch.setattr(exact._workers, "hear", listen)
    transcript = exact.transcribe(recording)
    assert len(heard) == len(windows) > 5  # each window once: no fallbacks, no further tries
    assert all(len(window.spans) == 1 for window in windows)
    for channel in range(2):
        own = [(window, tokens) for window, tokens in zip(windows, heard, strict=True) if window.channel == channel]
        segments, _ = pipeline.transcribe(
            recording.samples[channel].astype(np.float32) / np.float32(32768),
            language="en",
            beam_size=BEAM,
            batch_size=BATCH,
            clip_timestamps=[clip(window) for window, _ in own],
        )
        expected = [segment.tokens for segment in segments]
        assert [tokens for _, tokens in own if tokens] == expected
        text = "".join(s.text for s in transcript.segments if s.channel == channel)
        decoded = pipeline.model.hf_tokenizer.decode([token for tokens in expected for token in tokens])
        assert text.replace(" ", "") == decoded.replace(" ", "")


def clip(window: Window) -> dict[str, float]:
    """A window as a clip, in seconds that faster-whisper turns into the same samples."""
    return {
        "start": (window.spans[0].start + 0.5) / SAMPLE_RATE,
        "end": (window.spans[0].end + 0.5) / SAMPLE_RATE,
    }


def test_encoders_are_equally_accurate(voices: Voices) -> None:
    """The chosen encoder rounds in its own way: some words change, and as many for the better as for the worse."""
    rates = {}
    for encoder in ("auto", "ctranslate2"):
        engine = Engine.load(Settings(model="base", threads=1, encoder=encoder))
        wrong = words = 0
        for name in CALLS:
            case = named(voices.folder, name)
            measured = judge_transcript(case.golden, engine.transcribe(case.decode(), words=True))
            turns = [turn for channel in measured.channels for turn in channel]
            wrong += sum(turn.word_errors for turn in turns)
            words += sum(turn.words for turn in turns)
        rates[engine.encoder] = wrong / words
    if len(rates) == 1:
        pytest.skip("on this processor CTranslate2's encoder is the chosen one")
    chosen, native = rates.values()
    assert chosen <= native + MOST_APART
