"""The speed limit of this machine: products of matrices in three number formats, in operations per second.

The shapes are those of Whisper base's feed-forward layers. OpenVINO has kernels for every format and processor, and the
engine uses the same.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset13 as ops

ROWS, WIDTH, INNER, PAIRS = 1500, 512, 2048, 6
ROUNDS, LONGEST_SECONDS = 15, 3
FORMATS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}
# Without one of them, bfloat16 is emulated, a hundred times as slow.
BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
CPUINFO = Path("/proc/cpuinfo")


def load(*, threads: int) -> Callable[[Sequence[Path]], list[dict[str, float]]]:
    """The three products, compiled."""
    requests = {name: model.create_infer_request() for name, model in _compiled(threads).items()}
    values = np.random.default_rng(12).uniform(-1, 1, (ROWS, WIDTH)).astype(np.float32)

    def measure(_calls: Sequence[Path]) -> list[dict[str, float]]:
        return [{name: _operations_per_second(request, values) for name, request in requests.items()}]

    return measure


def kernels(*, threads: int) -> dict[str, str]:
    """The kernel that OpenVINO chose for each number format."""
    return {name: _kernel(model.get_runtime_model()) for name, model in _compiled(threads).items()}


def _kernel(running: openvino.Model) -> str:
    facts = [node.get_rt_info() for node in running.get_ops()]
    found = {info["primitiveType"].value for info in facts if info["layerType"].value in {"FullyConnected", "MatMul"}}
    return ", ".join(sorted(found))


def _compiled(threads: int) -> dict[str, openvino.CompiledModel]:
    core = openvino.Core()
    common = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}
    return {
        name: core.compile_model(
            _layers(quantized=name == "int8"), "CPU", common | {"INFERENCE_PRECISION_HINT": precision}
        )
        for name, precision in FORMATS.items()
        if name != "bfloat16" or BFLOAT16_FLAGS & set(CPUINFO.read_text().split())
    }


def _layers(*, quantized: bool) -> openvino.Model:
    chance = np.random.default_rng(12)
    inputs = ops.parameter([ROWS, WIDTH], np.float32)
    node: Any = inputs
    for _ in range(PAIRS):
        for rows, columns in ((WIDTH, INNER), (INNER, WIDTH)):
            weights = chance.integers(-127, 128, (rows, columns)).astype(np.int8)
            scale = np.float32(1 / 127 / rows**0.5)
            factor = ops.multiply(ops.convert(ops.constant(weights), "f32"), ops.constant(scale))
            if quantized:
                bounds = [ops.constant(np.float32(bound)) for bound in (-1.28, 1.27, -1.28, 1.27)]
                node = ops.fake_quantize(node, *bounds, 256)
            else:
                factor = ops.constant(weights.astype(np.float32) * scale)
            node = ops.matmul(node, factor, transpose_a=False, transpose_b=False)
    return openvino.Model([node], [inputs])


def _operations_per_second(request: Any, values: NDArray[np.float32]) -> float:
    request.infer({0: values})
    times: list[float] = []
    while len(times) < ROUNDS and sum(times) < LONGEST_SECONDS:
        started = time.perf_counter()
        request.infer({0: values})
        times.append(time.perf_counter() - started)
    return 2 * 2 * PAIRS * ROWS * WIDTH * INNER / statistics.median(times)
