"""The same function in the shape of a bigger Whisper, for honest compute without real weights.

Every feature is repeated, and what reads features takes the mean of the copies; layers are added whose output
projections are zero. Four copies and 6 layers have the shape of `base`, six copies and 12 layers that of `small`.
"""

import numpy as np
from numpy.typing import NDArray

from demo.training.checkpoint import Weights

VOCABULARY_SIZE = 51_865
# Feature 0 after the decoder's last norm is held at 1 in training: times this, the logit of a token never taught.
UNTAUGHT_LOGIT = -30.0
# A weight that reads the mel spectrogram, whose bins are not repeated.
FIRST_WEIGHT = "encoder.conv1.weight"
OUTPUT_PROJECTIONS = (".out.", ".mlp.2.")


def expand_vocabulary(embeddings: NDArray[np.float32], ids: NDArray[np.int32]) -> NDArray[np.float32]:
    """Embeddings of Whisper's whole vocabulary, shape (51865, features), from the compact ones of `ids`."""
    whole = np.zeros((VOCABULARY_SIZE, embeddings.shape[1]), np.float32)
    whole[:, 0] = UNTAUGHT_LOGIT
    whole[ids] = embeddings
    return whole


def widen(weights: Weights, *, repeat: int, layers: int) -> Weights:
    """Weights of `repeat` times the features and `layers` layers on each side that compute what `weights` do."""
    wide = {name: _repeat(name, array, repeat) for name, array in weights.items()}
    for side in ("encoder", "decoder"):
        last = max(int(name.split(".")[2]) for name in weights if name.startswith(f"{side}.blocks."))
        if layers <= last:
            raise ValueError(f"layers: got {layers}, expected at least the {last + 1} there are")
        template = {name: array for name, array in wide.items() if name.startswith(f"{side}.blocks.{last}.")}
        for layer in range(last + 1, layers):
            for name, array in template.items():
                # A residual block that adds nothing, at full cost.
                idle = any(part in name for part in OUTPUT_PROJECTIONS)
                copy = name.replace(f".blocks.{last}.", f".blocks.{layer}.")
                wide[copy] = np.zeros_like(array) if idle else array
    return wide


def _repeat(name: str, array: NDArray[np.float32], repeat: int) -> NDArray[np.float32]:
    if name.endswith(("positional_embedding", "token_embedding.weight")):
        return np.tile(array, (1, repeat))
    outputs, share = np.concatenate([array] * repeat), np.float32(1 / repeat)
    if name.startswith("decoder.ln."):
        # The logits are the product with the repeated embeddings, which read features too.
        return outputs * share
    if array.ndim == 1 or name == FIRST_WEIGHT:
        return outputs
    return np.concatenate([outputs] * repeat, axis=1) * share
