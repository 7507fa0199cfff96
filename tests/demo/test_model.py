"""The demo model: rebuilt from its checkpoint, and widened."""

import json
from pathlib import Path

import ctranslate2
import numpy as np
import pytest
from faster_whisper import WhisperModel, decode_audio
from numpy.typing import NDArray

from demo.training.checkpoint import Checkpoint
from demo.training.export import BUILT, COPIED, digests, export
from demo.training.widen import widen
from demo.truth import MODEL, load_calls
from service.processor import number_format

PROMPT = ("<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>")


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    """The committed weights."""
    return Checkpoint.load()


@pytest.fixture(scope="module")
def features() -> NDArray[np.float32]:
    """Log-mel features of the voicemail, shape (1, 80, 3000)."""
    model = WhisperModel(str(MODEL), device="cpu")
    audio = decode_audio(str(load_calls()["voicemail.wav"].path))
    features: NDArray[np.float32] = model.feature_extractor(np.pad(audio, (0, 30 * 16_000 - len(audio))))[:, :3000]
    return features[None]


def greedy_tokens(folder: Path, features: NDArray[np.float32]) -> list[int]:
    """The tokens that a model folder is surest of, one after the other."""
    model = ctranslate2.models.Whisper(str(folder), compute_type=number_format("auto"), intra_threads=2)
    view = ctranslate2.StorageView.from_array(np.ascontiguousarray(features))
    tokens: list[int] = model.generate(view, [list(PROMPT)], beam_size=1)[0].sequences_ids[0]
    return tokens


def test_folder_is_small() -> None:
    """A clone stays light: the model with its tokenizer is under 14 MB."""
    assert sum(path.stat().st_size for path in MODEL.iterdir()) < 14_000_000


def test_folder_matches_its_recorded_hashes() -> None:
    """No file was replaced."""
    assert digests(MODEL) == (MODEL / "SHA256SUMS").read_text("ascii")


def test_export_reproduces_the_folder(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """The committed model is the export of the committed checkpoint, bit for bit."""
    export(checkpoint, tmp_path)
    for name in (*BUILT, *COPIED):
        assert (tmp_path / name).read_bytes() == (MODEL / name).read_bytes(), name


def test_widened_model_hears_the_same(checkpoint: Checkpoint, features: NDArray[np.float32], tmp_path: Path) -> None:
    """Twice the features and half as many layers again compute the same function."""
    export(checkpoint, tmp_path, repeat=2, layers=6)
    heard = greedy_tokens(MODEL, features)
    assert len(heard) > 20
    assert greedy_tokens(tmp_path, features) == heard


def test_widened_model_has_twice_the_alignment_heads(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """Word times come from the copies of the heads that were guided in training: layers 2 and 3."""
    export(checkpoint, tmp_path, repeat=2, layers=6)
    heads = json.loads((tmp_path / "config.json").read_text())["alignment_heads"]
    assert heads == [[layer, head] for layer in (2, 3) for head in range(4)]


def test_widen_refuses_fewer_layers(checkpoint: Checkpoint) -> None:
    """Layers can only be added."""
    with pytest.raises(ValueError, match="layers: got 3, expected at least the 4 there are"):
        widen(checkpoint.weights, repeat=1, layers=3)
