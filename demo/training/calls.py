"""Telephone calls of unseen sentences, with their truth: `python -m demo.training.calls [FOLDER] [--seed N --count N]`.

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
from pathlib import Path
from typing import Any

import numpy as np

from demo.training.audio import SAMPLE_RATE, Samples, resample, telephone_band, write
from demo.training.corpus import plan
from demo.training.grammar import Grammar
from demo.training.voices import TAUGHT, UNTAUGHT, Voice, require_synthesisers, speak
from demo.truth import DEMO, Turn

RATE = 8000
CHANNELS = {"agent": 0, "customer": 1}
# Numbers differ from sentence to sentence; the name, the product, the problem are the call's.
FREE_SLOTS = frozenset({"digit", "number", "tens", "day", "month"})
SAMPLE_SEED = 7_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Samples of shape (channels, frames) at 8 kHz, and what is said in them, by start."""

    language: str
    samples: Samples
    turns: tuple[Turn, ...]

    def save(self, path: Path) -> None:
        """Write the audio (µ-law WAV or MP3, by suffix) and its truth beside it as JSON."""
        write(path, self.samples, RATE)
        truth = {"language": self.language, "turns": [asdict(turn) for turn in self.turns]}
        path.with_suffix(".json").write_text(json.dumps(truth, ensure_ascii=False, indent=1) + "\n", "utf-8")


def taught_sentences() -> frozenset[str]:
    """Every text of the training corpus."""
    return frozenset(utterance.text for utterance in plan())


def script(
    flow: Mapping[str, Any], slots: Mapping[str, str], taught: frozenset[str], rng: random.Random
) -> Iterator[tuple[str, str]]:
    """Speaker and sentence of each step; sentences are drawn until they are not `taught`, where there are others."""
    grammar = Grammar.load(flow["language"])
    drawn = {name: rng.choice(words) for name, words in grammar.slots.items() if name not in FREE_SLOTS}
    for step in flow["steps"]:
        [(speaker, templates)] = step.items()
        for _ in range(50):
            text = grammar.fill(rng.choice(templates), rng, {**drawn, **slots})
            if text not in taught:
                break
        yield speaker, text


def perform(
    language: str, lines: Sequence[tuple[str, str]], voices: Mapping[str, Voice], rng: random.Random
) -> Performance:
    """Speak the lines in turn: short pauses within a turn, longer ones or a slight overlap between two speakers."""
    manners = {speaker: voice.draw_manner(rng) for speaker, voice in voices.items()}
    levels = {speaker: rng.uniform(0.25, 0.6) for speaker in voices}
    channels = CHANNELS if len(voices) == 2 else dict.fromkeys(voices, 0)
    placed: list[tuple[int, int, Samples]] = []
    turns: list[Turn] = []
    clock, last_speaker = 0.6, ""
    for speaker, text in lines:
        if last_speaker:
            overlaps = speaker != last_speaker and rng.random() < 0.15
            clock += -0.25 if overlaps else rng.uniform(0.3, 0.7) if speaker == last_speaker else rng.uniform(0.4, 1.1)
        speech = resample(speak(text, voices[speaker], manners[speaker]), SAMPLE_RATE, RATE) * levels[speaker]
        first = round(clock * RATE)
        placed.append((channels[speaker], first, speech))
        clock = (first + len(speech)) / RATE
        turns.append(Turn(channel=channels[speaker], start=round(first / RATE, 3), end=round(clock, 3), text=text))
        last_speaker = speaker
    samples = np.zeros((len(voices), round((clock + 0.8) * RATE)), np.float32)
    for channel, first, speech in placed:
        samples[channel, first : first + len(speech)] += speech
    noise = np.random.default_rng(rng.randrange(2**32)).standard_normal(samples.shape, np.float32)
    return Performance(language=language, samples=telephone_band(samples, RATE) + 0.0008 * noise, turns=tuple(turns))


def sample_calls() -> Iterator[tuple[str, Performance]]:
    """The calls of `demo/calls`: file name and call."""
    recipes, flows = _load()
    taught = taught_sentences()
    for number, recipe in enumerate(recipes.values()):
        rng = random.Random(SAMPLE_SEED + number)
        flow = flows[recipe["flow"]]
        speakers = sorted({speaker for step in flow["steps"] for speaker in step})
        programs = [voice.split(":") for voice in recipe["voices"]]
        voices = {
            speaker: Voice(program=program, name=name)
            for speaker, (program, name) in zip(speakers, programs, strict=True)
        }
        lines = list(script(flow, recipe["slots"], taught, rng))
        yield recipe["file"], perform(flow["language"], lines, voices, rng)


def evaluation_calls(seed: int, count: int) -> Iterator[tuple[str, Performance]]:
    """Calls of random content and voices, the same for the same seed: file name and call."""
    _, flows = _load()
    taught = taught_sentences()
    for number in range(count):
        rng = random.Random(seed + number)
        flow = flows["fr" if number % 3 == 2 else "en"]
        language = flow["language"]
        kind, pool = ("untaught", UNTAUGHT) if number % 2 else ("taught", TAUGHT)
        agent, customer = rng.sample(sorted(set(pool[language]), key=str), 2)
        lines = list(script(flow, {}, taught, rng))
        call = perform(language, lines, {"agent": agent, "customer": customer}, rng)
        yield f"{number:02}-{language}-{kind}.wav", call


def _load() -> tuple[dict[str, Any], dict[str, Any]]:
    content = tomllib.loads(Path(__file__).with_name("calls.toml").read_text("utf-8"))
    return content["samples"], content["flows"]


def main(arguments: Sequence[str]) -> None:
    """Write the calls into a folder."""
    parser = argparse.ArgumentParser(description="Make telephone calls of unseen sentences, with their truth.")
    parser.add_argument("folder", type=Path, nargs="?", default=DEMO / "calls")
    parser.add_argument("--seed", type=int, help="make an evaluation set from this seed instead of the sample calls")
    parser.add_argument("--count", type=int, default=12, help="calls of the evaluation set (default 12)")
    options = parser.parse_args(arguments)
    require_synthesisers()
    options.folder.mkdir(parents=True, exist_ok=True)
    calls = sample_calls() if options.seed is None else evaluation_calls(options.seed, options.count)
    for name, call in calls:
        call.save(options.folder / name)
        print(f"{options.folder / name}: {len(call.turns)} sentences, {call.samples.shape[1] / RATE:.1f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
