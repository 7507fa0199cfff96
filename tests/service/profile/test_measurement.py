"""The measurement of a task: rounds that take turns, a profile that says what was measured, and calls as they come."""

import platform
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from service import processor
from service.batch import golden
from service.profile import calls
from service.profile.measurement import Round, Told, measure, seen_cpu, to_profile, to_profiles
from service.profile.memory import MemoryWatch, seconds_since_start
from service.recording import Recording, decode
from service.settings import SettingError, Settings
from service.transcript import Transcript
from tests.service.media import wav

SETTINGS = Settings()
TOLD = Told(
    model="base",
    model_sha256="0" * 64,
    cpu=2048,
    command="a test",
    recordings="2 recordings",
    speech_share=0.8,
    start_seconds=3.21,
    loading_bytes=50 << 20,
    machine="",
)


class Clocked:
    """An engine on which each call takes a second of its clock, for each that is under way."""

    encoder = "a test 1.0"

    def __init__(self) -> None:
        self.now, self.heard = 0.0, 0

    def clock(self) -> float:
        """The time."""
        return self.now

    def transcribe(self, recording: Recording) -> Transcript:
        """Nothing was said."""
        self.now += 1.0
        self.heard += 1
        return Transcript(
            language="und",
            language_probability=0.0,
            duration=recording.duration,
            channels=recording.channels,
            segments=(),
            missing_seconds=0.0,
            gaps=(),
            unheard=(),
            duplicate_channels=(),
        )


@pytest.fixture
def heard(tmp_path: Path) -> list[Path]:
    """Two calls, of one second and of three."""
    paths = []
    for seconds in (1, 3):
        path = tmp_path / f"{seconds}.wav"
        path.write_bytes(wav(bytes(4 * 16_000 * seconds), channels=2, rate=16_000))
        paths.append(path)
    return paths


def test_lanes_take_turns_and_the_first_call_is_not_counted(heard: list[Path]) -> None:
    """Each round is all calls, and each number of lanes has as many rounds."""
    engine = Clocked()
    found = measure(
        heard,
        engine=engine,
        decode=partial(decode, settings=SETTINGS),
        lanes=[1, 2],
        rounds=2,
        clock=engine.clock,
    )
    assert engine.heard == 1 + 2 * 2 * 2
    assert {lanes: [own.speed for own in rounds] for lanes, rounds in found.items()} == {1: [2.0, 2.0], 2: [2.0, 2.0]}
    assert all(own.peak_bytes > 10 << 20 for rounds in found.values() for own in rounds)


def rounds(*speeds: float) -> list[Round]:
    """Rounds of ten seconds of calls, at these speeds."""
    return [Round(audio_seconds=10, seconds=10 / speed, peak_bytes=(100 << 20) + 1) for speed in speeds]


def x86(monkeypatch: pytest.MonkeyPatch, kind: str = "VNNI") -> None:
    """Stand on an x86 processor of this kind."""
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(processor, "kind", lambda: kind)


def test_profile_has_median_and_spread_of_the_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the machine, the settings and the most memory of any round; it reads back as it was."""
    x86(monkeypatch)
    profile = to_profile(rounds(16, 12, 15), engine=Clocked(), settings=replace(SETTINGS, beam_size=1), told=TOLD)
    assert (profile.audio_seconds_per_second, profile.low, profile.high, profile.rounds) == (15, 12, 16, 3)
    assert (profile.kind, profile.architecture, profile.cpu, profile.peak_memory_mib) == ("VNNI", "X86_64", 2048, 101)
    assert (profile.encoder, profile.start_seconds, profile.settings["beam_size"]) == ("a test 1.0", 3.2, 1)
    assert type(profile).read(profile.to_toml()) == profile


def test_memory_of_loading_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that cannot load its model transcribes nothing."""
    x86(monkeypatch)
    told = replace(TOLD, loading_bytes=200 << 20)
    assert to_profile(rounds(9), engine=Clocked(), settings=SETTINGS, told=told).peak_memory_mib == 200


def test_each_number_of_lanes_has_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """In files of their own: the settings that differ from the usual ones are in the name."""
    x86(monkeypatch)
    found = to_profiles({2: rounds(9), 4: rounds(10)}, engine=Clocked(), settings=SETTINGS, told=TOLD)
    assert [profile.settings["lanes"] for profile in found] == [2, 4]
    assert [profile.file_name for profile in found] == ["base-vnni-2048.toml", "base-vnni-2048-lanes-4.toml"]


def test_size_is_what_the_process_sees_unless_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quota of half a CPU is half of 1024 units; Fargate shows none, so that the caller says it."""
    x86(monkeypatch)
    for quota, cpus, expected in ((0.5, 4, 512), (2.0, 4, 2048), (None, 4, 4096), (8.0, 4, 4096)):
        monkeypatch.setattr(processor, "cpu_quota", lambda _, quota=quota: quota)
        monkeypatch.setattr(processor, "available_cpus", lambda cpus=cpus: cpus)
        assert seen_cpu() == expected
    told = replace(TOLD, cpu=0)
    assert to_profile(rounds(9), engine=Clocked(), settings=SETTINGS, told=told).cpu == 4096


def test_processor_that_fargate_lacks_has_no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan could not use it."""
    x86(monkeypatch, kind="x86_64")
    with pytest.raises(
        SettingError, match=r"^processor: got '.*', expected one of those of Fargate: x86 with AVX2, or "
    ):
        to_profile(rounds(9), engine=Clocked(), settings=SETTINGS, told=TOLD)


def test_folder_stands_for_its_recordings(heard: list[Path]) -> None:
    """Its manifests and notes are none."""
    (heard[0].parent / "manifest.json").write_text("{}")
    assert calls.files([heard[0].parent]) == sorted(heard)
    with pytest.raises(SettingError, match=r"^RECORDING: got '.*', expected recordings, or a folder of some"):
        calls.files([heard[0].parent / "nothing.wav"])


def test_composed_calls_are_as_long_as_calls_and_their_sides_take_turns(tmp_path: Path) -> None:
    """Five minutes in two channels, of which one speaks at a time, and about four fifths are speech."""
    made = calls.composed(golden.FOLDER, tmp_path, decode=partial(decode, settings=SETTINGS))
    assert len(made) == len(calls.files([golden.FOLDER]))
    with made[0].open("rb") as file:
        samples = decode(file, settings=SETTINGS).samples
    assert samples.shape[0] == 2
    assert calls.COMPOSED_SECONDS <= samples.shape[1] / 16_000 < calls.COMPOSED_SECONDS + 30
    assert not np.logical_and(*np.asarray(samples, bool)).any()
    assert calls.speech_share(made, decode=partial(decode, settings=SETTINGS)) == pytest.approx(0.8, abs=0.03)


def test_memory_of_the_moment_is_seen() -> None:
    """Fifty megabytes that are held for a moment are in the peak."""
    with MemoryWatch() as before:
        time.sleep(0.15)
    with MemoryWatch() as held:
        block = np.ones(50 << 20, np.uint8)
        time.sleep(0.25)
        del block
    assert held.peak_bytes >= before.peak_bytes + (40 << 20)


def test_process_knows_when_it_began() -> None:
    """The start of a task is part of what it costs."""
    first = seconds_since_start()
    time.sleep(0.05)
    assert 0 < first < seconds_since_start() < 100_000
