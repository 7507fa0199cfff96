"""Training examples: windows of speech drawn at random, with what the decoder should say about them.

An example holds one or more utterances of one language with pauses between, sounds like a telephone half of the
time, and its tokens carry time stamps or not. The engine packs speech into full windows: `FULL` resembles them.
"""

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import Tokenizer
from numpy.typing import NDArray
from tokenizers import Tokenizer as TokenizerFile

from demo.training.audio import SAMPLE_RATE, Samples, telephone_band
from demo.training.corpus import ENGLISH_SHARE, Recorded
from demo.truth import MODEL

FRAMES_PER_SECOND = 50
WINDOW_FRAMES = 30 * FRAMES_PER_SECOND
SECONDS_PER_TIMESTAMP = 0.02
TIMESTAMPS_SHARE = 0.65
TELEPHONE_SHARE = 0.5
MULAW_SHARE = 0.35
# A guide of this value: the token is not spoken anywhere.
NOWHERE = -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How windows are filled: their length, numbers of utterances and pauses (seconds) to choose from."""

    seconds: float
    counts: tuple[int, ...]
    pauses: tuple[float, ...]
    # Windows in which one voice speaks throughout, as on a channel of a call.
    one_voice_share: float = 0.0


SHORT = Shape(seconds=2.5, counts=(1,), pauses=(0.0,))
MEDIUM = Shape(seconds=8, counts=(1, 1, 2, 2, 3, 4), pauses=(0.0, 0.1, 0.3, 0.6, 1.2))
FULL = Shape(
    seconds=30,
    counts=(0, 1, 2, 4, 6, 8, 10, 14, 20),
    pauses=(0.1, 0.3, 0.5, 0.8, 0.8, 1.5, 3.0),
    one_voice_share=0.6,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One window.

    `mel` has the shape (80, 2 x frames). `tokens` begins with Whisper's prompt. `guide` gives for each token the
    encoder frame in which it is spoken, or `NOWHERE`. `characters` is the lower-case text, for CTC.
    """

    mel: NDArray[np.float32]
    tokens: list[int]
    guide: list[float]
    characters: str


class Library:
    """The corpus by language and by voice, and the windows drawn from it."""

    def __init__(self, corpus: Iterable[Recorded]) -> None:
        self._by_voice: dict[str, dict[str, list[Recorded]]] = {"en": defaultdict(list), "fr": defaultdict(list)}
        for recorded in corpus:
            self._by_voice[recorded.utterance.language][recorded.utterance.voice.name].append(recorded)
        self._by_language = {
            language: [recorded for voice in voices.values() for recorded in voice]
            for language, voices in self._by_voice.items()
        }
        file = TokenizerFile.from_file(str(MODEL / "tokenizer.json"))
        self.tokenizers = {
            language: Tokenizer(file, multilingual=True, task="transcribe", language=language)
            for language in self._by_language
        }
        self._features = FeatureExtractor(feature_size=80)

    def draw(self, shape: Shape, rng: random.Random, *, offset: int = 0) -> Example:
        """A random window; `offset` is the encoder frame at which it begins within the 30 s of positions."""
        language = "en" if rng.random() < ENGLISH_SHARE else "fr"
        pool = self._by_language[language]
        if rng.random() < shape.one_voice_share:
            pool = self._by_voice[language][rng.choice(sorted(self._by_voice[language]))]
        placed = _place(pool, shape, rng)
        audio = np.zeros(round(_length(placed, shape, rng) * SAMPLE_RATE), np.float32)
        for start, recorded in placed:
            first = round(start * SAMPLE_RATE)
            audio[first : first + len(recorded.samples)] = recorded.samples / np.float32(32768)
        tokens, guide = self._label(placed, language, offset, timestamps=rng.random() < TIMESTAMPS_SHARE)
        return Example(
            # One frame of padding comes back, beyond the window.
            mel=self._features(_colour(audio, rng))[:, :-1],
            tokens=tokens,
            guide=guide,
            characters=" ".join(recorded.utterance.text.lower() for _, recorded in placed),
        )

    def _label(
        self, placed: Sequence[tuple[float, Recorded]], language: str, offset: int, *, timestamps: bool
    ) -> tuple[list[int], list[float]]:
        tokenizer = self.tokenizers[language]
        if not placed:
            return [tokenizer.sot, tokenizer.no_speech], [NOWHERE, NOWHERE]

        def timestamp(seconds: float) -> int:
            shifted = seconds + offset / FRAMES_PER_SECOND
            return int(tokenizer.timestamp_begin + min(1500, round(shifted / SECONDS_PER_TIMESTAMP)))

        tokens = [tokenizer.sot, tokenizer.language, tokenizer.transcribe]
        tokens += [] if timestamps else [tokenizer.no_timestamps]
        guide = [NOWHERE] * len(tokens)
        for start, recorded in placed:
            end = start + recorded.seconds
            text = tokenizer.encode(f" {recorded.utterance.text}")
            # A token is taken to be spoken in proportion to the letters before it.
            ends = np.cumsum([len(tokenizer.decode([token])) for token in text])
            middles = np.concatenate([[0], ends[:-1]]) / 2 + ends / 2
            times = (start + middles / ends[-1] * (end - 0.1 - start)).tolist()
            tokens += [timestamp(start), *text, timestamp(end)] if timestamps else text
            guide += [start, *times, end] if timestamps else times
        seconds_to_frames = [time * FRAMES_PER_SECOND if time != NOWHERE else NOWHERE for time in guide]
        return [*tokens, tokenizer.eot], [*seconds_to_frames, end * FRAMES_PER_SECOND]


def _place(pool: Sequence[Recorded], shape: Shape, rng: random.Random) -> list[tuple[float, Recorded]]:
    """Start times in seconds and utterances, as many as are wanted and fit."""
    count = rng.choice(shape.counts)
    placed: list[tuple[float, Recorded]] = []
    clock, misses = rng.uniform(0, 0.6), 0
    while len(placed) < count and misses < 6:
        recorded = rng.choice(pool)
        if clock + recorded.seconds > shape.seconds - 0.1:
            misses += 1
            continue
        placed.append((clock, recorded))
        clock += recorded.seconds + rng.choice(shape.pauses)
    return placed


def _length(placed: Sequence[tuple[float, Recorded]], shape: Shape, rng: random.Random) -> float:
    """Seconds of the window: a short one may end soon after the speech, which saves time."""
    if shape is FULL or not placed or rng.random() < 0.5:
        return shape.seconds
    start, last = placed[-1]
    return min(shape.seconds, math.ceil((start + last.seconds) * 2) / 2)


def _colour(audio: Samples, rng: random.Random) -> Samples:
    """The audio at another level, half of the time through a telephone, most of the time with noise."""
    draw = rng.random()
    if draw < TELEPHONE_SHARE:
        audio = telephone_band(audio, SAMPLE_RATE)
    if draw < MULAW_SHARE:
        compressed = np.sign(audio) * np.log1p(255 * np.minimum(np.abs(audio), 1)) / np.log(256)
        compressed = np.round(compressed * 127) / 127
        audio = (np.sign(compressed) * (256 ** np.abs(compressed) - 1) / 255).astype(np.float32)
    louder = audio * np.float32(rng.uniform(0.15, 1.2))
    if rng.random() < 0.6:
        noise = np.random.default_rng(rng.randrange(2**32)).standard_normal(len(audio), np.float32)
        louder += noise * np.float32(10 ** rng.uniform(-4, -1.9))
    return louder
