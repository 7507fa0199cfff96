"""A CTranslate2 model's weights under OpenAI's names: the form that the other implementations' converters start from.

The weights of the released models are stored in half precision, as OpenAI published them, so nothing is lost.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from service.engine.encoders.parameters import Array, read_variables

Weights = dict[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """The shape of a Whisper model, under OpenAI's names."""

    n_mels: int
    n_audio_ctx: int
    n_audio_state: int
    n_audio_head: int
    n_audio_layer: int
    n_vocab: int
    n_text_ctx: int
    n_text_state: int
    n_text_head: int
    n_text_layer: int

    @property
    def encoder_macs(self) -> int:
        """Multiply-accumulates of the encoder for one full window.

        >>> base = Dimensions(
        ...     n_mels=80, n_audio_ctx=1500, n_audio_state=512, n_audio_head=8, n_audio_layer=6,
        ...     n_vocab=51865, n_text_ctx=448, n_text_state=512, n_text_head=8, n_text_layer=6,
        ... )
        >>> round(base.encoder_macs / 1e9, 1)
        43.7
        """
        frames, width = self.n_audio_ctx, self.n_audio_state
        layer = 12 * frames * width**2 + 2 * frames**2 * width
        return self.n_audio_layer * layer + 6 * frames * self.n_mels * width + 3 * frames * width**2


def read(folder: Path) -> tuple[Dimensions, Weights]:
    """The shape and the weights of the model in a CTranslate2 folder.

    Raises:
        EncoderUnavailable: the file is no Whisper model.
        ValueError: the model is quantized, and so has no exact source form.
    """
    variables = dict(read_variables(folder / "model.bin"))
    layers = {
        side: len({name.split("/")[1] for name in variables if f"{side}/layer_" in name and "/ffn/" in name})
        for side in ("encoder", "decoder")
    }
    vocabulary, text_width = variables["decoder/embeddings/weight"].shape
    width, mels, _ = variables["encoder/conv1/weight"].shape
    dimensions = Dimensions(
        n_mels=mels,
        n_audio_ctx=len(variables["encoder/position_encodings/encodings"]),
        n_audio_state=width,
        n_audio_head=int(variables["encoder/num_heads"]),
        n_audio_layer=layers["encoder"],
        n_vocab=vocabulary,
        n_text_ctx=len(variables["decoder/position_encodings/encodings"]),
        n_text_state=text_width,
        n_text_head=int(variables["decoder/num_heads"]),
        n_text_layer=layers["decoder"],
    )
    weights = dict(_renamed(variables, dimensions))
    if wrong := sorted(name for name, values in weights.items() if values.dtype.kind != "f"):
        raise ValueError(f"{folder}: got the quantized weights {wrong[0]} …, expected float16 or float32")
    return dimensions, weights


def tokens(folder: Path) -> list[bytes]:
    """The bytes of each text token, by its number; the special tokens follow it and are not among them."""
    vocabulary = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    specials = {token["id"] for token in vocabulary["added_tokens"]}
    letters = {letter: value for value, letter in enumerate(_byte_letters())}
    ordered = sorted((number, text) for text, number in vocabulary["model"]["vocab"].items() if number not in specials)
    return [bytes(letters[letter] for letter in text) for _, text in ordered]


def _byte_letters() -> list[str]:
    """The printable letter that stands for each byte in a byte-level vocabulary: itself, if it is printable."""
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    substitutes = iter(range(256, 512))
    return [chr(value) if value in printable else chr(next(substitutes)) for value in range(256)]


def _renamed(variables: dict[str, Array], shape: Dimensions) -> Iterator[tuple[str, Array]]:
    for number in (1, 2):
        for part in ("weight", "bias"):
            yield f"encoder.conv{number}.{part}", variables[f"encoder/conv{number}/{part}"]
    yield "encoder.positional_embedding", variables["encoder/position_encodings/encodings"]
    yield from _blocks(variables, "encoder", shape.n_audio_layer, {"self_attention": "attn"})
    yield from _norm(variables, "encoder/layer_norm", "encoder.ln_post")
    yield "decoder.token_embedding.weight", variables["decoder/embeddings/weight"]
    yield "decoder.positional_embedding", variables["decoder/position_encodings/encodings"]
    yield from _blocks(variables, "decoder", shape.n_text_layer, {"self_attention": "attn", "attention": "cross_attn"})
    yield from _norm(variables, "decoder/layer_norm", "decoder.ln")


def _blocks(
    variables: dict[str, Array], side: str, layers: int, attentions: dict[str, str]
) -> Iterator[tuple[str, Array]]:
    for layer in range(layers):
        source, target = f"{side}/layer_{layer}", f"{side}.blocks.{layer}"
        for attention, name in attentions.items():
            yield from _norm(variables, f"{source}/{attention}/layer_norm", f"{target}.{name}_ln")
            yield from _attention(variables, f"{source}/{attention}", f"{target}.{name}")
        yield from _norm(variables, f"{source}/ffn/layer_norm", f"{target}.mlp_ln")
        for number, name in ((0, "mlp.0"), (1, "mlp.2")):
            for part in ("weight", "bias"):
                yield f"{target}.{name}.{part}", variables[f"{source}/ffn/linear_{number}/{part}"]


def _attention(variables: dict[str, Array], source: str, target: str) -> Iterator[tuple[str, Array]]:
    """Queries, keys and values, which CTranslate2 merges: all three, or keys and values in cross-attention."""
    merged: tuple[str, ...] = ("query", "key", "value") if f"{source}/linear_2/weight" not in variables else ("query",)
    parts = {"linear_0": merged} if len(merged) == 3 else {"linear_0": merged, "linear_1": ("key", "value")}
    for linear, names in parts.items():
        for part in ("weight", "bias"):
            rows = np.split(variables[f"{source}/{linear}/{part}"], len(names))
            for name, values in zip(names, rows, strict=True):
                # OpenAI's keys have no bias; CTranslate2 merges zeros in their place.
                if (name, part) != ("key", "bias"):
                    yield f"{target}.{name}.{part}", values
    last = "linear_1" if len(merged) == 3 else "linear_2"
    for part in ("weight", "bias"):
        yield f"{target}.out.{part}", variables[f"{source}/{last}/{part}"]


def _norm(variables: dict[str, Array], source: str, target: str) -> Iterator[tuple[str, Array]]:
    yield f"{target}.weight", variables[f"{source}/gamma"]
    yield f"{target}.bias", variables[f"{source}/beta"]
