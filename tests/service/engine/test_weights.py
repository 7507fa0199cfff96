"""The weights that an image may contain, and the command lines that fetch and lock them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.__main__ import main
from service.engine import weights
from service.engine.lock import LOCK, describe, locked
from service.errors import ModelError
from tests.standin import MODEL

ROOT = Path(__file__).parents[3]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A lock without models."""
    path = tmp_path / "models.json"
    path.write_text("{}")
    return path


def test_locked_files_are_those_of_the_folder(file: Path) -> None:
    """The lock holds the size and the digest of each file; the entries of other models stay, sorted by name."""
    file.write_text(json.dumps({"small": {"files": {"model.bin": {"bytes": 1, "sha256": "1" * 64}}}}))
    digest = weights.lock(str(MODEL), file=file)
    assert digest == describe(MODEL).digest
    assert list(locked(file)) == sorted([str(MODEL), "small"])
    assert locked(file)[str(MODEL)] == describe(MODEL)


def test_locked_model_is_fetched(file: Path) -> None:
    """The check passes for a build and for a release if the files are right."""
    weights.fetch(str(MODEL), release=False, file=file)
    weights.lock(str(MODEL), file=file)
    assert weights.fetch(str(MODEL), release=True, file=file).source == "folder"


@pytest.mark.parametrize("release", [False, True])
def test_folder_with_other_files_than_locked_is_refused(file: Path, *, release: bool) -> None:
    """A change of the weights needs a change of the lock."""
    entry = {"files": {"model.bin": {"bytes": (MODEL / "model.bin").stat().st_size, "sha256": "0" * 64}}}
    file.write_text(json.dumps({str(MODEL): entry}))
    with pytest.raises(ModelError, match=r"model\.bin has SHA-256 .*, expected 0000") as refusal:
        weights.fetch(str(MODEL), release=release, file=file)
    assert refusal.value.code == "model_mismatch"


def test_release_of_a_model_without_a_lock_is_refused(file: Path) -> None:
    """Unverified files cannot reach production."""
    with pytest.raises(ModelError, match=r"not locked .*; expected an entry in models\.json, which `python"):
        weights.fetch(str(MODEL), release=True, file=file)


def test_repository_locks_base() -> None:
    """By revision and files."""
    models = locked()
    assert models["base"].repository == "Systran/faster-whisper-base"
    assert len(models["base"].revision) == 40
    assert set(models) == {"base"}


def test_image_contains_no_model_from_s3() -> None:
    """Tasks download such a model when they start."""
    command = [sys.executable, "-m", "service.engine.weights", "s3://models/small"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode != 0
    assert "an image brings no model from S3" in done.stderr


@pytest.mark.parametrize(
    "command", [["-m", "service", "model", "lock", "tiny"], ["-m", "service.engine.weights", "tiny"]]
)
def test_model_that_no_source_serves_is_one_line(tmp_path: Path, command: list[str]) -> None:
    """The line has the reason of each source, without a traceback, and the lock stays as it was."""
    before = LOCK.read_text()
    environ = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "whisper-fargate: WHISPER_MODEL: no source serves the model (folder: no models/tiny; cache: "
    )
    assert "; package registry: no package contains it) (got 'tiny'); expected " in line
    assert LOCK.read_text() == before


def test_lock_command_prints_the_digest(tmp_path: Path) -> None:
    """Locking the same files again changes nothing; the digest is the one that `WHISPER_MODEL_SHA256` takes."""
    service = tmp_path / "service"
    shutil.copytree(ROOT / "service", service, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(MODEL, tmp_path / "models" / "own")
    file = service / "engine" / "models.json"
    command = [sys.executable, "-m", "service", "model", "lock", "models/own"]
    locks = []
    for _ in range(2):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
        assert done.stdout == f"{describe(MODEL).digest}  models/own\n"
        locks.append(file.read_text())
    assert locks[0] == locks[1]
    assert locked(file)["models/own"] == describe(MODEL)


def test_fetch_command_prints_the_source(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A person sees which source served the model, and its folder."""
    monkeypatch.chdir(MODEL.parent)
    assert main(["model", "fetch", "model"], {}) == 0
    assert capsys.readouterr().out == "model: model, from the folder\n"
