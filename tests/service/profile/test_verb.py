"""`python -m service profile` from end to end, with the stand-in model; and the profile of a release."""

import platform
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service import processor
from service.__main__ import main
from service.engine.lock import describe
from service.errors import ServiceError
from service.profile import verb
from service.recording import decode
from service.settings import Settings
from service.task_profile import TaskProfile
from tests import standin
from tests.service.media import wav
from tests.service.profile.test_measurement import Clocked

STANDIN = {"WHISPER_MODEL": str(standin.MODEL), "WHISPER_BEAM_SIZE": "1"}
TWO_SECONDS = wav(np.random.default_rng(1).integers(-9, 9, 64_000, "<i2").tobytes(), channels=2, rate=16_000)


def profiler(**more: Any) -> verb.Profiler:
    """Of an engine that hears nothing."""
    settings = Settings(model=str(standin.MODEL))
    usual: dict[str, Any] = {
        "load": lambda _: Clocked(),
        "decode": partial(decode, settings=settings),
        "download": None,
        "settings": settings,
        "cpu": 1024,
        "model_name": "own",
        "command": "a test",
    }
    return verb.Profiler(**usual | more)


def test_machine_is_measured_and_its_profile_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Printed and in a file, with the digest of the weights, and no name of a recording or a folder."""
    call, folder = tmp_path / "secret-caller.wav", tmp_path / "profiles"
    call.write_bytes(TWO_SECONDS)
    folder.mkdir()
    options = ["--rounds", "2", "--cpu", "2048", "--model-name", "own", "--output", str(folder)]
    assert main(["profile", str(call), *options], STANDIN) == 0
    printed = capsys.readouterr().out
    (file,) = folder.iterdir()
    assert printed == file.read_text() + "\n"
    found = TaskProfile.read(printed)
    assert (found.model, found.cpu, found.rounds, found.audio_seconds) == ("own", 2048, 2, 2.0)
    assert found.model_sha256 == describe(standin.MODEL).digest
    assert found.settings["beam_size"] == 1
    assert found.command == "python -m service profile --rounds 2 RECORDING…"
    assert found.start_seconds > 0
    assert str(tmp_path) not in printed
    assert "secret" not in printed


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["/nowhere"], "RECORDING: got '/nowhere', expected recordings, or a folder of some"),
        (["--output", "/nowhere"], "--output: got '/nowhere', expected a folder"),
        (["--cpu", "2"], "--cpu: got '2', expected CPU units, 256 or a multiple; 1024 is one vCPU"),
    ],
)
def test_mistake_is_told_before_the_model_is_loaded(
    options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line, at once: a task of two CPU units, which were meant as vCPU, too."""
    assert main(["profile", *options], {"WHISPER_MODEL": "/nowhere"}) == 2
    assert capsys.readouterr().err == f"whisper-fargate: {says}\n"


def test_machine_that_no_task_has_is_told_before_the_model_is_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Minutes of measurement would end without a profile."""
    monkeypatch.setattr(processor, "kind", platform.machine)
    assert main(["profile"], {"WHISPER_MODEL": "/nowhere"}) == 2
    assert capsys.readouterr().err.startswith("whisper-fargate: processor: got ")


def test_model_that_is_not_there_is_refused() -> None:
    """As by every verb."""
    with pytest.raises(ServiceError, match="no such model"):
        profiler(settings=Settings(model="/nowhere")).engine()


def test_release_has_a_profile_of_its_golden_recordings() -> None:
    """Measured with the engine that the gate has loaded."""
    own = profiler()
    engine = own.engine()
    found = TaskProfile.read(own.of_release(engine, [("0.wav", TWO_SECONDS), ("1.wav", TWO_SECONDS)], rounds=3))
    assert (found.rounds, found.recordings, found.audio_seconds) == (3, "2 golden recordings", 4.0)
    assert found.model_sha256 == describe(standin.MODEL).digest


def test_release_without_a_profile_is_judged_all_the_same() -> None:
    """A size that no task has gives none, and is not measured in vain: the verdict does not depend on it."""
    own, engine = profiler(cpu=100), Clocked()
    assert not own.of_release(engine, [("0.wav", TWO_SECONDS)], rounds=1)
    assert not engine.heard
