"""The exact mode: what faster-whisper's batched pipeline gives for the same clips of a recording, token for token.

It shows that nothing but the engine's stated liberties changes a transcript: windows without their silences, a shorter
encoding, other encoders, and gates with further tries.
"""

import numpy as np
from faster_whisper.audio import pad_or_trim
from numpy.typing import NDArray

from service.engine.decoding import Decoder


class ExactDecoder(Decoder):
    """A loaded model that gets windows as faster-whisper's pipeline gives them to it."""

    FRAMES = 3000

    def _features(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        padded: NDArray[np.float32] = pad_or_trim(self._model.feature_extractor(audio)[:, :-1], self.FRAMES)
        return padded

    def _room(self, seconds: float) -> int:  # noqa: ARG002 -- a text may be as long as the model allows
        return int(self._model.max_length)
