"""The training corpus: utterances planned from a seed, then spoken: `python -m demo.training.corpus [FOLDER]`.

The plan (language, text, voice, manner) is the same on every machine, and its digest is tested; the sound depends
on the versions of espeak-ng and flite.
"""

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demo.training.audio import SAMPLE_RATE
from demo.training.grammar import Grammar
from demo.training.voices import TAUGHT, Voice, require_synthesisers, speak

SEED = 1
UTTERANCES = 24_000
ENGLISH_SHARE = 0.72
SENTENCE_SHARE = 0.6
# Each chunk of utterances has its own seed, so that any of them can be planned and spoken on its own.
CHUNK = 100
# What a voice detector leaves around speech, in samples.
SILENCE_BEFORE, SILENCE_AFTER = SAMPLE_RATE // 20, SAMPLE_RATE // 10
FOLDER = Path("build/corpus")


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """What is said, and how."""

    language: str
    text: str
    voice: Voice
    manner: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An utterance and its sound: 16-bit samples at 16 kHz, shape (frames,)."""

    utterance: Utterance
    samples: NDArray[np.int16]

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / SAMPLE_RATE


def plan(seed: int = SEED, count: int = UTTERANCES) -> Iterator[Utterance]:
    """`count` utterances, the same for the same seed; seeds closer than `count / CHUNK` share some."""
    grammars = {language: Grammar.load(language) for language in TAUGHT}
    for first in range(0, count, CHUNK):
        rng = random.Random(seed + first // CHUNK)
        for _ in range(min(CHUNK, count - first)):
            language = "en" if rng.random() < ENGLISH_SHARE else "fr"
            grammar = grammars[language]
            text = grammar.sentence(rng) if rng.random() < SENTENCE_SHARE else grammar.babble(rng)
            voice = rng.choice(TAUGHT[language])
            yield Utterance(language=language, text=text, voice=voice, manner=voice.draw_manner(rng))


def record(utterance: Utterance) -> NDArray[np.int16]:
    """Speak an utterance."""
    samples = speak(utterance.text, utterance.voice, utterance.manner)
    return np.round(np.pad(samples, (SILENCE_BEFORE, SILENCE_AFTER)) * 0.7 * 32767).astype(np.int16)


def make(folder: Path, *, count: int = UTTERANCES) -> None:
    """Speak the plan's first utterances into `folder`: one long array, and where each utterance ends in it."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor() as pool:
        sounds = list(pool.map(record, plan(count=count), chunksize=CHUNK))
    np.save(folder / "samples.npy", np.concatenate(sounds))
    np.save(folder / "ends.npy", np.cumsum([len(sound) for sound in sounds]))


def load(folder: Path) -> list[Recorded]:
    """The utterances that `make` spoke into `folder`."""
    samples: NDArray[np.int16] = np.load(folder / "samples.npy", mmap_mode="r")
    ends = np.load(folder / "ends.npy")
    sounds = np.split(samples, ends[:-1])
    return [Recorded(utterance=u, samples=sound) for u, sound in zip(plan(count=len(ends)), sounds, strict=True)]


def main(arguments: Sequence[str]) -> None:
    """Make the corpus."""
    parser = argparse.ArgumentParser(description="Speak the training corpus.")
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    parser.add_argument(
        "--count", type=int, default=UTTERANCES, help="utterances (default %(default)s, about 13 hours)"
    )
    options = parser.parse_args(arguments)
    require_synthesisers()
    make(options.folder, count=options.count)


if __name__ == "__main__":
    main(sys.argv[1:])
