"""Finds and loads a model: from a folder, from S3, or by name from the cache or the model hub."""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from faster_whisper import WhisperModel, available_models
from faster_whisper.utils import download_model
from huggingface_hub.errors import LocalEntryNotFoundError

from service import processor
from service.contract import S3_SCHEME
from service.errors import (
    ModelDamaged,
    ModelHubUnreachable,
    ModelIncomplete,
    ModelLacksLanguage,
    ModelMismatch,
    NoModelFromS3,
    UnknownModel,
)
from service.settings import Settings

REQUIRED_FILES = ("config.json", "model.bin", "tokenizer.json")

# Copies the files under an S3 URL into a folder.
Download = Callable[[str, Path], None]


def load(settings: Settings, *, download: Download | None = None) -> WhisperModel:
    """Load the model that the settings name, on as many threads as the container may use.

    Raises:
        ModelError: the model is unknown, unreachable, damaged or has another digest than expected.
    """
    folder = find(settings.model, download=download)
    if settings.model_sha256 and (actual := digest(folder)) != settings.model_sha256:
        raise ModelMismatch(actual=actual, digest=settings.model_sha256)
    try:
        model = WhisperModel(
            str(folder),
            device="cpu",
            compute_type=processor.number_format(settings.compute_type),
            cpu_threads=settings.threads or processor.available_cpus(),
        )
    # CTranslate2 and tokenizers raise many kinds of errors for a damaged file.
    except Exception as error:
        raise ModelDamaged(model=settings.model) from error
    if settings.language and settings.language not in model.supported_languages:
        raise ModelLacksLanguage(language=settings.language, known=model.supported_languages)
    return model


def find(model: str, *, download: Download | None = None) -> Path:
    """The folder with the model's files, downloaded if the model is in S3 or its name is not in the cache.

    Raises:
        ModelError: the model is neither a folder nor a known name, is incomplete, or is unreachable.
    """
    if model.startswith(S3_SCHEME):
        if not download:
            raise NoModelFromS3(url=model, files=REQUIRED_FILES)
        # A new folder each time, so that a partial copy of an earlier start cannot pass for a complete one.
        folder = Path(tempfile.mkdtemp(prefix="model-"))
        download(model, folder)
        return _complete(folder, model)
    folder = Path(model)
    if folder.is_dir():
        return _complete(folder, model)
    if model not in available_models():
        raise UnknownModel(model=model, files=REQUIRED_FILES, known=available_models())
    try:
        # The cache first: the service can then start while the hub is unreachable.
        cached = Path(download_model(model, local_files_only=True))
        if not _absent(cached):
            return cached
    except LocalEntryNotFoundError:
        pass
    try:
        return Path(download_model(model))
    # The hub's client raises its own, its transport's and the operating system's errors.
    except Exception as error:
        raise ModelHubUnreachable(model=model, files=REQUIRED_FILES) from error


def digest(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files, as `sha256sum * | sha256sum` prints it in C locale."""
    lines = []
    for path in sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _complete(folder: Path, model: str) -> Path:
    if absent := _absent(folder):
        raise ModelIncomplete(model=model, absent=absent, files=REQUIRED_FILES)
    return folder


def _absent(folder: Path) -> list[str]:
    return [name for name in REQUIRED_FILES if not (folder / name).is_file()]
