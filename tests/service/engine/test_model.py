"""Finding, checking and loading a model."""

import shutil
import subprocess
from pathlib import Path

import pytest
from faster_whisper import available_models

from service.engine import loading, model
from service.engine.lock import describe
from service.errors import ModelError
from service.settings import MODELS, Settings
from tests.standin import MODEL


def digest(folder: Path) -> str:
    """The digest of a folder's files."""
    return describe(folder).digest


def test_unknown_model_is_refused_with_the_valid_names() -> None:
    """A typo is answered with the known names."""
    with pytest.raises(
        ModelError, match=r"no such model \(got 'smal'\); expected a folder with .* or one of base, base\.en"
    ):
        model.find("smal")


def test_known_models_are_those_that_the_library_finds() -> None:
    """The stacks refuse any other name, and do not import the library."""
    assert set(available_models()) == MODELS


def test_incomplete_folder_is_refused_with_the_missing_files(tmp_path: Path) -> None:
    """A service with a partial copy never becomes ready."""
    shutil.copy(MODEL / "config.json", tmp_path)
    with pytest.raises(
        ModelError, match=r"the folder lacks model\.bin, tokenizer\.json, vocabulary\.json or vocabulary\.txt"
    ):
        model.find(str(tmp_path))


@pytest.mark.parametrize("name", model.REQUIRED_FILES)
def test_damaged_file_is_refused(tmp_path: Path, name: str) -> None:
    """A truncated file stops the start, not the first call."""
    folder = shutil.copytree(MODEL, tmp_path / "model")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="the model cannot be loaded"):
        loading.load(Settings(model=str(folder)))


def test_digest_agrees_with_the_shell(tmp_path: Path) -> None:
    """An operator computes it with the commands in docs/models.md; hidden files do not count."""
    folder = shutil.copytree(MODEL, tmp_path / "model")
    (folder / ".gitattributes").write_text("ignored by the shell's star")
    command = ["/bin/sh", "-c", "LC_ALL=C; sha256sum * | sha256sum"]
    listing = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert digest(folder) == listing.split()[0]


def test_model_with_its_digest_is_loaded() -> None:
    """The check passes if the digest is right."""
    assert loading.load(Settings(model=str(MODEL), model_sha256=digest(MODEL)))


@pytest.mark.parametrize("name", model.REQUIRED_FILES)
def test_model_with_another_digest_is_refused_before_it_is_loaded(tmp_path: Path, name: str) -> None:
    """With one more byte in any file, the service never becomes ready."""
    folder = shutil.copytree(MODEL, tmp_path / "model")
    with (folder / name).open("ab") as file:
        file.write(b"\n")
    expected = digest(MODEL)
    with pytest.raises(ModelError) as refusal:
        loading.load(Settings(model=str(folder), model_sha256=expected))
    assert (refusal.value.code, refusal.value.field) == ("model_mismatch", "WHISPER_MODEL_SHA256")
    assert (refusal.value.value, refusal.value.expected) == (digest(folder), expected)


def test_language_of_the_settings_is_checked_at_start() -> None:
    """A `WHISPER_LANGUAGE` that the model does not know is refused before the first call."""
    assert "fr" in loading.load(Settings(model=str(MODEL), language="fr")).languages
