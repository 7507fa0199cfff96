"""Writes a model as whisper.cpp's file: its shape, mel filters, tokens and tensors, quantized or not.

The layout is whisper.cpp's own (`models/convert-pt-to-ggml.py` and `examples/quantize` write the same).
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.speed.checkpoint import Dimensions, Weights
from service.engine.encoders.parameters import Array

MAGIC = 0x67676D6C
BLOCK = 32
# whisper.cpp reads these as float32 in every file.
_ALWAYS_FLOAT = {"encoder.positional_embedding", "decoder.positional_embedding"}


def _float32(values: Array) -> bytes:
    return values.astype("<f4").tobytes()


def _float16(values: Array) -> bytes:
    return values.astype("<f2").tobytes()


def _q8_0(values: Array) -> bytes:
    """Blocks of 32: a scale in float16, then 32 numbers from -127 to 127."""
    blocks = values.astype(np.float32).reshape(-1, BLOCK)
    scales = np.abs(blocks).max(axis=1, keepdims=True) / 127
    out = np.empty(len(blocks), dtype=[("scale", "<f2"), ("numbers", "i1", BLOCK)])
    out["scale"] = scales[:, 0]
    out["numbers"] = np.round(blocks * _inverse(scales))
    return out.tobytes()


def _q5_0(values: Array) -> bytes:
    """Blocks of 32: a scale in float16, the fifth bits of 32 numbers, then their lower four bits in pairs."""
    blocks = values.astype(np.float32).reshape(-1, BLOCK)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1, keepdims=True), axis=1)
    scales = largest / -16
    numbers = np.clip(blocks * _inverse(scales) + 16.5, 0, 31).astype(np.uint32)
    half = BLOCK // 2
    out = np.empty(len(blocks), dtype=[("scale", "<f2"), ("high", "<u4"), ("low", "u1", half)])
    out["scale"] = scales[:, 0]
    out["high"] = ((numbers >> 4) << np.arange(BLOCK, dtype=np.uint32)).sum(axis=1)
    out["low"] = (numbers[:, :half] & 15) | ((numbers[:, half:] & 15) << 4)
    return out.tobytes()


def _inverse(scales: Array) -> Array:
    return np.divide(1, scales, out=np.zeros_like(scales), where=scales != 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How large tensors are stored: the number of the file's format and of the tensors' type, and their encoder."""

    file: int
    tensor: int
    encode: Callable[[Array], bytes]


FORMATS = {
    "f32": Format(file=0, tensor=0, encode=_float32),
    "f16": Format(file=1, tensor=1, encode=_float16),
    # 2000 stands for the second version of quantization.
    "q8_0": Format(file=2007, tensor=8, encode=_q8_0),
    "q5_0": Format(file=2008, tensor=6, encode=_q5_0),
}


def write(
    path: Path,
    *,
    shape: Dimensions,
    weights: Weights,
    filters: Array,
    tokens: Sequence[bytes],
    form: str,
) -> None:
    """Write a model; `filters` has the shape (mels, frequencies)."""
    chosen = FORMATS[form]
    header = (
        MAGIC, shape.n_vocab, shape.n_audio_ctx, shape.n_audio_state, shape.n_audio_head, shape.n_audio_layer,
        shape.n_text_ctx, shape.n_text_state, shape.n_text_head, shape.n_text_layer, shape.n_mels, chosen.file,
    )  # fmt: skip
    with path.open("wb") as file:
        file.write(struct.pack(f"<{len(header)}i", *header))
        file.write(struct.pack("<2i", *filters.shape) + _float32(filters))
        file.write(struct.pack("<i", len(tokens)))
        for token in tokens:
            file.write(struct.pack("<i", len(token)) + token)
        for name, values in weights.items():
            file.write(_tensor(name, values, chosen))


def _tensor(name: str, values: Array, chosen: Format) -> bytes:
    if name in {"encoder.conv1.bias", "encoder.conv2.bias"}:
        values = values[:, np.newaxis]
    if values.ndim < 2 or values.shape[1] == 1 or name in _ALWAYS_FLOAT:
        kind = FORMATS["f32"]
    # Only matrices are quantized.
    elif values.ndim > 2 and chosen.file > 1:
        kind = FORMATS["f16"]
    else:
        kind = chosen
    label = name.encode()
    sizes = tuple(reversed(values.shape))
    return struct.pack(f"<3i{len(sizes)}i", len(sizes), len(label), kind.tensor, *sizes) + label + kind.encode(values)
