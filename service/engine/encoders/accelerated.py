"""The encoder in OpenVINO, which uses a processor's matrix and 8-bit instructions better than CTranslate2."""

from threading import local
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from service.engine.encoders.graph import Arithmetic, encoder_graph
from service.engine.encoders.parameters import Parameters

PRECISION = {Arithmetic.FLOAT32: "f32", Arithmetic.BFLOAT16: "bf16", Arithmetic.INT8: "f32"}
# Activations share a scale in groups of this size.
QUANTIZATION_GROUP = 128


class OpenVinoEncoder:
    """An encoder that OpenVINO compiled. Safe to use from several threads."""

    def __init__(
        self, parameters: Parameters, *, frames: int, arithmetic: Arithmetic, streams: int, threads: int
    ) -> None:
        """Compile for windows of so many frames, `streams` of them at once, each on its share of the threads.

        A graph of fixed length is a tenth faster than one for any length.

        Raises:
            EncoderUnavailable: a parameter is missing or has an unknown format.
            RuntimeError: OpenVINO cannot compile the graph.
        """
        options: dict[str, Any] = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": streams,
            "INFERENCE_PRECISION_HINT": PRECISION[arithmetic],
            # Pinned threads would all sit on the first cores of a shared machine.
            "ENABLE_CPU_PINNING": False,
        }
        if arithmetic is Arithmetic.INT8:
            options["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = QUANTIZATION_GROUP
        graph = encoder_graph(parameters, frames=frames, arithmetic=arithmetic)
        self._compiled = openvino.Core().compile_model(graph, "CPU", options)
        self.name = f"openvino {openvino.get_version().partition('-')[0]} {arithmetic}"
        self._of_thread = local()

    def encode(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encode log-mel features, shape (mels, frames), to shape (positions, width)."""
        result = self._request().infer({0: features[None]}, share_inputs=True)
        # The result is the request's own memory, which its next window overwrites.
        encoding: NDArray[np.float32] = np.array(result[0][0])
        return encoding

    def _request(self) -> openvino.InferRequest:
        """The request of the current thread."""
        if not hasattr(self._of_thread, "request"):
            self._of_thread.request = self._compiled.create_infer_request()
        request: openvino.InferRequest = self._of_thread.request
        return request
