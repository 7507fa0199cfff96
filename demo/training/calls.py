"""Telephone calls of unseen sentences, with their truth in a manifest: `python -m demo.training.calls [FOLDER] [--seed N --count N]`.

Without a seed, the sample calls of `demo/calls`. With a seed, an evaluation set: half of its calls are in voices the
model was never taught, and every third is French.
"""

import argparse
import json
import random
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from demo.training.audio import SAMPLE_RATE, Samples, resample, telephone_band, write
from demo.training.corpus import plan
from demo.training.grammar import Grammar
from demo.training.voices import TAUGHT, UNTAUGHT, Voice, require_synthesisers, speak, trim
from demo.truth import DEMO, MANIFEST, Turn

RATE = 8000
SAMPLE_SEED = 7_000_000
# Numbers differ from sentence to sentence; the name, the product, the problem are the call's.
FREE_SLOTS = frozenset({"digit", "number", "tens", "day", "month"})
LINE_NOISE = 0.0008


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What is said in a call: speaker and sentence of each step, and the speakers' voices."""

    name: str
    language: str
    voices: Mapping[str, Voice]
    lines: tuple[tuple[str, str], ...]
    seed: int

    def channel(self, speaker: str) -> int:
        """The agent is on channel 0, the customer on 1; who speaks alone is on 0."""
        return sorted(self.voices).index(speaker)


@cache
def taught_sentences() -> frozenset[str]:
    """Every text of the training corpus."""
    return frozenset(utterance.text for utterance in plan())


def load_recipes() -> tuple[dict[str, Any], dict[str, Any]]:
    """The sample calls and the flows of `calls.toml`."""
    content = tomllib.loads(Path(__file__).with_name("calls.toml").read_text("utf-8"))
    return content["samples"], content["flows"]


def draw_lines(flow: Mapping[str, Any], slots: Mapping[str, str], rng: random.Random) -> Iterator[tuple[str, str]]:
    """Speaker and sentence of each step; a sentence of the training corpus is drawn again where there are others."""
    grammar = Grammar.load(flow["language"])
    drawn = {name: rng.choice(words) for name, words in grammar.slots.items() if name not in FREE_SLOTS}
    for step in flow["steps"]:
        [(speaker, templates)] = step.items()
        for _ in range(50):
            text = grammar.fill(rng.choice(templates), rng, {**drawn, **slots})
            if text not in taught_sentences():
                break
        yield speaker, text


def sample_scripts() -> Iterator[Script]:
    """The scripts of `demo/calls`."""
    recipes, flows = load_recipes()
    for seed, recipe in enumerate(recipes.values(), SAMPLE_SEED):
        flow = flows[recipe["flow"]]
        yield Script(
            name=recipe["file"],
            language=flow["language"],
            voices={speaker: Voice(**voice) for speaker, voice in recipe["voices"].items()},
            lines=tuple(draw_lines(flow, recipe["slots"], random.Random(seed))),
            seed=seed,
        )


def evaluation_scripts(first_seed: int, count: int) -> Iterator[Script]:
    """Scripts of random content and voices, the same for the same seed."""
    _, flows = load_recipes()
    for number in range(count):
        rng = random.Random(first_seed + number)
        flow = flows["fr" if number % 3 == 2 else "en"]
        group, pool = ("untaught", UNTAUGHT) if number % 2 else ("taught", TAUGHT)
        agent, customer = rng.sample(sorted(set(pool[flow["language"]]), key=str), 2)
        yield Script(
            name=f"{number:02}-{flow['language']}-{group}.wav",
            language=flow["language"],
            voices={"agent": agent, "customer": customer},
            lines=tuple(draw_lines(flow, {}, rng)),
            seed=first_seed + number,
        )


def perform(script: Script) -> tuple[Samples, tuple[Turn, ...]]:
    """Speak a script: samples of shape (channels, frames) at 8 kHz, and when each sentence sounds in them."""
    rng = random.Random(script.seed)
    manners = {speaker: voice.draw_manner(rng) for speaker, voice in script.voices.items()}
    levels = {speaker: np.float32(rng.uniform(0.25, 0.6)) for speaker in script.voices}
    placed: list[tuple[int, int, Samples]] = []
    end, last_speaker = 0, ""
    for speaker, text in script.lines:
        start = end + round(_draw_pause(rng, same_speaker=speaker == last_speaker) * RATE)
        spoken = resample(speak(text, script.voices[speaker], manners[speaker]), SAMPLE_RATE, RATE)
        speech = trim(telephone_band(spoken, RATE)) * levels[speaker]
        placed.append((script.channel(speaker), max(start, 0), speech))
        end, last_speaker = placed[-1][1] + len(speech), speaker
    samples = np.zeros((len(script.voices), end + RATE), np.float32)
    for channel, start, speech in placed:
        samples[channel, start : start + len(speech)] += speech
    noise = np.random.default_rng(script.seed).standard_normal(samples.shape, np.float32)
    turns = tuple(
        Turn(channel=channel, start=round(start / RATE, 3), end=round((start + len(speech)) / RATE, 3), text=text)
        for (channel, start, speech), (_, text) in zip(placed, script.lines, strict=True)
    )
    return samples + np.float32(LINE_NOISE) * noise, turns


def _draw_pause(rng: random.Random, *, same_speaker: bool) -> float:
    """Seconds before the next sentence; now and then the other speaker begins too early."""
    if same_speaker:
        return rng.uniform(0.3, 0.7)
    return -0.25 if rng.random() < 0.15 else rng.uniform(0.4, 1.1)


def make(script: Script, folder: Path) -> dict[str, Any]:
    """Write a call into a folder; what its manifest says of it."""
    samples, turns = perform(script)
    write(folder / script.name, samples, RATE)
    return {"audio": script.name, "language": script.language, "turns": [asdict(turn) for turn in turns]}


def main(arguments: Sequence[str]) -> None:
    """Write the calls into a folder."""
    parser = argparse.ArgumentParser(description="Make telephone calls of unseen sentences, with their truth.")
    parser.add_argument("folder", type=Path, nargs="?", default=DEMO / "calls")
    parser.add_argument("--seed", type=int, help="make an evaluation set from this seed instead of the sample calls")
    parser.add_argument("--count", type=int, default=12, help="calls of the evaluation set (default 12)")
    options = parser.parse_args(arguments)
    require_synthesisers()
    options.folder.mkdir(parents=True, exist_ok=True)
    made = []
    for script in sample_scripts() if options.seed is None else evaluation_scripts(options.seed, options.count):
        unseen = sum(text not in taught_sentences() for _, text in script.lines)
        made.append(make(script, options.folder))
        print(f"{options.folder / script.name}: {len(script.lines)} sentences, {unseen} of them not in the corpus")
    manifest = json.dumps({"recordings": made}, ensure_ascii=False, indent=1)
    (options.folder / MANIFEST).write_text(manifest + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
