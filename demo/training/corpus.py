"""The training corpus: utterances planned from a seed, then spoken.

The plan (language, text, voice, manner) is the same on every machine, and its digest is tested; the sound depends
on the versions of espeak-ng and flite.
"""

import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.training.audio import SAMPLE_RATE
from demo.training.grammar import Grammar
from demo.training.voices import TAUGHT, Voice, speak

TRAINING_SEED, TRAINING_UTTERANCES = 0, 24_000
VALIDATION_SEED, VALIDATION_UTTERANCES = 0, 600

ENGLISH_SHARE = 0.72
SENTENCE_SHARE = 0.6
# Each chunk of utterances has its own seed, so that any of them can be planned and spoken on its own.
CHUNK = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """What is said, and how."""

    language: str
    text: str
    voice: Voice
    manner: tuple[str, ...]


def plan(seed: int, count: int) -> Iterator[Utterance]:
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
