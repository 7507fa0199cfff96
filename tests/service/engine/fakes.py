"""A detector and a model that hear pulses: constant samples are speech, and their value says who speaks.

A pulse of value v says the word "wv" every half a second.
"""

import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.engine.decoding import Decoder, Hypothesis
from service.engine.detector import FRAME, Detector, Probabilities
from service.recording import SAMPLE_RATE, Recording
from tests.service.engine.builders import hypothesis, samples

WORD_SECONDS = 0.5
# From this value on, a pulse speaks German.
GERMAN = 2000

Audio = NDArray[np.float32]
# The words that are heard in a window: (value, start, end) each, in seconds of the window.
Said = list[tuple[int, float, float]]


def call(seconds: float, *channels: Sequence[tuple[int, float, float]]) -> Recording:
    """A recording of channels with pulses of (value, start, end)."""
    waves = np.zeros((len(channels), samples(seconds)), np.int16)
    for wave, pulses in zip(waves, channels, strict=True):
        for value, start, end in pulses:
            wave[samples(start) : samples(end)] = value
    return Recording(samples=waves, missing_seconds=0.0, gaps=())


class FakeDetector(Detector):
    """Finds every pulse."""

    def __init__(self) -> None:
        pass

    def probabilities(self, samples: NDArray[np.int16]) -> Probabilities:
        """1 in each frame that is mostly pulse."""
        frames = np.pad(samples != 0, (0, -len(samples) % FRAME)).reshape(-1, FRAME)
        found: Probabilities = (frames.mean(axis=1) > 0.5).astype(np.float32)
        return found


class FakeDecoder(Decoder):
    """Hears every pulse, unless `hear` says otherwise; `judge` gives the measures of a hypothesis."""

    def __init__(
        self,
        *,
        hear: Callable[[Said], Said] = lambda said: said,
        judge: Callable[[dict[str, Any]], Hypothesis] = lambda _: hypothesis(),
    ) -> None:
        self.hear = hear
        self.judge = judge
        self.batches: list[int] = []
        self.options: list[dict[str, Any]] = []
        self._audios: list[Audio] = []
        self._lock = threading.Lock()

    encoder = "fake"
    multilingual = True
    languages = ["de", "en", "fr"]  # noqa: RUF012 -- a property of the real one

    def encode(self, audio: Audio) -> Audio:
        """The number of the audio, in the shape (1, 1)."""
        with self._lock:
            self._audios.append(audio)
            return np.array([[len(self._audios) - 1]], np.float32)

    def detect_languages(self, encodings: Sequence[Audio]) -> list[dict[str, float]]:
        """German or English, by the values of the pulses."""
        return [{"de": 0.97, "en": 0.02} if self._loudest(row) >= GERMAN else {"en": 0.95} for row in encodings]

    def generate(
        self, encodings: Audio, languages: Sequence[str], seconds: Sequence[float], **options: Any
    ) -> list[Hypothesis]:
        """The words' values as tokens."""
        assert set(languages) <= set(self.languages)
        assert len(encodings) == len(languages) == len(seconds)
        with self._lock:
            self.batches.append(len(encodings))
            self.options.append(options)
        found = []
        for row in encodings:
            tokens = [value for value, _, _ in self._said(row)]
            judged = self.judge(options)
            found.append(
                Hypothesis(
                    tokens=tokens,
                    text="".join(f" w{token}" for token in tokens),
                    average_log_probability=judged.average_log_probability,
                    no_speech_probability=judged.no_speech_probability,
                    compression_ratio=judged.compression_ratio,
                    cut_off=judged.cut_off,
                )
            )
        return found

    def align(
        self,
        encodings: Audio,
        languages: Sequence[str],
        texts: Sequence[list[int]],
        seconds: Sequence[float],
        *,
        translate: bool = False,
    ) -> list[list[dict[str, Any]]]:
        """Each word at its time."""
        del translate
        assert len(encodings) == len(languages) == len(texts) == len(seconds)
        return [
            [
                {"word": f" w{value}", "tokens": [value], "start": start, "end": end, "probability": 0.9}
                for value, start, end in self._said(row)
            ]
            for row in encodings
        ]

    def _loudest(self, row: Audio) -> int:
        return round(float(self._audios[int(row[0, 0])].max()) * 32768)

    def _said(self, row: Audio) -> Said:
        audio = np.round(self._audios[int(row[0, 0])] * 32768).astype(int)
        edges = np.flatnonzero(np.diff(audio, prepend=0, append=0))
        said: Said = []
        for start, end in pairwise(edges.tolist()):
            value = int(audio[start])
            if value:
                count = max(1, round((end - start) / SAMPLE_RATE / WORD_SECONDS))
                borders = np.linspace(start, end, count + 1) / SAMPLE_RATE
                said += [(value, a, b) for a, b in pairwise(borders.tolist())]
        return self.hear(said)
