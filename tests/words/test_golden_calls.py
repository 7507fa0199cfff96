"""A golden set of real voices: two calls of the shared corpus, held to the measures of the release gate."""

from pathlib import Path

import pytest

from benchmarks.contestants import our_spans
from benchmarks.corpus import Case, shared_calls
from service.engine.detector import Detector
from service.engine.engine import Engine
from service.evaluation.coverage import NOTHING, cover
from service.evaluation.measurement import judge_transcript
from service.evaluation.turns import Punctuality, spanning
from tests.words.voices import Voices

# The shortest ones: turns in quick succession, and sixteen seconds of both speakers at once.
CALLS = ("call01_en_clear", "call02_en_overlap")
MOST_WRONG, MOST_WRONG_BY_ORDER = 0.12, 0.02
START_P95_SECONDS, LEAST_COVERED = 0.4, 0.99


def golden(folder: Path, name: str) -> Case:
    """A call of the corpus with its truth."""
    return next(case for case in shared_calls(folder) if case.name == name)


@pytest.mark.words
@pytest.mark.parametrize("name", CALLS)
def test_golden_call_is_right(engine: Engine, voices: Voices, name: str) -> None:
    """Few words are wrong, hardly any more in call order; no turn is torn apart or late, and no word was made up."""
    case = golden(voices.folder, name)
    transcript = engine.transcribe(case.decode(), words=True)
    measured = judge_transcript(case.golden, transcript)
    turns = [turn for channel in measured.channels for turn in channel]
    placements = measured.placements or ()
    words = sum(turn.words for turn in turns)
    wrong = sum(turn.word_errors for turn in turns) / words
    assert wrong <= MOST_WRONG
    assert sum(turn.order_errors for turn in placements) / words <= wrong + MOST_WRONG_BY_ORDER
    assert not spanning(case.golden.timed_turns() or (), transcript.segments)
    assert sum(turn.ghosts for turn in placements) == 0
    assert Punctuality.of([turn.start_error for turn in placements]).p95 <= START_P95_SECONDS


@pytest.mark.words
@pytest.mark.parametrize("name", CALLS)
def test_voice_detector_loses_no_speech(voices: Voices, name: str) -> None:
    """Speech that Whisper never hears is lost without a trace."""
    case = golden(voices.folder, name)
    recording, turns, found = case.decode(), case.golden.timed_turns() or (), NOTHING
    for channel, samples in enumerate(recording.samples):
        found += cover(samples, turns, our_spans(samples, Detector()), channel=channel)
    assert found.share >= LEAST_COVERED
