"""The files that workers need: the calls' samples, and the model in every peer's form."""

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from numpy.typing import NDArray

from benchmarks import corpus
from benchmarks.corpus import Case
from benchmarks.speed import checkpoint, ggml, widened
from benchmarks.speed.grid import Model
from benchmarks.speed.processes import FOLDER, PEERS, ROOT, PeerFailed
from benchmarks.speed.samples import SAMPLE_RATE
from service.engine import model as models
from service.errors import ModelUnavailable

AUDIO = FOLDER / "audio"


def calls() -> list[Case]:
    """The calls of the shared corpus, shortest first; without the corpus the project's own."""
    folder = corpus.speech_folder()
    found = corpus.shared_calls(folder) if folder else corpus.sample_calls()
    for case in found:
        if not path(case.name).exists():
            keep(case.name, case.decode().samples)
    return sorted(found, key=lambda case: seconds(case.name))


def seconds(name: str) -> float:
    """The length of a call."""
    return int(np.load(path(name), mmap_mode="r").shape[1]) / SAMPLE_RATE


def path(name: str) -> Path:
    """The file with a call's samples."""
    return AUDIO / f"{name}.npy"


def keep(name: str, samples: NDArray[np.int16]) -> Path:
    """Keep a call that was made of others."""
    AUDIO.mkdir(parents=True, exist_ok=True)
    np.save(path(name), samples)
    return path(name)


def joined(cases: Sequence[Case], *, minutes: float) -> NDArray[np.int16]:
    """A call of this length: the calls one after the other, again and again."""
    whole = np.concatenate([np.load(path(case.name)) for case in cases], axis=1)
    wanted = round(minutes * 60 * SAMPLE_RATE)
    return np.tile(whole, (1, wanted // whole.shape[1] + 1))[:, :wanted]


def find_model(size: str) -> Model:
    """A model, in CTranslate2's form and in whisper.cpp's; a larger one that no source serves is `base` in its shape.

    Raises:
        ModelError: the model is not here and cannot be fetched, and its shape is unknown.
    """
    try:
        folder = models.find(size).folder
    except ModelUnavailable:
        if size not in widened.SHAPES:
            raise
        larger, size = widened.SHAPES[size], f"{size}-widened"
        folder = FOLDER / "models" / size
        if not (folder / "model.bin").exists():
            widened.widen(models.find("base").folder, folder, larger)
    found = Model(size=size, folder=folder, forms=FOLDER / "forms" / size)
    found.forms.mkdir(parents=True, exist_ok=True)
    if not all((found.forms / f"{form}.bin").exists() for form in ggml.FORMATS):
        shape, weights = checkpoint.read(folder)
        filters = FeatureExtractor(feature_size=shape.n_mels).mel_filters
        for form in ggml.FORMATS:
            tokens = checkpoint.tokens(folder)
            target = found.forms / f"{form}.bin"
            ggml.write(target, shape=shape, weights=weights, filters=filters, tokens=tokens, form=form)
    return found


def torch_forms(model: Model) -> None:
    """Bring a model into the forms of openai/whisper and transformers.

    Raises:
        PeerFailed: the peers' environment lacks PyTorch.
    """
    if (model.forms / "transformers" / "generation_config.json").exists():
        return
    shape, weights = checkpoint.read(model.folder)
    (model.forms / "shape.json").write_text(json.dumps(asdict(shape)), "utf-8")
    np.savez(model.forms / "weights.npz", allow_pickle=False, **weights)
    command = [PEERS, "-m", "benchmarks.speed.torch_forms", str(model.folder), str(model.forms)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise PeerFailed((ran.stderr.strip().splitlines() or [f"exit {ran.returncode}"])[-1])


def digests(model: Model) -> Mapping[str, str]:
    """SHA-256 of the files for whisper.cpp, which are the same wherever they are made."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(model.forms.glob("*.bin"))}
