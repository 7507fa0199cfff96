"""The weights of a CTranslate2 model under OpenAI's names."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.speed import checkpoint, model_file
from service.engine.encoders.base import EncoderUnavailable
from tests.standin import MODEL

WIDTH, VOCABULARY, MELS = 4, 10, 2


def test_merged_projections_are_split_into_query_key_and_value(tmp_path: Path) -> None:
    """Self-attention merges three projections and cross-attention two; OpenAI's keys have no bias."""
    variables = _model()
    model_file.write(tmp_path / "model.bin", variables)
    shape, weights = checkpoint.read(tmp_path)
    assert (shape.n_audio_layer, shape.n_text_layer, shape.n_vocab, shape.n_mels) == (1, 1, VOCABULARY, MELS)
    own = variables["decoder/layer_0/self_attention/linear_0/weight"]
    both = variables["decoder/layer_0/attention/linear_1/weight"]
    for number, name in enumerate(("query", "key", "value")):
        part = own[number * WIDTH : (number + 1) * WIDTH]
        np.testing.assert_array_equal(weights[f"decoder.blocks.0.attn.{name}.weight"], part)
    np.testing.assert_array_equal(weights["decoder.blocks.0.cross_attn.value.weight"], both[WIDTH:])
    assert not [name for name in weights if name.endswith("key.bias")]
    # Two convolutions, positions, and the last norm of each side, the embedding, and the layers' tensors.
    assert len(weights) == 4 + 2 + 4 + 1 + (2 + 7 + 2 + 4) + 2 * (2 + 7) + (2 + 4)


def test_a_quantized_model_is_refused() -> None:
    """Its weights are not those that OpenAI published."""
    with pytest.raises(ValueError, match="expected float16 or float32"):
        checkpoint.read(MODEL)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """The names of a translation model mean something else."""
    model_file.write(tmp_path / "model.bin", {}, specification=("TransformerSpec", 3))
    with pytest.raises(EncoderUnavailable, match="TransformerSpec"):
        checkpoint.read(tmp_path)


def test_tokens_are_bytes_in_order_without_the_special_ones() -> None:
    """whisper.cpp takes Whisper's 50,257 text tokens by position and adds the special ones itself."""
    tokens = checkpoint.tokens(MODEL)
    assert len(tokens) == 50_257
    assert (tokens[0], tokens[94], tokens[188], tokens[220]) == (b"!", b"\xa1", b"\0", b" ")


def _model() -> dict[str, NDArray[np.generic]]:
    """The variables of a model with one layer on each side."""
    shapes: dict[str, tuple[int, ...]] = {
        "encoder/conv1/weight": (WIDTH, MELS, 3),
        "encoder/conv1/bias": (WIDTH,),
        "encoder/conv2/weight": (WIDTH, WIDTH, 3),
        "encoder/conv2/bias": (WIDTH,),
        "encoder/position_encodings/encodings": (6, WIDTH),
        "decoder/position_encodings/encodings": (5, WIDTH),
        "decoder/embeddings/weight": (VOCABULARY, WIDTH),
    }
    attentions: dict[str, dict[str, tuple[int, ...]]] = {
        "encoder": {"self_attention": (3, 1)},
        "decoder": {"self_attention": (3, 1), "attention": (1, 2, 1)},
    }
    for side, parts in attentions.items():
        norms = [f"{side}/layer_norm", f"{side}/layer_0/ffn/layer_norm"]
        for part, merged in parts.items():
            norms.append(f"{side}/layer_0/{part}/layer_norm")
            for number, count in enumerate(merged):
                shapes[f"{side}/layer_0/{part}/linear_{number}/weight"] = (count * WIDTH, WIDTH)
                shapes[f"{side}/layer_0/{part}/linear_{number}/bias"] = (count * WIDTH,)
        for number, (rows, columns) in enumerate(((4 * WIDTH, WIDTH), (WIDTH, 4 * WIDTH))):
            shapes[f"{side}/layer_0/ffn/linear_{number}/weight"] = (rows, columns)
            shapes[f"{side}/layer_0/ffn/linear_{number}/bias"] = (rows,)
        shapes |= {f"{norm}/{part}": (WIDTH,) for norm in norms for part in ("gamma", "beta")}
    chance = np.random.default_rng(12)
    variables: dict[str, NDArray[np.generic]] = {
        name: chance.standard_normal(shape).astype(np.float16) for name, shape in shapes.items()
    }
    return variables | {f"{side}/num_heads": np.array(1, np.int16) for side in attentions}
