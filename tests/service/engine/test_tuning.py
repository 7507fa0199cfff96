"""Tuning: the fastest settings win, chance does not, and what cannot run is named."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from service import processor
from service.engine import loading, tuning
from service.engine.decoding import Decoder, Encoding, Hypothesis
from service.engine.tuning import Sound, Tuning, synthesized, tune, windows_of
from service.recording import SAMPLE_RATE
from service.settings import SettingError, Settings
from tests.service.engine.builders import hypothesis
from tests.service.engine.fakes import FakeDetector, call

SOUNDS = [Sound(audio=np.zeros(28 * SAMPLE_RATE, np.float32), seconds=28.0)]


class Clock:
    """A clock that only work moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


class Timed(Decoder):
    """Takes a time for each window and each batch."""

    def __init__(self, clock: Clock, *, encoder: str, window: float, batch: float) -> None:
        self.name, self._clock, self._window, self._batch = encoder, clock, window, batch

    @property
    def encoder(self) -> str:
        """The name that it was given."""
        return self.name

    def encode(self, audio: Encoding) -> Encoding:
        """Takes the time of a window."""
        self._clock.now += self._window
        return np.zeros((1, 1), np.float32) + audio[:1]

    def generate(self, encodings: Encoding, *_: Any, **__: Any) -> list[Hypothesis]:
        """Takes the time of a batch."""
        self._clock.now += self._batch
        return [hypothesis()] * len(encodings)

    def align(self, encodings: Encoding, *_: Any, **__: Any) -> list[list[dict[str, Any]]]:
        """Takes no time."""
        return [[]] * len(encodings)


def tuned(
    monkeypatch: pytest.MonkeyPatch,
    *,
    threads: int = 1,
    window: dict[str, float],
    batch: float = 0.0,
    seconds: float = 1000.0,
    available: Sequence[str] = ("openvino", "ctranslate2"),
    largest_batch: int = 64,
    **settings: Any,
) -> Tuning:
    """The result on a machine on which each encoder takes its time for a window."""
    clock = Clock()
    monkeypatch.setattr(processor, "available_cpus", lambda: threads)

    def load(wanted: Settings) -> Decoder:
        if wanted.batch_size > largest_batch:
            raise SettingError("WHISPER_BATCH_SIZE", wanted.batch_size, f"at most {largest_batch}")
        encoder = wanted.encoder if wanted.encoder in available else "ctranslate2"
        return Timed(clock, encoder=f"{encoder} 1.0", window=window[encoder], batch=batch)

    monkeypatch.setattr(loading, "load", load)
    return tune(Settings(**settings), sounds=SOUNDS, seconds=seconds, clock=clock)


def test_faster_encoder_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the settings come as variables that the service reads."""
    for fast, slow in (("openvino", "ctranslate2"), ("ctranslate2", "openvino")):
        found = tuned(monkeypatch, window={fast: 0.2, slow: 0.4})
        assert found.variables["WHISPER_ENCODER"] == fast
        assert Settings.from_environ(found.variables).encoder == fast
        speeds = {trial.value: trial.speed for trial in found.trials if trial.setting == "WHISPER_ENCODER"}
        assert speeds == {fast: 28 / 0.2, slow: 28 / 0.4}


def test_batches_are_as_large_as_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a batch costs the same whatever its size, the largest wins."""
    times = {"openvino": 0.1, "ctranslate2": 0.2}
    assert tuned(monkeypatch, window=times, batch=5.0).variables["WHISPER_BATCH_SIZE"] == "16"
    assert tuned(monkeypatch, window=times, batch=0.0).variables["WHISPER_BATCH_SIZE"] == "8"


def test_small_gain_is_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two per cent do not change a setting, five do."""
    assert tuned(monkeypatch, window={"openvino": 1.00, "ctranslate2": 0.98}).variables["WHISPER_ENCODER"] == "openvino"
    assert (
        tuned(monkeypatch, window={"openvino": 1.00, "ctranslate2": 0.95}).variables["WHISPER_ENCODER"] == "ctranslate2"
    )


def test_candidates_take_turns_until_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many rounds for each, give or take one, and no round that would be late."""
    found = tuned(monkeypatch, window={"openvino": 0.1, "ctranslate2": 0.1}, seconds=120.0)
    rounds = [trial.rounds for trial in found.trials if trial.setting == "WHISPER_ENCODER"]
    assert max(rounds) - min(rounds) <= 1
    # A sixth of the time for this setting, and 0.4 s for each round.
    assert 45 <= sum(rounds) <= 20 / 0.4


def test_time_that_is_over_leaves_settings_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """One round decides nothing, and what was not measured is named."""
    found = tuned(monkeypatch, threads=2, window={"openvino": 10.0, "ctranslate2": 5.0}, seconds=1.0)
    assert [trial.rounds for trial in found.trials] == [1, 1, 0, 0, 0]
    assert str(found).count("not measured in time") == 3
    assert list(found.variables.values()) == ["openvino", "2", "2", "8"]


def test_threads_and_workers_stay_within_the_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four CPUs all or half are used, by as many workers as divide them."""
    found = tuned(monkeypatch, threads=4, window={"openvino": 0.1, "ctranslate2": 0.2})
    values = {
        name: [trial.value for trial in found.trials if trial.setting == f"WHISPER_{name}"]
        for name in ("THREADS", "WORKERS")
    }
    assert values == {"THREADS": ["4", "2"], "WORKERS": ["4", "2", "1"]}


def test_encoder_that_is_unavailable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its fallback is not measured as if it were it."""
    found = tuned(monkeypatch, window={"openvino": 0.1, "ctranslate2": 0.2}, available=["ctranslate2"])
    assert found.variables["WHISPER_ENCODER"] == "ctranslate2"
    assert "WHISPER_ENCODER=openvino     unavailable: ctranslate2 1.0 would run" in str(found)


def test_batch_beyond_memory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are measured."""
    found = tuned(monkeypatch, window={"openvino": 0.1, "ctranslate2": 0.2}, batch=5.0, largest_batch=8)
    assert found.variables["WHISPER_BATCH_SIZE"] == "8"
    assert "refused: at most 8" in str(found)


def test_fewer_threads_than_workers_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers that were asked for stay."""
    found = tuned(monkeypatch, threads=2, window={"openvino": 0.1, "ctranslate2": 0.2}, workers=2)
    assert "WHISPER_THREADS=1            refused: at most WHISPER_THREADS, which is 1" in str(found)
    assert (found.variables["WHISPER_THREADS"], found.variables["WHISPER_WORKERS"]) == ("2", "2")


def test_exact_mode_has_one_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not a matter of speed."""
    found = tuned(monkeypatch, window={"ctranslate2": 0.1, "auto": 0.1}, available=["ctranslate2"], exact=True)
    assert not any(trial.setting == "WHISPER_ENCODER" for trial in found.trials)


def test_sound_is_synthesized_or_that_of_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window of the model's length, or the windows of both channels."""
    (sound,) = synthesized()
    assert len(sound.audio) == 28 * SAMPLE_RATE
    monkeypatch.setattr(tuning, "Detector", FakeDetector)
    recording = call(40, [(100, 1, 5), (100, 20, 30)], [(102, 6, 9)])
    agent, customer = windows_of([recording], Settings())
    assert 14 < agent.seconds < 17
    assert 3 < customer.seconds < 5
    assert len(customer.audio) == round(customer.seconds * SAMPLE_RATE)
    assert windows_of([call(10, [])], Settings()) == []
