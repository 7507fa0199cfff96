"""The voice detector: the official Silero model, run over one channel as a stream."""

from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from service import processor
from service.recording import blocks

# The package is never imported: it would ask for PyTorch, and only its model file is needed.
PACKAGE, MODEL = "silero-vad", "silero_vad/data/silero_vad_16k_sequence.onnx"
# Samples per frame at 16 kHz, and those of the frame before that the model hears in front of each.
FRAME = 512
CONTEXT = 64
STATE = (1, 1, 128)
# Frames per run of the network, 64 s, so that memory does not grow with the call.
BLOCK_FRAMES = 2000
# Speech begins above the first probability, and continues until it stays below the second for a while.
SPEECH_BEGINS, SPEECH_CONTINUES = 0.3, 0.15
MIN_SILENCE_FRAMES = 9
MIN_SPEECH_FRAMES = 2
# Speech without a pause is cut to fit a window: 20 s.
LONGEST_FRAMES = 625

Probabilities = NDArray[np.float32]


def model_file() -> Path:
    """The model file of the installed package."""
    return Path(str(distribution(PACKAGE).locate_file(MODEL)))


class Detector:
    """A loaded voice detector. Safe to use from several threads: it keeps no state between calls."""

    def __init__(self, model: Path | None = None) -> None:
        core = openvino.Core()
        # A channel on each CPU: the frames of one follow from each other, so that a second thread gains nothing.
        cpus = processor.available_cpus()
        options: dict[str, Any] = {
            "INFERENCE_NUM_THREADS": cpus,
            "NUM_STREAMS": cpus,
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,
        }
        self._network = core.compile_model(core.read_model(model or model_file()), "CPU", options)

    def probabilities(self, samples: NDArray[np.int16]) -> Probabilities:
        """The probability of speech in each frame (32 ms) of one channel's samples, shape (frames,), 16 kHz."""
        hidden, cell = np.zeros(STATE, np.float32), np.zeros(STATE, np.float32)
        context = np.zeros(CONTEXT, np.float32)
        found = [np.zeros(0, np.float32)]
        request = self._network.create_infer_request()
        for part in blocks(samples, BLOCK_FRAMES * FRAME):
            block = part.astype(np.float32) / np.float32(32768)
            frames = np.pad(block, (0, -len(block) % FRAME)).reshape(-1, FRAME)
            before = np.concatenate([context[None], frames[:-1, -CONTEXT:]])
            context = frames[-1, -CONTEXT:]
            results = request.infer({"input": np.concatenate([before, frames], axis=1), "h": hidden, "c": cell})
            # The results are the request's own memory, which its next run overwrites.
            speech, hidden, cell = (np.array(results[index]) for index in range(3))
            found.append(speech.reshape(-1))
        return np.concatenate(found)


def find_speech(probabilities: Probabilities) -> list[tuple[int, int]]:
    """Stretches of speech as (first frame, frame after the last), none longer than `LONGEST_FRAMES`.

    >>> find_speech(np.array([0, 0.2, 0.9, 0.2, 0.2, 0, 0], np.float32))
    [(2, 5)]
    """
    voiced = np.flatnonzero(probabilities >= SPEECH_CONTINUES)
    if not len(voiced):
        return []
    borders = np.flatnonzero(np.diff(voiced) > MIN_SILENCE_FRAMES)
    starts = voiced[np.concatenate([[0], borders + 1])]
    ends = voiced[np.concatenate([borders, [len(voiced) - 1]])] + 1
    found: list[tuple[int, int]] = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        certain = np.flatnonzero(probabilities[start:end] >= SPEECH_BEGINS)
        if len(certain) and end - start - certain[0] >= MIN_SPEECH_FRAMES:
            found += _split(probabilities, start + int(certain[0]), end)
    return found


def _split(probabilities: Probabilities, start: int, end: int) -> list[tuple[int, int]]:
    """Cut a stretch that is too long for a window at its least probable frames."""
    if end - start <= LONGEST_FRAMES:
        return [(start, end)]
    quarter = (end - start) // 4
    middle = start + quarter + int(np.argmin(probabilities[start + quarter : end - quarter]))
    return _split(probabilities, start, middle) + _split(probabilities, middle, end)
