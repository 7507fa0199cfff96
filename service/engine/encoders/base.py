"""The interface of encoders, and CTranslate2's own."""

from importlib.metadata import version
from typing import Protocol

import ctranslate2
import numpy as np
from numpy.typing import NDArray


class EncoderUnavailable(Exception):
    """An encoder cannot run here; the message says why in a few words."""


class Encoder(Protocol):
    """Encodes one window at a time: a batch of windows costs more. Safe to use from several threads."""

    @property
    def name(self) -> str:
        """The runtime, its version and its arithmetic, as a transcript's provenance names them."""
        ...

    def encode(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encode log-mel features, shape (mels, frames), to shape (positions, width)."""
        ...


class NativeEncoder:
    """CTranslate2's own encoder, which comes with the model."""

    def __init__(self, model: ctranslate2.models.Whisper) -> None:
        self._model = model
        self.name = f"ctranslate2 {version('ctranslate2')} {model.compute_type}"

    def encode(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Encode log-mel features, shape (mels, frames), to shape (positions, width)."""
        encoding: NDArray[np.float32] = np.array(
            self._model.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(features[None])))
        )[0]
        return encoding
