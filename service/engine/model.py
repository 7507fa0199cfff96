"""Finds and loads a model: a folder, a folder in S3, or a name that one of several sources serves."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from faster_whisper import WhisperModel
from faster_whisper.feature_extractor import FeatureExtractor

from service import processor
from service.contract import S3_SCHEME
from service.engine.lock import describe, locked
from service.engine.sources import SOURCES, Download, Unavailable, Wanted
from service.errors import (
    ModelDamaged,
    ModelIncomplete,
    ModelLacksLanguage,
    ModelMismatch,
    ModelUnavailable,
    NoModelFromS3,
    UnknownModel,
)
from service.settings import MODELS, Settings

REQUIRED_FILES = ("config.json", "model.bin", "tokenizer.json")
VOCABULARIES = ("vocabulary.json", "vocabulary.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A model's folder, and the source that served it."""

    folder: Path
    source: str


def load(settings: Settings, *, download: Download | None = None) -> WhisperModel:
    """Load the model that the settings name, on as many threads as the container may use.

    Raises:
        ModelError: the model is unknown, unavailable, damaged or has another digest than expected.
    """
    folder = find(settings.model, mirror=settings.model_mirror, download=download).folder
    if settings.model_sha256 and (actual := describe(folder).digest) != settings.model_sha256:
        raise ModelMismatch(actual=actual, digest=settings.model_sha256)
    try:
        model = WhisperModel(
            str(folder),
            device="cpu",
            compute_type=processor.number_format(settings.compute_type),
            cpu_threads=settings.threads or processor.available_cpus(),
        )
        # A folder without `preprocessor_config.json` does not say how many mel bands the model takes; the weights do.
        if model.feature_extractor.mel_filters.shape[0] != model.model.n_mels:
            model.feature_extractor = FeatureExtractor(feature_size=model.model.n_mels)
    # CTranslate2 and tokenizers raise many kinds of errors for a damaged file.
    except Exception as error:
        raise ModelDamaged(model=settings.model) from error
    if settings.language and settings.language not in model.supported_languages:
        raise ModelLacksLanguage(language=settings.language, known=model.supported_languages)
    return model


def find(model: str, *, mirror: str = "", download: Download | None = None) -> Found:
    """The folder with the model's files, from the first source that serves them as they are locked.

    Args:
        model: a folder, `s3://BUCKET/PREFIX`, or a name.
        mirror: `s3://BUCKET/PREFIX` with a folder per named model; empty for none.
        download: copies from S3; None without access to S3.

    Raises:
        ModelError: the model is neither a folder nor a known name, is incomplete, or no source serves it.
    """
    if model.startswith(S3_SCHEME):
        if not download:
            raise NoModelFromS3(url=model, files=REQUIRED_FILES)
        # A new folder each time, so that a partial copy of an earlier start cannot pass for a complete one.
        folder = Path(tempfile.mkdtemp(prefix="model-"))
        download(model, folder)
        return Found(folder=_complete(folder, model), source="S3")
    if Path(model).is_dir():
        return Found(folder=_complete(Path(model), model), source="folder")
    lock = locked().get(model)
    if not lock and model not in MODELS:
        raise UnknownModel(model=model, files=REQUIRED_FILES, known=sorted({*locked(), *MODELS}))
    wanted = Wanted(name=model, lock=lock, mirror=mirror, download=download)
    refusals = []
    for source, serve in SOURCES.items():
        try:
            folder = serve(wanted)
        except Unavailable as reason:
            refusals.append(f"{source}: {reason}")
            continue
        if not (difference := lock.difference(folder) if lock else ", ".join(_absent(folder))):
            return Found(folder=folder, source=source)
        refusals.append(f"{source}: {difference}")
    raise ModelUnavailable(model=model, refusals="; ".join(refusals))


def _complete(folder: Path, model: str) -> Path:
    if absent := _absent(folder):
        raise ModelIncomplete(model=model, absent=absent, files=REQUIRED_FILES)
    return folder


def _absent(folder: Path) -> list[str]:
    absent = [name for name in REQUIRED_FILES if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in VOCABULARIES):
        absent.append(" or ".join(VOCABULARIES))
    return absent
