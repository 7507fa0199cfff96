"""A profile is read as it was written, or refused by field, value and expectation."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from service.settings import SettingError, Settings, WrongValue
from service.task_profile import HEADER, TaskProfile, conditions

SETTINGS = Settings()
PROFILE = TaskProfile(
    model="base",
    model_sha256="0" * 64,
    architecture="X86_64",
    kind="VNNI",
    processor='A "fast" processor\u2122',
    cpu=2048,
    audio_seconds_per_second=16.2,
    low=16.0,
    high=16.3,
    rounds=5,
    audio_seconds=600.0,
    peak_memory_mib=1500,
    encoder="openvino 2026.4.1 int8",
    measured=date(2026, 11, 26),
    version="0.2.0",
    command="python -m service profile --rounds 5",
    recordings="4 recordings",
    settings=conditions(SETTINGS),
)


def test_profile_reads_back_as_it_was() -> None:
    """Whatever its texts contain; the same profile is always the same file."""
    text = PROFILE.to_toml()
    assert text.startswith(f"{HEADER}\n")
    assert TaskProfile.read(text) == PROFILE
    assert TaskProfile.read(text).to_toml() == text


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"cpu": 2}, "cpu: got '2', expected CPU units, 256 or a multiple; 1024 is one vCPU"),
        ({"audio_seconds_per_second": 0.0}, "audio_seconds_per_second: got '0.0', expected above 0, 10000 at most"),
        ({"audio_seconds_per_second": -3.0}, "audio_seconds_per_second: got '-3.0', expected above 0"),
        ({"audio_seconds_per_second": float("nan")}, "audio_seconds_per_second: got 'nan', expected above 0"),
        ({"audio_seconds_per_second": "16"}, "audio_seconds_per_second: got '16', expected a number"),
        ({"low": 17.0}, "low: got '17.0', expected above 0, 16.2 at most: the slowest round"),
        ({"high": 16.1}, "high: got '16.1', expected 16.2 or more: the fastest round"),
        ({"high": float("inf")}, "high: got 'inf', expected 16.2 or more"),
        ({"rounds": 0}, "rounds: got '0', expected above 0"),
        ({"rounds": True}, "rounds: got 'True', expected a whole number"),
        ({"audio_seconds": float("inf")}, "audio_seconds: got 'inf', expected above 0"),
        ({"peak_memory_mib": 1_500_000_000}, "peak_memory_mib: got '1500000000', expected above 0, 1e+06 at most: MiB"),
        ({"start_seconds": 4000.0}, "start_seconds: got '4000.0', expected from 0 to 3600"),
        ({"speech_share": 80.0}, "speech_share: got '80.0', expected from 0 to 1"),
        ({"kind": "MMX"}, "kind: got 'MMX', expected a kind of X86_64: one of AMX, VNNI, AVX-512, AVX2"),
        ({"architecture": "ARM64"}, "kind: got 'VNNI', expected a kind of ARM64: one of Neoverse-N1, "),
        ({"architecture": "arm"}, "architecture: got 'arm', expected one of X86_64, ARM64"),
        ({"model": ""}, "model: got '', expected the name of a model"),
        ({"model_sha256": "0" * 63}, f"model_sha256: got '{'0' * 63}', expected 64 lower-case hex digits"),
        ({"version": "new"}, "version: got 'new', expected a version of the service"),
        ({"measured": "2026-11-26"}, "measured: got '2026-11-26', expected a date such as 2026-11-26, without quotes"),
        ({"settings": {"beam_size": 5}}, "settings: got 'beam_size', expected these: batch_size, beam_size, "),
    ],
)
def test_wrong_value_is_refused(wrong: dict[str, Any], says: str) -> None:
    """Negative, zero, no number, another unit, unknown kinds."""
    with pytest.raises(WrongValue) as refusal:
        replace(PROFILE, **wrong)
    assert str(refusal.value).startswith(says)


def test_settings_have_their_own_rules() -> None:
    """A profile with a beam of zero was not measured."""
    with pytest.raises(SettingError, match=r"^WHISPER_BEAM_SIZE: got '0', expected a whole number from 1 to 20"):
        replace(PROFILE, settings={**PROFILE.settings, "beam_size": 0})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("speed = fast", "profile: got 'Invalid value (at line 1, column 9)', expected TOML, as "),
        (PROFILE.to_toml().replace("cpu =", "vcpus ="), "vcpus: got '2048', expected one of the fields model, "),
        (PROFILE.to_toml().replace("cpu = 2048\n", ""), "cpu: got 'nothing', expected a whole number"),
    ],
)
def test_other_file_is_refused(text: str, says: str) -> None:
    """No TOML, another field, or a field that is missing."""
    with pytest.raises(WrongValue) as refusal:
        TaskProfile.read(text)
    assert str(refusal.value).startswith(says)


@pytest.mark.parametrize(
    ("settings", "architecture", "cpu", "says"),
    [
        (Settings(model="small"), "X86_64", 2048, "model: got 'base', expected small, which the task has"),
        (Settings(model_sha256="1" * 64), "X86_64", 2048, f"model_sha256: got '{'0' * 64}', expected {'1' * 64}"),
        (SETTINGS, "ARM64", 2048, "architecture: got 'X86_64', expected ARM64, which the task has"),
        (Settings(beam_size=1), "X86_64", 2048, "settings.beam_size: got '5', expected 1, which the task has"),
        (SETTINGS, "X86_64", 4096, "cpu: got '2048', expected 4096, which the task has"),
    ],
)
def test_profile_of_another_task_is_refused(settings: Settings, architecture: str, cpu: int, says: str) -> None:
    """Another model, other weights, another processor, other settings, another size."""
    with pytest.raises(WrongValue) as refusal:
        PROFILE.check(settings, architecture=architecture, cpu=cpu)
    assert str(refusal.value).startswith(says)
    assert PROFILE.fits(settings, architecture=architecture) == (cpu == 4096)


def test_profile_fits_its_own_task() -> None:
    """Settings without influence on speed may differ."""
    PROFILE.check(replace(SETTINGS, port=9000, model_sha256="0" * 64), architecture="X86_64", cpu=2048)
