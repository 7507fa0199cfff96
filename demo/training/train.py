"""Training on CPU: `python -m demo.training.train [STAGE …] [--from-scratch] [--minutes M]`.

Stages run in order and continue from the committed checkpoint, or from nothing with `--from-scratch`. Seeds fix what
is drawn; how many steps fit into the minutes, and so the weights, depend on the machine.
"""

import argparse
import math
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from demo.training import corpus
from demo.training.checkpoint import CHECKPOINT, Checkpoint
from demo.training.examples import FULL, MEDIUM, SHORT, WINDOW_FRAMES, Example, Library, Shape
from demo.training.grammar import Grammar
from demo.training.network import Network

WARM_UP_STEPS = 300
LOG_STEPS = 200
IGNORED = -100


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Windows of one shape: how many make a batch, and the share of the steps they take."""

    shape: Shape
    batch: int
    share: float
    # Cheap short windows at random offsets teach every position of the 30 s.
    anywhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage; the rate falls along a cosine to `floor`, the weight of CTC linearly from one to the other."""

    minutes: float
    mixes: tuple[Mix, ...]
    learning_rate: float
    floor: float
    ctc: tuple[float, float]
    guidance: float


STAGES = {
    "short": Stage(
        minutes=14,
        mixes=(Mix(shape=SHORT, batch=32, share=1),),
        learning_rate=2e-3,
        floor=0.6,
        ctc=(2.0, 1.0),
        guidance=2.0,
    ),
    "windows": Stage(
        minutes=30,
        mixes=(Mix(shape=MEDIUM, batch=16, share=1),),
        learning_rate=1.5e-3,
        floor=0.1,
        ctc=(0.3, 0.1),
        guidance=2.0,
    ),
    "full": Stage(
        minutes=85,
        mixes=(Mix(shape=FULL, batch=4, share=0.6), Mix(shape=MEDIUM, batch=16, share=0.4, anywhere=True)),
        learning_rate=8e-4,
        floor=0.02,
        ctc=(0.2, 0.1),
        guidance=1.0,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Examples as tensors, the short ones padded; `guide` and `targets` are one token ahead of `tokens`."""

    mel: Tensor
    frames: Tensor
    tokens: Tensor
    targets: Tensor
    guide: Tensor
    characters: list[Tensor]


def fresh_checkpoint(library: Library) -> Checkpoint:
    """Random weights over the vocabulary of the grammar: its tokens, the control tokens, every time stamp."""
    grammars = [Grammar.load(language) for language in library.tokenizers]
    tokenizer = next(iter(library.tokenizers.values()))
    # Every taught word as the grammar has it and, since babble begins with any of them, capitalised.
    texts = [utterance.text for utterance in corpus.plan()]
    texts += [word[0].upper() + word[1:] for grammar in grammars for word in grammar.words()]
    control = {tokenizer.eot, tokenizer.sot, tokenizer.transcribe, tokenizer.translate}
    control |= {tokenizer.no_speech, tokenizer.no_timestamps, tokenizer.sot_prev}
    control |= {tokenizer.language for tokenizer in library.tokenizers.values()}
    timestamps = range(tokenizer.timestamp_begin, tokenizer.timestamp_begin + WINDOW_FRAMES + 1)
    used = {token for text in texts for token in tokenizer.encode(f" {text}")}
    ids = np.array([*sorted(used), *sorted(control), *timestamps], np.int32)
    characters = "".join(sorted({character for text in texts for character in text.lower()}))
    network = Network(vocabulary=len(ids), characters=len(characters))
    return Checkpoint(weights=network.weights(), ids=ids, characters=characters)


def collate(examples: Sequence[Example], rows: dict[int, int], characters: str, rng: random.Random) -> Batch:
    """Pad examples to the longest; hide a random band of each spectrogram (SpecAugment)."""
    count, width = len(examples), max(len(example.tokens) for example in examples) - 1
    longest = max(example.mel.shape[1] for example in examples)
    mel = torch.zeros(count, examples[0].mel.shape[0], longest)
    tokens, targets = torch.zeros(count, width, dtype=torch.long), torch.full((count, width), IGNORED)
    guide = torch.full((count, width), -1.0)
    for i, example in enumerate(examples):
        spectrogram = torch.from_numpy(example.mel)
        mel[i], mel[i, :, : spectrogram.shape[1]] = spectrogram.min(), spectrogram
        band = rng.randrange(70)
        mel[i, band : band + rng.randrange(12)] = mel[i].mean()
        sequence = torch.tensor([rows[token] for token in example.tokens])
        tokens[i, : len(sequence) - 1], targets[i, : len(sequence) - 1] = sequence[:-1], sequence[1:]
        guide[i, : len(sequence) - 1] = torch.tensor(example.guide[1:])
    return Batch(
        mel=mel,
        frames=torch.tensor([example.mel.shape[1] // 2 for example in examples]),
        tokens=tokens,
        targets=targets,
        guide=guide,
        characters=[
            torch.tensor([characters.index(c) + 1 for c in example.characters], dtype=torch.long)
            for example in examples
        ],
    )


def losses(network: Network, batch: Batch, offset: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cross-entropy of the tokens, CTC per character, and the guidance penalty."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=_has_bfloat16()):
        audio = network.encoder(batch.mel, offset)
        logits, guidance = network.decoder(batch.tokens, audio, batch.guide)
    words = functional.cross_entropy(logits.float().flatten(0, 1), batch.targets.flatten(), ignore_index=IGNORED)
    lengths = torch.tensor([len(text) for text in batch.characters])
    if not lengths.any():
        return words, torch.zeros(()), guidance
    spelled = network.ctc(audio.float()).log_softmax(-1).transpose(0, 1)
    text = torch.cat(batch.characters)
    ctc = functional.ctc_loss(spelled, text, batch.frames, lengths, reduction="sum", zero_infinity=True)
    return words, ctc / lengths.sum(), guidance


def run(stage: Stage, checkpoint: Checkpoint, library: Library, path: Path, *, minutes: float, seed: int) -> Checkpoint:
    """Train for some minutes; the checkpoint is saved to `path` on the way and at the end."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    network = Network.load(checkpoint).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=stage.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    rows = {int(token): row for row, token in enumerate(checkpoint.ids)}
    started, step, sums = time.monotonic(), 0, np.zeros(3)
    while (done := (time.monotonic() - started) / (60 * minutes)) < 1:
        step += 1
        fall = stage.floor + (1 - stage.floor) * 0.5 * (1 + math.cos(math.pi * done))
        for group in optimizer.param_groups:
            group["lr"] = stage.learning_rate * min(1, step / WARM_UP_STEPS) * fall
        [mix] = rng.choices(stage.mixes, [mix.share for mix in stage.mixes])
        free = WINDOW_FRAMES - math.ceil(mix.shape.seconds * WINDOW_FRAMES / 30)
        offset = rng.randrange(free) if mix.anywhere and rng.random() < 0.5 else 0
        examples = [library.draw(mix.shape, rng, offset=offset) for _ in range(mix.batch)]
        words, ctc, guidance = losses(network, collate(examples, rows, checkpoint.characters, rng), offset)
        ctc_weight = stage.ctc[0] * (1 - done) + stage.ctc[1] * done
        optimizer.zero_grad()
        (words + ctc_weight * ctc + stage.guidance * guidance).backward()
        network.hold_constant_feature()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        network.hold_constant_feature()
        sums += [words.item(), ctc.item(), guidance.item()]
        if step % LOG_STEPS == 0:
            means = " ".join(f"{mean:.3f}" for mean in sums / LOG_STEPS)
            print(f"step {step}, {done:.0%}: words, ctc, guidance {means}", flush=True)
            sums[:] = 0
            _checkpoint(network, checkpoint).save(path)
    result = _checkpoint(network, checkpoint)
    result.save(path)
    return result


def _checkpoint(network: Network, like: Checkpoint) -> Checkpoint:
    return Checkpoint(weights=network.weights(), ids=like.ids, characters=like.characters)


def _has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself, which makes a step half as long again faster."""
    facts = Path("/proc/cpuinfo")
    return facts.exists() and "avx512_bf16" in facts.read_text()


def main(arguments: Sequence[str]) -> None:
    """Train, continuing or from scratch."""
    parser = argparse.ArgumentParser(description="Train the demo model on CPU.")
    parser.add_argument("stages", nargs="*", help=f"of {', '.join(STAGES)} (default: full, from scratch: all)")
    parser.add_argument("--from-scratch", action="store_true", help="begin with random weights")
    parser.add_argument("--minutes", type=float, help="minutes per stage (default: the stage's own)")
    parser.add_argument("--corpus", type=Path, default=corpus.FOLDER)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT, help="read, unless from scratch, and written")
    options = parser.parse_args(arguments)
    stages = options.stages or (list(STAGES) if options.from_scratch else ["full"])
    if unknown := set(stages) - set(STAGES):
        parser.error(f"stages: got {', '.join(sorted(unknown))}, expected some of {', '.join(STAGES)}")
    torch.manual_seed(0)
    library = Library(corpus.load(options.corpus))
    checkpoint = fresh_checkpoint(library) if options.from_scratch else Checkpoint.load(options.checkpoint)
    for name in stages:
        stage = STAGES[name]
        print(f"stage {name}", flush=True)
        checkpoint = run(
            stage,
            checkpoint,
            library,
            options.checkpoint,
            minutes=options.minutes or stage.minutes,
            seed=1 + list(STAGES).index(name),
        )


if __name__ == "__main__":
    main(sys.argv[1:])
