"""The weights that an image may contain, and the lock file with their digests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from demo.truth import MODEL
from service.__main__ import main
from service.engine import model, weights
from service.errors import ModelError

ROOT = Path(__file__).parents[3]


def test_recorded_digest_is_that_of_the_settings(tmp_path: Path) -> None:
    """The lock file holds digests as `WHISPER_MODEL_SHA256` takes them; other models' lines stay, sorted by name."""
    file = tmp_path / "models.lock"
    file.write_text(f"{'0' * 64}  a model with a space\n{'1' * 64}  small\n")
    digest = weights.lock(str(MODEL), file=file)
    assert digest == model.digest(MODEL)
    assert file.read_text() == f"{digest}  {MODEL}\n{'0' * 64}  a model with a space\n{'1' * 64}  small\n"
    assert weights.locked(file) == {str(MODEL): digest, "a model with a space": "0" * 64, "small": "1" * 64}


def test_locked_model_is_fetched(tmp_path: Path) -> None:
    """The check passes for a build and for a release if the files are right."""
    file = tmp_path / "models.lock"
    file.touch()
    weights.fetch(str(MODEL), release=False, file=file)
    weights.lock(str(MODEL), file=file)
    weights.fetch(str(MODEL), release=True, file=file)


@pytest.mark.parametrize("release", [False, True])
def test_model_with_other_files_than_recorded_is_refused(tmp_path: Path, *, release: bool) -> None:
    """A change of the weights needs a change of the lock file."""
    file = tmp_path / "models.lock"
    file.write_text(f"{'0' * 64}  {MODEL}\n")
    with pytest.raises(ModelError) as refusal:
        weights.fetch(str(MODEL), release=release, file=file)
    assert (refusal.value.code, refusal.value.value, refusal.value.expected) == (
        "model_mismatch",
        model.digest(MODEL),
        "0" * 64,
    )


def test_release_without_a_recorded_digest_is_refused(tmp_path: Path) -> None:
    """Unverified files cannot reach production."""
    file = tmp_path / "models.lock"
    file.touch()
    with pytest.raises(
        ModelError, match=r"without a recorded digest .*; expected a digest in models\.lock, which `python"
    ):
        weights.fetch(str(MODEL), release=True, file=file)


def test_image_brings_no_model_from_s3() -> None:
    """Tasks download such a model when they start."""
    with pytest.raises(ModelError, match="an image brings no model from S3"):
        weights.fetch("s3://models/small", release=False)


def test_repository_locks_only_the_demo_model() -> None:
    """It is the only model that the repository contains."""
    assert weights.locked() == {"demo/model": model.digest(MODEL)}


@pytest.mark.parametrize(
    "command", [["-m", "service", "model", "lock", "tiny"], ["-m", "service.engine.weights", "tiny"]]
)
def test_unreachable_model_is_one_line(tmp_path: Path, command: list[str]) -> None:
    """If the hub is unreachable, nothing is recorded and the reason is printed without a traceback."""
    before = weights.LOCK.read_text()
    environ = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "whisper-fargate: WHISPER_MODEL: the model cannot be downloaded (got 'tiny'); expected a reach"
    )
    assert weights.LOCK.read_text() == before


def test_lock_command_records_and_prints(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The printed line is the recorded line."""
    monkeypatch.chdir(ROOT)
    before = weights.LOCK.read_text()
    assert main(["model", "lock", "demo/model"], {}) == 0
    assert capsys.readouterr().out == weights.LOCK.read_text() == before
