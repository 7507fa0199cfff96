"""Segments that a listener hears of while the call is still transcribed: in call order, once, and never changed later."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.engine.detector import Detector
from service.engine.engine import Engine
from service.engine.final import FinalSegments
from service.engine.segments import Passage
from service.engine.sound import Channel, listen
from service.transcript import Segment
from tests.service.engine.builders import heard, hypothesis
from tests.service.engine.fakes import FakeDecoder, Said, call
from tests.service.engine.test_engine import CONVERSATION, engine


def listened(chosen: Engine, recording: Any = CONVERSATION) -> tuple[list[tuple[float, Segment]], tuple[Segment, ...]]:
    """Each segment that the listener was told of, with the share done before, and those of the transcript."""
    told: list[tuple[float, Segment]] = []
    shares = [0.0]
    transcript = chosen.transcribe(
        recording,
        progress=shares.append,
        listener=lambda segments: told.extend((shares[-1], segment) for segment in segments),
    )
    return told, transcript.segments


def test_listener_hears_the_transcript_early() -> None:
    """All of it, in order, and much of it long before the end."""
    told, segments = listened(engine(batch_size=1))
    assert tuple(segment for _, segment in told) == segments
    assert sum(share < 0.7 for share, _ in told) >= len(segments) // 2


def test_segment_waits_for_what_may_cut_or_precede_it() -> None:
    """Until no word that is still to be heard begins before its end."""
    told: list[str] = []
    final = FinalSegments(lambda segments: told.extend(segment.text for segment in segments))
    passages = [
        Passage(channel=0, start=0.0, words=(heard(1, 2, " One."),), hypothesis=hypothesis(), language="en"),
        Passage(channel=1, start=0.0, words=(heard(3, 9, " two"),), hypothesis=hypothesis(), language="en"),
        Passage(channel=0, start=0.0, words=(heard(4, 5, " Three."),), hypothesis=hypothesis(), language="en"),
    ]
    for until, expected in ((2.0, []), (2.5, ["One."]), (6.0, ["One."]), (9.5, ["One.", "two", "Three."])):
        final.tell(passages, until=until)
        assert told == expected


def turns_of(lengths: Sequence[tuple[float, float]], *, first: int) -> list[tuple[int, float, float]]:
    """Pulses of these pauses and lengths, with values from `first` on."""
    pulses, at = [], 0.0
    for number, (pause, length) in enumerate(lengths):
        pulses.append((first + 2 * number, at + pause, at + pause + length))
        at += pause + length
    return pulses


@settings(max_examples=12, deadline=None)
@given(
    one=st.lists(st.tuples(st.floats(0.5, 20), st.floats(0.5, 8)), min_size=1, max_size=8),
    other=st.lists(st.tuples(st.floats(0.5, 20), st.floats(0.5, 8)), min_size=1, max_size=8),
    batch_size=st.integers(1, 3),
    deaf=st.integers(1, 30),
)
def test_what_was_told_is_never_changed(one: Any, other: Any, batch_size: int, deaf: int) -> None:
    """Whatever the turns, and even if speech that was not heard is transcribed again."""

    def hear(said: Said) -> Said:
        return said[:deaf]

    recording = call(
        sum(pause + length for pause, length in max(one, other, key=lambda turns: sum(map(sum, turns)))) + 1,
        turns_of(one, first=100),
        turns_of(other, first=101),
    )
    told, segments = listened(engine(FakeDecoder(hear=hear), batch_size=batch_size), recording)
    assert tuple(segment for _, segment in told) == segments


def test_doubtful_sound_takes_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it waited for the end, as without a listener, nothing after it could be told before that."""

    def doubting(samples: NDArray[np.int16], detector: Detector) -> Channel:
        found = listen(samples, detector)
        return replace(found, speech=found.speech[1:], doubtful=found.speech[:1])

    monkeypatch.setattr("service.engine.engine.listen", doubting)
    told, segments = listened(engine(batch_size=1), CONVERSATION)
    assert tuple(segment for _, segment in told) == segments
    assert (round(segments[0].start), told[0][0] < 0.05) == (1, True)
    assert sum(share < 0.7 for share, _ in told) >= len(segments) // 2
