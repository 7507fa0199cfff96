"""Finds a model: a folder, a folder in S3, or a name that one of several sources serves."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from service.contract import S3_SCHEME
from service.engine.lock import locked
from service.engine.sources import SOURCES, Download, Unavailable, Wanted
from service.errors import (
    ModelIncomplete,
    ModelUnavailable,
    NoModelFromS3,
    UnknownModel,
)
from service.settings import MODELS

REQUIRED_FILES = ("config.json", "model.bin", "tokenizer.json")
VOCABULARIES = ("vocabulary.json", "vocabulary.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A model's folder, and the source that served it."""

    folder: Path
    source: str


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
