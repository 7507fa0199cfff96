"""Trained weights in one file, readable with NumPy alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

CHECKPOINT = Path(__file__).with_name("checkpoint.npz")
# One head per 64 features, as in every Whisper.
HEAD_FEATURES = 64

Weights = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Weights under OpenAI's names, with a compact vocabulary: row i of the embeddings is Whisper's token `ids[i]`.

    `characters[i]` is what output i + 1 of the training-only `ctc` head stands for; output 0 is CTC's blank.
    """

    weights: Weights
    ids: NDArray[np.int32]
    characters: str

    @classmethod
    def load(cls, path: Path = CHECKPOINT) -> Self:
        """Read a checkpoint that `save` wrote; the weights come back as float32."""
        with np.load(path) as file:
            weights = {name: file[name].astype(np.float32) for name in file.files if name not in {"ids", "characters"}}
            return cls(weights=weights, ids=file["ids"], characters=str(file["characters"]))

    def save(self, path: Path = CHECKPOINT) -> None:
        """Write the weights as float16: half the size, and what is lost is far below the int8 of the export."""
        weights = {name: array.astype(np.float16) for name, array in self.weights.items()}
        np.savez(
            path, allow_pickle=False, ids=self.ids.astype(np.int32), characters=np.array(self.characters), **weights
        )
