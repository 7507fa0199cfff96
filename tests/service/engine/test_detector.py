"""The voice detector: the official model's bytes, a stream without borders, and the hysteresis of speech."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine import detector
from service.engine.detector import (
    BLOCK_FRAMES,
    FRAME,
    LONGEST_FRAMES,
    MIN_SILENCE_FRAMES,
    SPEECH_BEGINS,
    Detector,
    Probabilities,
    find_speech,
    model_file,
)
from service.recording import SAMPLE_RATE

SILENCE = [0.0] * (MIN_SILENCE_FRAMES + 1)

# Few values, so that examples have long stretches of speech and silence.
probability_lists = st.lists(
    st.tuples(st.sampled_from([0.0, 0.2, 0.9]), st.integers(1, 900)), min_size=1, max_size=12
).map(lambda runs: np.concatenate([np.full(length, value, np.float32) for value, length in runs]))


def probabilities(*values: float) -> Probabilities:
    """Probabilities of speech, frame by frame."""
    return np.array(values, np.float32)


def test_model_is_the_official_one() -> None:
    """Another version of the weights loses whole speakers on telephone lines."""
    digest = hashlib.sha256(model_file().read_bytes()).hexdigest()
    assert digest == "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85"


def test_probabilities_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network's state passes from block to block, so that a border is not heard."""
    times = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    syllables = np.sin(2 * np.pi * 150 * times) * np.sin(2 * np.pi * 3 * times) ** 2
    samples = (8000 * syllables + np.random.default_rng(1).normal(0, 300, len(times))).astype(np.int16)
    whole = Detector().probabilities(samples)
    monkeypatch.setattr(detector, "BLOCK_FRAMES", 17)
    np.testing.assert_allclose(Detector().probabilities(samples), whole, atol=1e-5)


@pytest.mark.parametrize("length", [0, 1, FRAME, FRAME + 1, BLOCK_FRAMES * FRAME + 1])
def test_every_frame_has_a_probability(length: int) -> None:
    """The last frame is filled up with silence."""
    assert len(Detector().probabilities(np.zeros(length, np.int16))) == -(-length // FRAME)


def test_speech_begins_surely_and_ends_late() -> None:
    """A higher probability begins speech than continues it."""
    assert find_speech(probabilities(0, 0.2, 0.9, 0.2, 0.2, 0, 0)) == [(2, 5)]


def test_improbable_speech_is_none() -> None:
    """Probabilities between the two thresholds do not begin speech."""
    assert find_speech(probabilities(*[0.2] * 50)) == []


def test_click_is_no_speech() -> None:
    """One frame is shorter than any syllable."""
    assert find_speech(probabilities(*SILENCE, 0.9, *SILENCE)) == []


def test_short_silence_stays_inside_speech() -> None:
    """The gaps between syllables do not end speech, longer ones do."""
    assert find_speech(probabilities(0.9, 0.9, *SILENCE[:-2], 0.9, 0.9)) == [(0, 4 + MIN_SILENCE_FRAMES - 1)]
    assert len(find_speech(probabilities(0.9, 0.9, *SILENCE, 0.9, 0.9))) == 2


def test_speech_without_a_pause_is_cut_at_its_weakest_frame() -> None:
    """A window holds at most 28 s, so that endless speech must be cut, best between two words."""
    values = np.full(LONGEST_FRAMES + 100, 0.9, np.float32)
    values[400] = 0.5
    assert find_speech(values) == [(0, 400), (400, LONGEST_FRAMES + 100)]


@given(probability_lists)
def test_all_certain_speech_is_found_in_order(values: Probabilities) -> None:
    """Nothing that the detector is sure of is lost, nothing is found twice, and each stretch fits into a window."""
    found = find_speech(values)
    borders = [border for stretch in found for border in stretch]
    assert borders == sorted(borders)
    assert all(0 < end - start <= LONGEST_FRAMES for start, end in found)
    inside = np.zeros(len(values), bool)
    for start, end in found:
        inside[start:end] = True
    lost = np.flatnonzero((values >= SPEECH_BEGINS) & ~inside)
    # Only a click may be missing: the frames around it are silent.
    assert all(values[max(0, i - 1) : i + 2].tolist().count(np.float32(0.9)) == 1 for i in lost)
