"""Whisper `base` in the shape of a larger model: its words at the larger model's price, if no source has the larger one.

The added heads, inner units and layers add nothing to the sums that they take part in. The added channels repeat others,
so that mean and variance of a position, by which every layer divides, stay about the same. No weight is trained: speed and
memory are those of the larger model, and the words are as good as those of `base`, not better.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.speed import model_file
from service.engine.encoders.parameters import Array, Parameters, read_variables

WIDTH_OF_HEAD = 64
COPIED = ("config.json", "tokenizer.json", "vocabulary.txt")
# CTranslate2 stores this matrix once, for both its uses.
ALIASES = {"decoder/projection/weight": "decoder/embeddings/weight"}
# How many matrices CTranslate2 has merged into one: queries, keys and values; queries; keys and values.
MERGED = {"self_attention/linear_0": 3, "attention/linear_0": 1, "attention/linear_1": 2, "ffn/linear_0": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The shape of a Whisper model: the width of a position, and the layers of encoder and decoder each."""

    width: int
    layers: int


SHAPES: Mapping[str, Shape] = {"small": Shape(width=768, layers=12), "medium": Shape(width=1024, layers=24)}


def widen(source: Path, target: Path, shape: Shape) -> Path:
    """Write the model in CTranslate2's folder `source` in a larger shape; returns `target`."""
    target.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        shutil.copyfile(source / name, target / name)
    wider = {name: _wider(name, values, shape.width) for name, values in read_variables(source / "model.bin")}
    added = range(Parameters.read(source / "model.bin").layers, shape.layers)
    # Under its name once it is complete: an interrupted run must not leave a part of it.
    unfinished = target / "model.bin.part"
    model_file.write(unfinished, wider | dict(_silent_layers(wider, added)), aliases=ALIASES)
    unfinished.rename(target / "model.bin")
    return target


def _wider(name: str, values: Array, width: int) -> Array:
    """A variable of the larger shape."""
    owner, part = name.rsplit("/", 1)
    if part == "num_heads":
        return np.array(width // WIDTH_OF_HEAD, values.dtype)
    if part in ("gamma", "beta"):
        # The copies end at each normalization, so that nothing after it counts them.
        return _padded(values, -1, width)
    if part == "encodings" or owner.endswith("embeddings"):
        return _repeated(values, -1, width)
    inner = 4 * width if "/ffn/" in name else width
    if owner.endswith("conv1"):
        return _padded(values, 0, width)
    if part == "weight":
        values = _padded(values, 1, inner if owner.endswith("ffn/linear_1") else width)
    for ending, count in MERGED.items():
        if owner.endswith(f"/{ending}"):
            return np.concatenate([_padded(matrix, 0, inner) for matrix in np.split(values, count)])
    # What is added to a position has the copies, too.
    return _repeated(values, 0, width) if part in ("weight", "bias") else values


def _padded(values: Array, axis: int, length: int) -> Array:
    room = [(0, 0)] * values.ndim
    room[axis] = (0, length - values.shape[axis])
    return np.pad(values, room)


def _repeated(values: Array, axis: int, length: int) -> Array:
    """With evenly chosen channels once more at the end."""
    width = values.shape[axis]
    chosen = np.arange(length - width) * width // (length - width)
    return np.concatenate([values, np.take(values, chosen, axis)], axis)


def _silent_layers(variables: Mapping[str, Array], layers: Iterable[int]) -> Iterator[tuple[str, Array]]:
    """Further layers, by their numbers, that add zeros to their input."""
    for name, values in variables.items():
        if "/layer_0/" in name:
            for layer in layers:
                yield name.replace("/layer_0/", f"/layer_{layer}/"), np.zeros_like(values)
