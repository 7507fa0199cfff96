"""Speech windows → token batches → segments: a recording goes in, its transcript comes out.

A batch mixes the channels of a call. Several threads may transcribe at once: the model takes their batches in turn, so
that a short call does not wait for a long one to end.
"""

import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens, merge_punctuations
from numpy.typing import NDArray

from service.engine import model, sources
from service.engine.windows import Window, find_speech, pack
from service.errors import UnknownLanguage
from service.recording import Recording
from service.settings import Settings
from service.transcript import UNDETERMINED, Segment, Transcript, Word

# Whisper's temperature fallback: a window that fails a quality check is sampled again at higher temperatures.
FALLBACK_TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)
SAMPLES_PER_TEMPERATURE = 5
MAX_COMPRESSION_RATIO = 2.4
MIN_AVERAGE_LOG_PROBABILITY = -1.0
NO_SPEECH_PROBABILITY = 0.6
SECONDS_PER_TIMESTAMP = 0.02
WINDOW_FRAMES = 3000
FRAMES_PER_SECOND = 100
PREPENDED_PUNCTUATION = "\"'“¿([{-"
APPENDED_PUNCTUATION = "\"'.。,，!！?？:：”)]}、"  # noqa: RUF001 - full-width marks are meant
# The most windows that vote on a call's language.
LANGUAGE_WINDOWS = 4

Progress = Callable[[float], None]


class Cancelled(Exception):
    """Raised by a progress callback to stop a call between two batches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """The model's hypothesis for one window."""

    tokens: list[int]
    average_log_probability: float
    no_speech_probability: float
    compression_ratio: float

    @property
    def failed(self) -> bool:
        """Whether the hypothesis is repetitive or improbable."""
        return self.compression_ratio > MAX_COMPRESSION_RATIO or self._guessed

    @property
    def silent(self) -> bool:
        """Whether the window holds no speech, although the detector found some."""
        return self.no_speech_probability > NO_SPEECH_PROBABILITY and self._guessed

    @property
    def _guessed(self) -> bool:
        return self.average_log_probability < MIN_AVERAGE_LOG_PROBABILITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """Text tokens between two timestamps; times in seconds of the window."""

    start: float
    end: float
    tokens: list[int]


class Engine:
    """A loaded Whisper model that transcribes recordings. Safe to use from several threads."""

    def __init__(self, *, model: WhisperModel, settings: Settings) -> None:
        self._model = model
        self._settings = settings
        self._tokenizers: dict[str, Tokenizer] = {}

    @classmethod
    def load(cls, settings: Settings, *, download: sources.Download | None = None) -> "Engine":
        """Load the model that the settings name, with `download` from S3; raises `ModelError` if there is none."""
        return cls(model=model.load(settings, download=download), settings=settings)

    def check_language(self, language: str) -> None:
        """Raise `UnknownLanguage` if the model does not know the language; empty means "detect it"."""
        if language and language not in self._model.supported_languages:
            raise UnknownLanguage(language=language, known=self._model.supported_languages)

    def transcribe(
        self, recording: Recording, *, language: str = "", words: bool = False, progress: Progress = lambda _: None
    ) -> Transcript:
        """Transcribe every channel of a recording.

        Args:
            recording: samples of shape (channels, frames).
            language: ISO 639 code; empty takes the settings' language, or detects it once for the call.
            words: whether to add the times of each word.
            progress: called after each batch with the completed share, 0 to 1; may raise `Cancelled`.
        """
        self.check_language(language)
        pending = deque(self._windows(recording))
        total = sum(window.duration for window in pending)
        language, probability = self._language(recording, pending, language or self._settings.language)
        segments: list[Segment] = []
        while pending:
            batch = [pending.popleft() for _ in range(min(self._settings.batch_size, len(pending)))]
            found, tails = self._transcribe_batch(recording, batch, language, words=words)
            segments += found
            pending.extendleft(reversed(tails))
            progress(1 - sum(window.duration for window in pending) / total)
        return Transcript(
            language=language,
            language_probability=probability,
            duration=recording.duration,
            channels=recording.channels,
            segments=tuple(sorted(segments, key=lambda segment: (segment.start, segment.channel))),
            missing_seconds=recording.missing_seconds,
            gaps=recording.gaps,
        )

    def _windows(self, recording: Recording) -> list[Window]:
        # A model may be trained on shorter windows than 30 s; its preprocessor's configuration gives their length.
        longest = min(self._settings.window_seconds, self._model.feature_extractor.chunk_length)
        windows: list[Window] = []
        for channel in recording.distinct_channels():
            speech = find_speech(recording.samples[channel], max_seconds=longest)
            windows += pack(speech, channel=channel, max_seconds=longest)
        return sorted(windows, key=lambda window: window.spans[0].start)

    def _language(self, recording: Recording, windows: Sequence[Window], language: str) -> tuple[str, float]:
        if not windows:
            return language or UNDETERMINED, 0.0
        if not self._model.model.is_multilingual:
            return "en", 1.0
        if language:
            return language, 1.0
        # The longest windows identify the language best; both speakers of a call speak the same one.
        best = sorted(windows, key=lambda window: -window.duration)[:LANGUAGE_WINDOWS]
        votes = self._model.model.detect_language(self._model.encode(self._features(recording, best)))
        shares: dict[str, float] = {}
        for vote in votes:
            for token, probability in vote:
                shares[token] = shares.get(token, 0.0) + probability / len(votes)
        token = max(shares, key=shares.__getitem__)
        return token.strip("<|>"), shares[token]

    def _tokenizer(self, language: str) -> Tokenizer:
        """The tokenizer of a language, cached because computing its non-speech tokens takes time."""
        if language not in self._tokenizers:
            self._tokenizers[language] = Tokenizer(
                self._model.hf_tokenizer, self._model.model.is_multilingual, task="transcribe", language=language
            )
        return self._tokenizers[language]

    def _features(self, recording: Recording, windows: Sequence[Window]) -> NDArray[np.float32]:
        """Log-mel features of the windows, shape (windows, mels, 3000)."""
        return np.stack([self._window_features(recording, window) for window in windows])

    def _window_features(self, recording: Recording, window: Window) -> NDArray[np.float32]:
        features = self._model.feature_extractor(window.audio(recording.samples[window.channel]))[:, :WINDOW_FRAMES]
        # Whisper was trained on audio padded with silence, which has the lowest feature value.
        room = ((0, 0), (0, WINDOW_FRAMES - features.shape[1]))
        padded: NDArray[np.float32] = np.pad(features, room, constant_values=features.min())
        return padded

    def _transcribe_batch(
        self, recording: Recording, batch: Sequence[Window], language: str, *, words: bool
    ) -> tuple[list[Segment], list[Window]]:
        """Segments of the windows, and the tails of windows that the model did not reach the end of."""
        tokenizer = self._tokenizer(language)
        features = self._features(recording, batch)
        encoded = self._model.encode(features)
        results = [
            self._fall_back(features[index], tokenizer, result) if result.failed and not result.silent else result
            for index, result in enumerate(self._generate(encoded, tokenizer, count=len(batch)))
        ]
        utterances = [
            [] if result.silent else split_utterances(result.tokens, tokenizer.timestamp_begin, window.duration)
            for window, result in zip(batch, results, strict=True)
        ]
        spoken = self._words(encoded, tokenizer, batch, utterances) if words else [()] * len(batch)

        segments: list[Segment] = []
        tails: list[Window] = []
        for window, result, said, heard in zip(batch, results, utterances, spoken, strict=True):
            own_words = deque(heard)
            segments += [
                Segment(
                    channel=window.channel,
                    start=window.to_call_time(utterance.start),
                    end=window.to_call_time(utterance.end, is_end=True),
                    text=text,
                    average_log_probability=result.average_log_probability,
                    words=take_words(own_words, utterance, window),
                )
                for utterance in said
                if (text := tokenizer.decode(utterance.tokens).strip())
            ]
            if said and ends_open(result.tokens, tokenizer.timestamp_begin) and (tail := window.after(said[-1].end)):
                tails.append(tail)
        return segments, tails

    def _generate(
        self, encoded: ctranslate2.StorageView, tokenizer: Tokenizer, *, count: int, temperature: float = 0.0
    ) -> list[Hypothesis]:
        how: dict[str, Any] = {"beam_size": self._settings.beam_size}
        if temperature:
            how = {
                "beam_size": 1,
                "num_hypotheses": SAMPLES_PER_TEMPERATURE,
                "sampling_topk": 0,
                "sampling_temperature": temperature,
            }
        results = self._model.model.generate(
            encoded,
            [self._model.get_prompt(tokenizer, [])] * count,
            suppress_tokens=list(get_suppressed_tokens(tokenizer, [-1])),
            max_length=self._model.max_length,
            return_scores=True,
            return_no_speech_prob=True,
            **how,
        )
        return [best_hypothesis(result, tokenizer) for result in results]

    def _fall_back(self, features: NDArray[np.float32], tokenizer: Tokenizer, first: Hypothesis) -> Hypothesis:
        encoded = self._model.encode(features)
        tried = [first]
        for temperature in FALLBACK_TEMPERATURES:
            tried += self._generate(encoded, tokenizer, count=1, temperature=temperature)
            if not tried[-1].failed:
                return tried[-1]
        sane = [result for result in tried if result.compression_ratio <= MAX_COMPRESSION_RATIO]
        return max(sane or tried, key=lambda result: result.average_log_probability)

    def _words(
        self,
        encoded: ctranslate2.StorageView,
        tokenizer: Tokenizer,
        batch: Sequence[Window],
        utterances: Sequence[Sequence[Utterance]],
    ) -> list[list[dict[str, Any]]]:
        """Per window its words as `{word, tokens, start, end, probability}`, times in seconds of the window."""
        texts = [[token for utterance in said for token in utterance.tokens] for said in utterances]
        frames = [min(WINDOW_FRAMES, ceil(window.duration) * FRAMES_PER_SECOND) for window in batch]
        alignments: list[list[dict[str, Any]]] = self._model.find_alignment(tokenizer, texts, encoded, frames)
        for alignment in alignments:
            merge_punctuations(alignment, PREPENDED_PUNCTUATION, APPENDED_PUNCTUATION)
        return alignments


def best_hypothesis(result: ctranslate2.models.WhisperGenerationResult, tokenizer: Tokenizer) -> Hypothesis:
    """The best of the hypotheses that CTranslate2 returns for a window."""
    tokens = result.sequences_ids[0]
    text = tokenizer.decode(tokens).encode()
    return Hypothesis(
        tokens=tokens,
        # The score is an average over the tokens and the end token.
        average_log_probability=result.scores[0] * len(tokens) / (len(tokens) + 1),
        no_speech_probability=result.no_speech_prob,
        compression_ratio=len(text) / len(zlib.compress(text)),
    )


def split_utterances(tokens: Sequence[int], timestamp_begin: int, duration: float) -> list[Utterance]:
    """Cut a window's tokens at its timestamps; text without a closing timestamp lasts to the window's end.

    >>> split_utterances([100, 7, 8, 150, 150, 9], 100, 3.0)
    [Utterance(start=0.0, end=1.0, tokens=[7, 8]), Utterance(start=1.0, end=3.0, tokens=[9])]
    """
    utterances: list[Utterance] = []
    start, text = 0.0, list[int]()
    for token in tokens:
        if token < timestamp_begin:
            text.append(token)
            continue
        time = min((token - timestamp_begin) * SECONDS_PER_TIMESTAMP, duration)
        if text:
            utterances.append(Utterance(start=start, end=max(time, start), tokens=text))
            text = []
        start = time
    if text:
        utterances.append(Utterance(start=start, end=max(duration, start), tokens=text))
    return utterances


def ends_open(tokens: Sequence[int], timestamp_begin: int) -> bool:
    """Whether the tokens end with two timestamps, with which Whisper signals that more speech follows."""
    return len(tokens) > 2 and min(tokens[-2:]) >= timestamp_begin


def take_words(heard: deque[dict[str, Any]], utterance: Utterance, window: Window) -> tuple[Word, ...]:
    """Remove the words of an utterance from the front of `heard`; returns them in call time, within the utterance."""

    def clamp(seconds: float) -> float:
        return min(max(seconds, utterance.start), utterance.end)

    words: list[Word] = []
    left = len(utterance.tokens)
    while heard and left > 0:
        word = heard.popleft()
        left -= len(word["tokens"])
        if word["word"].strip():
            words.append(
                Word(
                    start=window.to_call_time(clamp(word["start"])),
                    end=window.to_call_time(clamp(word["end"]), is_end=True),
                    text=word["word"].strip(),
                    probability=float(word["probability"]),
                )
            )
    return tuple(words)
