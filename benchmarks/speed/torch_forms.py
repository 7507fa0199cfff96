"""Writes the weights as openai/whisper's checkpoint and as a folder of transformers; runs in the peers' environment.

`python -m benchmarks.speed.torch_forms MODEL FOLDER` takes tokens from a CTranslate2 folder, shape and weights from
`weights.npz` and `shape.json` in the other one, and writes `openai.pt` and `transformers/` there.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import (
    GenerationConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizer,
)

# OpenAI's names of a layer's parts, and those of transformers; the longer ones come first.
NAMES = {
    "blocks.": "layers.",
    "cross_attn_ln": "encoder_attn_layer_norm",
    "attn_ln": "self_attn_layer_norm",
    "mlp_ln": "final_layer_norm",
    "mlp.0": "fc1",
    "mlp.2": "fc2",
    "cross_attn": "encoder_attn",
    ".attn.": ".self_attn.",
    ".query": ".q_proj",
    ".key": ".k_proj",
    ".value": ".v_proj",
    ".out.": ".out_proj.",
    "token_embedding": "embed_tokens",
    "positional_embedding": "embed_positions.weight",
    "encoder.ln_post": "encoder.layer_norm",
    "decoder.ln": "decoder.layer_norm",
}


def main(model: Path, folder: Path) -> None:
    """Write both."""
    shape: dict[str, int] = json.loads((folder / "shape.json").read_text("utf-8"))
    with np.load(folder / "weights.npz") as weights:
        tensors = {name: torch.from_numpy(values) for name, values in weights.items()}
    torch.save({"dims": shape, "model_state_dict": tensors}, folder / "openai.pt")
    facts = json.loads((model / "config.json").read_text("utf-8"))
    tokenizer = WhisperTokenizer.from_pretrained(model)
    # Batches need one.
    tokenizer.pad_token = tokenizer.eos_token
    whisper = WhisperForConditionalGeneration(_config(shape, tokenizer))
    renamed = {f"model.{_renamed(name)}": values.float() for name, values in tensors.items()}
    missing, unexpected = whisper.load_state_dict(renamed, strict=False)
    if unexpected or set(missing) != {"proj_out.weight"}:
        raise ValueError(f"got the wrong names {unexpected}, or lack {missing}")
    whisper.tie_weights()
    whisper.generation_config = _generation(facts, tokenizer)
    target = folder / "transformers"
    whisper.save_pretrained(target)
    tokenizer.save_pretrained(target)
    WhisperFeatureExtractor(feature_size=shape["n_mels"]).save_pretrained(target)


def _renamed(name: str) -> str:
    for theirs, ours in NAMES.items():
        name = name.replace(theirs, ours)
    return name


def _config(shape: dict[str, int], tokenizer: WhisperTokenizer) -> WhisperConfig:
    end, start = tokenizer.convert_tokens_to_ids(["<|endoftext|>", "<|startoftranscript|>"])
    return WhisperConfig(
        vocab_size=shape["n_vocab"],
        num_mel_bins=shape["n_mels"],
        d_model=shape["n_audio_state"],
        encoder_layers=shape["n_audio_layer"],
        encoder_attention_heads=shape["n_audio_head"],
        encoder_ffn_dim=4 * shape["n_audio_state"],
        decoder_layers=shape["n_text_layer"],
        decoder_attention_heads=shape["n_text_head"],
        decoder_ffn_dim=4 * shape["n_text_state"],
        max_source_positions=shape["n_audio_ctx"],
        max_target_positions=shape["n_text_ctx"],
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=start,
    )


def _generation(facts: dict[str, list[int]], tokenizer: WhisperTokenizer) -> GenerationConfig:
    end, start, translate, transcribe, previous, plain = tokenizer.convert_tokens_to_ids(
        [
            "<|endoftext|>",
            "<|startoftranscript|>",
            "<|translate|>",
            "<|transcribe|>",
            "<|startofprev|>",
            "<|notimestamps|>",
        ]
    )
    return GenerationConfig(
        is_multilingual=True,
        lang_to_id={tokenizer.convert_ids_to_tokens(number): number for number in facts["lang_ids"]},
        task_to_id={"translate": translate, "transcribe": transcribe},
        no_timestamps_token_id=plain,
        prev_sot_token_id=previous,
        suppress_tokens=facts["suppress_ids"],
        begin_suppress_tokens=facts["suppress_ids_begin"],
        max_initial_timestamp_index=50,
        max_length=448,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=start,
        return_timestamps=False,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
