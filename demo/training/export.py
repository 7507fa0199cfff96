"""Checkpoint to CTranslate2 folder: `python -m demo.training.export [FOLDER] [--repeat R --layers L] [--record]`.

Without options, rebuilds `demo/model` and compares it with its SHA256SUMS. NumPy and CTranslate2 do all the work; the
quantisation to int8 is elementwise, so every machine writes the same bytes.
"""

import argparse
import hashlib
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2.specs import WhisperSpec
from faster_whisper.tokenizer import Tokenizer
from tokenizers import Tokenizer as TokenizerFile

from demo.training.checkpoint import CHECKPOINT, HEAD_FEATURES, Checkpoint, Weights
from demo.training.widen import VOCABULARY_SIZE, expand_vocabulary, widen
from demo.truth import MODEL

COPIED = ("tokenizer.json", "preprocessor_config.json")
BUILT = ("config.json", "model.bin", "vocabulary.json")
# Training guides the cross-attention of the upper half to where the word is spoken: these layers give word times.
TRAINED_LAYERS = 4


def export(checkpoint: Checkpoint, folder: Path, *, repeat: int = 1, layers: int = TRAINED_LAYERS) -> None:
    """Write an int8 folder that faster-whisper loads, `repeat` times as wide and with `layers` layers per side."""
    embeddings = expand_vocabulary(checkpoint.weights["decoder.token_embedding.weight"], checkpoint.ids)
    weights = widen({**checkpoint.weights, "decoder.token_embedding.weight": embeddings}, repeat=repeat, layers=layers)
    heads = weights["decoder.ln.weight"].size // HEAD_FEATURES
    spec = WhisperSpec(layers, heads, layers, heads)
    _set_weights(spec, weights, layers)
    _set_vocabulary(spec, MODEL / "tokenizer.json")
    spec.config.alignment_heads = [
        [layer, head] for layer in range(TRAINED_LAYERS // 2, TRAINED_LAYERS) for head in range(heads)
    ]
    spec.validate()
    spec.optimize(quantization="int8")
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    if folder.resolve() != MODEL:
        for name in COPIED:
            shutil.copyfile(MODEL / name, folder / name)


def digests(folder: Path) -> str:
    """The folder's files as lines of SHA256SUMS."""
    names = sorted((*BUILT, *COPIED))
    return "".join(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names)


def _set_weights(spec: Any, weights: Weights, layers: int) -> None:
    def linear(target: Any, *names: str) -> None:
        arrays = [weights[f"{name}.weight"] for name in names]
        target.weight = np.concatenate(arrays)
        # Whisper's keys have no bias.
        biases = [
            weights.get(f"{name}.bias", np.zeros(len(w), np.float32)) for name, w in zip(names, arrays, strict=True)
        ]
        target.bias = np.concatenate(biases)

    def norm(target: Any, name: str) -> None:
        target.gamma, target.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]

    for conv in ("conv1", "conv2"):
        linear(getattr(spec.encoder, conv), f"encoder.{conv}")
    norm(spec.encoder.layer_norm, "encoder.ln_post")
    norm(spec.decoder.layer_norm, "decoder.ln")
    spec.decoder.embeddings.weight = weights["decoder.token_embedding.weight"]
    spec.decoder.projection.weight = weights["decoder.token_embedding.weight"]
    for side, part in (("encoder", spec.encoder), ("decoder", spec.decoder)):
        part.position_encodings.encodings = weights[f"{side}.positional_embedding"]
        for number in range(layers):
            name, layer = f"{side}.blocks.{number}", part.layer[number]
            linear(layer.self_attention.linear[0], *(f"{name}.attn.{role}" for role in ("query", "key", "value")))
            linear(layer.self_attention.linear[1], f"{name}.attn.out")
            norm(layer.self_attention.layer_norm, f"{name}.attn_ln")
            if side == "decoder":
                linear(layer.attention.linear[0], f"{name}.cross_attn.query")
                linear(layer.attention.linear[1], f"{name}.cross_attn.key", f"{name}.cross_attn.value")
                linear(layer.attention.linear[2], f"{name}.cross_attn.out")
                norm(layer.attention.layer_norm, f"{name}.cross_attn_ln")
            linear(layer.ffn.linear_0, f"{name}.mlp.0")
            linear(layer.ffn.linear_1, f"{name}.mlp.2")
            norm(layer.ffn.layer_norm, f"{name}.mlp_ln")


def _set_vocabulary(spec: Any, path: Path) -> None:
    file = TokenizerFile.from_file(str(path))
    spec.register_vocabulary([file.id_to_token(token) for token in range(VOCABULARY_SIZE)])
    tokenizer = Tokenizer(file, multilingual=True, task="transcribe", language="en")
    control = {tokenizer.translate, tokenizer.transcribe, tokenizer.sot_lm, tokenizer.sot_prev, tokenizer.no_speech}
    spec.config.suppress_ids = sorted({*tokenizer.non_speech_tokens, *control})
    spec.config.suppress_ids_begin = [*tokenizer.encode(" "), tokenizer.eot]
    spec.config.lang_ids = list(range(tokenizer.sot + 1, tokenizer.translate))


def main(arguments: Sequence[str]) -> None:
    """Export, and compare with what is recorded."""
    parser = argparse.ArgumentParser(description="Write a checkpoint as an int8 CTranslate2 folder.")
    parser.add_argument("folder", type=Path, nargs="?", default=MODEL)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    parser.add_argument("--repeat", type=int, default=1, help="copies of each feature: 4 for base, 6 for small")
    parser.add_argument("--layers", type=int, default=TRAINED_LAYERS, help="layers per side: 6 for base, 12 for small")
    parser.add_argument("--record", action="store_true", help="write SHA256SUMS instead of comparing with it")
    options = parser.parse_args(arguments)
    export(Checkpoint.load(options.checkpoint), options.folder, repeat=options.repeat, layers=options.layers)
    made, recorded = digests(options.folder), options.folder / "SHA256SUMS"
    if options.record:
        recorded.write_text(made, "ascii")
    elif recorded.exists() and recorded.read_text("ascii") != made:
        sys.exit(f"{options.folder} differs from its SHA256SUMS; made was:\n{made}")
    print(f"{options.folder}:\n{made}", end="")


if __name__ == "__main__":
    main(sys.argv[1:])
