"""Where the weights come from: a folder, S3, or a name looked up in the cache and then on the model hub."""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from faster_whisper import WhisperModel, available_models
from faster_whisper.utils import download_model
from huggingface_hub.errors import LocalEntryNotFoundError

from service import processor
from service.contract import S3_SCHEME
from service.errors import ModelError
from service.settings import Settings

REQUIRED_FILES = ("config.json", "model.bin", "tokenizer.json")

# Copies the files under an S3 URL into a folder.
Download = Callable[[str, Path], None]


def load(settings: Settings, *, download: Download | None = None) -> WhisperModel:
    """Load the model that the settings name, on as many threads as the container may use.

    Raises:
        ModelError: no such model, not reachable, not the one expected, or damaged.
    """
    folder = find(settings.model, download=download)
    if settings.model_sha256 and (actual := digest(folder)) != settings.model_sha256:
        raise ModelError(
            "these are other files than expected",
            code="model_mismatch",
            field="WHISPER_MODEL_SHA256",
            value=actual,
            expected=settings.model_sha256,
        )
    try:
        model = WhisperModel(
            str(folder),
            device="cpu",
            compute_type=processor.number_format(settings.compute_type),
            cpu_threads=settings.threads or processor.available_cpus(),
        )
    # CTranslate2 and tokenizers raise whatever a damaged file makes of them.
    except Exception as error:
        raise _error("the model cannot be loaded", "model_damaged", settings.model, "undamaged model files") from error
    if settings.language and settings.language not in model.supported_languages:
        expected = f"one of {', '.join(model.supported_languages)}, or a multilingual model"
        raise ModelError(
            "the model does not know this language",
            code="unknown_language",
            field="WHISPER_LANGUAGE",
            value=settings.language,
            expected=expected,
        )
    return model


def find(model: str, *, download: Download | None = None) -> Path:
    """The folder with the model's files; what is in S3, or a name that is not in the cache, is downloaded.

    Raises:
        ModelError: neither a folder nor a known name, incomplete, or not reachable.
    """
    if model.startswith(S3_SCHEME):
        if not download:
            raise _error("a model in S3 cannot be had here", "model_elsewhere", model, f"{_FOLDER}, or a name")
        # Never reused: a task downloads once, and half a copy of an earlier start must not pass for a whole one.
        folder = Path(tempfile.mkdtemp(prefix="model-"))
        download(model, folder)
        return _complete(folder, model)
    folder = Path(model)
    if folder.is_dir():
        return _complete(folder, model)
    if model not in available_models():
        expected = f"{_FOLDER}, or one of {', '.join(available_models())}"
        raise _error("no such model", "unknown_model", model, expected)
    try:
        # The cache first: a service whose hub is out of reach starts all the same.
        cached = Path(download_model(model, local_files_only=True))
        if not _absent(cached):
            return cached
    except LocalEntryNotFoundError:
        pass
    try:
        return Path(download_model(model))
    # The hub's client raises its own, its transport's and the operating system's errors.
    except Exception as error:
        expected = f"a reachable model hub, or {_FOLDER}"
        raise _error("the model cannot be downloaded", "model_unreachable", model, expected) from error


def digest(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files: what `sha256sum * | sha256sum` says there, in C locale."""
    lines = []
    for path in sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")):
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


_FOLDER = f"a folder with {', '.join(REQUIRED_FILES)}"


def _complete(folder: Path, model: str) -> Path:
    if absent := _absent(folder):
        raise _error(f"the folder lacks {', '.join(absent)}", "model_incomplete", model, _FOLDER)
    return folder


def _absent(folder: Path) -> list[str]:
    return [name for name in REQUIRED_FILES if not (folder / name).is_file()]


def _error(message: str, code: str, model: str, expected: str) -> ModelError:
    return ModelError(message, code=code, field="WHISPER_MODEL", value=model, expected=expected)
