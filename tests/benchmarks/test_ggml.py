"""The files for whisper.cpp: their layout and their quantization."""

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.speed import ggml
from benchmarks.speed.checkpoint import Dimensions

SHAPE = Dimensions(
    n_mels=2, n_audio_ctx=4, n_audio_state=32, n_audio_head=1, n_audio_layer=1,
    n_vocab=3, n_text_ctx=4, n_text_state=32, n_text_head=1, n_text_layer=1,
)  # fmt: skip
MATRIX, BIAS = "decoder.token_embedding.weight", "encoder.conv1.bias"
CHANCE = np.random.default_rng(12)


@pytest.mark.parametrize(("form", "width", "steps"), [("q8_0", 34, 254), ("q5_0", 22, 31)])
def test_quantized_blocks_return_the_values_within_one_step(form: str, width: int, steps: int) -> None:
    """A block keeps 32 values to half a step of its range, apart from the scale's own rounding."""
    values = CHANCE.standard_normal((4, 32)).astype(np.float32)
    raw = ggml.FORMATS[form].encode(values)
    assert len(raw) == 4 * width
    step = np.abs(values).max(axis=1, keepdims=True) * 2 / steps
    assert np.all(np.abs(_read(form, raw) - values) <= 1.05 * step)


def test_a_block_of_zeros_stays_zeros() -> None:
    """A scale of zero divides nothing."""
    for form in ("q8_0", "q5_0"):
        assert not _read(form, ggml.FORMATS[form].encode(np.zeros((1, 32), np.float32))).any()


def test_a_file_has_its_shape_tokens_and_tensors_in_order(tmp_path: Path) -> None:
    """whisper.cpp reads header, filters, tokens and tensors by position, and the bias of a convolution as a column."""
    file = tmp_path / "model.bin"
    weights = {BIAS: np.arange(32, dtype=np.float16), MATRIX: np.ones((3, 32), np.float16)}
    filters = np.zeros((2, 3), np.float32)
    ggml.write(file, shape=SHAPE, weights=weights, filters=filters, tokens=[b"a", b"bc"], form="f16")
    raw = file.read_bytes()
    assert struct.unpack_from("<12i", raw) == (ggml.MAGIC, 3, 4, 32, 1, 1, 4, 32, 1, 1, 2, 1)
    tokens = 12 * 4 + 2 * 4 + filters.nbytes
    assert raw[tokens:].startswith(struct.pack("<2ic", 2, 1, b"a") + struct.pack("<i2s", 2, b"bc"))
    tensors = raw[tokens + 4 + 5 + 6 :]
    bias = struct.pack("<5i", 2, len(BIAS), 0, 1, 32) + BIAS.encode() + np.arange(32, dtype="<f4").tobytes()
    matrix = struct.pack("<5i", 2, len(MATRIX), 1, 32, 3) + MATRIX.encode() + np.ones(96, "<f2").tobytes()
    assert tensors == bias + matrix


def _read(form: str, raw: bytes) -> NDArray[np.float32]:
    """The values of blocks, as whisper.cpp restores them."""
    if form == "q8_0":
        blocks = np.frombuffer(raw, dtype=[("scale", "<f2"), ("numbers", "i1", 32)])
        return _scaled(blocks["scale"], blocks["numbers"])
    blocks = np.frombuffer(raw, dtype=[("scale", "<f2"), ("high", "<u4"), ("low", "u1", 16)])
    low = np.concatenate([blocks["low"] & 15, blocks["low"] >> 4], axis=1)
    high = (blocks["high"][:, None] >> np.arange(32, dtype=np.uint32)) & 1
    numbers = low.astype(np.int32) + (high.astype(np.int32) << 4) - 16
    return _scaled(blocks["scale"], numbers)


def _scaled(scales: NDArray[np.float16], numbers: NDArray[np.integer]) -> NDArray[np.float32]:
    return scales.astype(np.float32)[:, None] * numbers.astype(np.float32)
