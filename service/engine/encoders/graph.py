"""Whisper's encoder as an OpenVINO graph, made from CTranslate2's parameters.

Built at each start, in a tenth of a second: an exported file would take longer to verify.
"""

from enum import StrEnum

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset13 as ops

from service.engine.encoders.parameters import Parameters

EPSILON = 1e-5


class Arithmetic(StrEnum):
    """How the encoder multiplies: exactly, in bfloat16 (AMX), or 8-bit weights with activations that are scaled on the way."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"


def encoder_graph(parameters: Parameters, *, frames: int, arithmetic: Arithmetic) -> openvino.Model:
    """The graph that encodes features of shape (1, mels, frames) to shape (1, frames / 2, width).

    Raises:
        EncoderUnavailable: a parameter is missing or has an unknown format.
    """
    return _Builder(parameters, arithmetic).graph(frames)


class _Builder:
    def __init__(self, parameters: Parameters, arithmetic: Arithmetic) -> None:
        self._parameters = parameters
        self._arithmetic = arithmetic

    def graph(self, frames: int) -> openvino.Model:
        features = ops.parameter([1, self._parameters.mels, frames], np.float32, name="features")
        x = self._convolution(self._convolution(features, "conv1", stride=1), "conv2", stride=2)
        positions = self._parameters.floats("position_encodings/encodings")[: (frames + 1) // 2]
        x = ops.add(ops.transpose(x, _integers(0, 2, 1)), _floats(positions))
        for layer in range(self._parameters.layers):
            x = ops.add(x, self._attention(x, f"layer_{layer}/self_attention"))
            x = ops.add(x, self._feed_forward(x, f"layer_{layer}/ffn"))
        return openvino.Model([self._norm(x, "layer_norm")], [features], "encoder")

    def _convolution(self, x: openvino.Node, name: str, *, stride: int) -> openvino.Node:
        weights = _floats(self._parameters.floats(f"{name}/weight"))
        bias = _floats(self._parameters.floats(f"{name}/bias")[None, :, None])
        return ops.gelu(ops.add(ops.convolution(x, weights, [stride], [1], [1], [1]), bias), "erf")

    def _attention(self, x: openvino.Node, name: str) -> openvino.Node:
        joined = self._linear(self._norm(x, f"{name}/layer_norm"), f"{name}/linear_0")
        query, key, value = (self._by_head(part) for part in ops.split(joined, ops.constant(2), 3).outputs())
        attended = ops.scaled_dot_product_attention(query, key, value)
        merged = ops.reshape(
            ops.transpose(attended, _integers(0, 2, 1, 3)),
            _integers(0, -1, self._parameters.width),
            special_zero=True,
        )
        return self._linear(merged, f"{name}/linear_1")

    def _by_head(self, x: openvino.Output) -> openvino.Node:
        heads = self._parameters.heads
        shape = _integers(0, -1, heads, self._parameters.width // heads)
        return ops.transpose(ops.reshape(x, shape, special_zero=True), _integers(0, 2, 1, 3))

    def _feed_forward(self, x: openvino.Node, name: str) -> openvino.Node:
        inner = ops.gelu(self._linear(self._norm(x, f"{name}/layer_norm"), f"{name}/linear_0"), "erf")
        return self._linear(inner, f"{name}/linear_1")

    def _norm(self, x: openvino.Node, name: str) -> openvino.Node:
        normal = ops.mvn(x, _integers(-1), normalize_variance=True, eps=EPSILON, eps_mode="inside_sqrt")
        scaled = ops.multiply(normal, _floats(self._parameters.floats(f"{name}/gamma")))
        return ops.add(scaled, _floats(self._parameters.floats(f"{name}/beta")))

    def _linear(self, x: openvino.Node, name: str) -> openvino.Node:
        weights = self._weights(self._parameters.floats(f"{name}/weight"))
        bias = _floats(self._parameters.floats(f"{name}/bias"))
        return ops.add(ops.matmul(x, weights, transpose_a=False, transpose_b=True), bias)

    def _weights(self, weights: NDArray[np.float32]) -> openvino.Node:
        """A matrix of shape (outputs, inputs); in 8 bits with a scale for each output, so that a row fills the range."""
        if self._arithmetic is Arithmetic.FLOAT32:
            return _floats(weights)
        if self._arithmetic is Arithmetic.BFLOAT16:
            # Stored in half the memory; the runtime converts it to bfloat16 once.
            return ops.convert(ops.constant(weights.astype(np.float16)), "f32")
        scale = np.maximum(np.abs(weights).max(axis=1, keepdims=True), np.finfo(np.float32).tiny) / 127
        rounded = np.round(weights / scale).astype(np.int8)
        return ops.multiply(ops.convert(ops.constant(rounded), "f32"), _floats(scale))


def _floats(values: NDArray[np.float32]) -> openvino.Node:
    return ops.constant(np.ascontiguousarray(values, np.float32))


def _integers(*values: int) -> openvino.Node:
    return ops.constant(np.array(values, np.int64))
