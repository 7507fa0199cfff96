"""The model, window by window or in batches: encodings, languages, hypotheses, and the alignment of text and sound."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens
from numpy.typing import NDArray

from service.engine.encoders import Encoder

MAX_COMPRESSION_RATIO = 2.4
MIN_AVERAGE_LOG_PROBABILITY = -1.0
NO_SPEECH_PROBABILITY = 0.6
FRAMES_PER_SECOND = 100
# More tokens than a person can say are a loop, which is not worth decoding to its end.
TOKENS_PER_SECOND, SPARE_TOKENS = 12, 24
# The most tokens that the model takes of a text before a window; Whisper learned from no more.
CONTEXT_TOKENS = 223

# Shape (positions, width).
Encoding = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    """The model's text for one window, and its own measures of it; `cut_off` if the text ran into its limit.

    The `temperature` is 0 unless the text was sampled.
    """

    tokens: list[int]
    text: str
    average_log_probability: float
    no_speech_probability: float
    compression_ratio: float
    cut_off: bool
    temperature: float = 0.0

    @property
    def repetitive(self) -> bool:
        """Whether the text repeats itself more than people usually do."""
        return self.cut_off or self.compression_ratio > MAX_COMPRESSION_RATIO

    @property
    def guessed(self) -> bool:
        """Whether the model is uncertain of the whole text."""
        return self.average_log_probability < MIN_AVERAGE_LOG_PROBABILITY

    @property
    def silent(self) -> bool:
        """Whether the window has no speech after all."""
        return not self.text.strip() or (self.no_speech_probability > NO_SPEECH_PROBABILITY and self.guessed)


class Decoder:
    """A loaded model. Safe to use from several threads."""

    # Of the encoder's windows: one length for all, so that windows of different calls fit into one batch and the
    # encoder is compiled once. Whisper learned from windows of 30 s: with much less, or without silence at the end, it
    # loses its way.
    FRAMES = 2900

    def __init__(self, model: WhisperModel, *, encoder: Encoder, beam_size: int) -> None:
        self._model = model
        self._encoder = encoder
        self._beam_size = beam_size
        self._tokenizers: dict[tuple[str, bool], Tokenizer] = {}

    @property
    def encoder(self) -> str:
        """The runtime, version and arithmetic of the encoder."""
        return self._encoder.name

    @property
    def multilingual(self) -> bool:
        """Whether the model knows other languages than English."""
        return bool(self._model.model.is_multilingual)

    @property
    def languages(self) -> list[str]:
        """ISO 639 codes of the languages that the model knows."""
        return list(self._model.supported_languages)

    def encode(self, audio: NDArray[np.float32]) -> Encoding:
        """Encode a window, shape (frames,), with the silence after it that Whisper expects."""
        return self._encoder.encode(self._features(audio))

    def detect_languages(self, encodings: Sequence[Encoding]) -> list[dict[str, float]]:
        """The probability of each language, by ISO 639 code, for each window."""
        votes = self._model.model.detect_language(_view(np.stack(encodings)))
        return [{token.strip("<|>"): share for token, share in vote} for vote in votes]

    def generate(
        self,
        encodings: NDArray[np.float32],
        languages: Sequence[str],
        seconds: Sequence[float],
        *,
        translate: bool = False,
        context: str = "",
        **options: Any,
    ) -> list[Hypothesis]:
        """The most probable text of each window of so many seconds, in its language.

        Without the model's own timestamps: they end packed windows early and glue turns together, and the alignment
        is more exact.

        Args:
            encodings: shape (windows, positions, width).
            languages: ISO 639 code of each window.
            seconds: of audio in each window.
            translate: whether the text is English instead.
            context: that the model takes for the text before each window; only its end if it is too long.
            options: of CTranslate2's `generate`.
        """
        tokenizers = [self._tokenizer(language, translate=translate) for language in languages]
        before = _context(tokenizers[0], context) if context else []
        prompts = [self._model.get_prompt(tokenizer, before, without_timestamps=True) for tokenizer in tokenizers]
        rooms = [self._room(duration) for duration in seconds]
        longest = max(map(len, prompts))
        # CTranslate2 decodes as many tokens as half of this length, or as it leaves after the prompt if that is less.
        length = min(self._model.max_length, max(2 * max(rooms), longest + max(rooms)))
        most = min(length // 2, length - longest)
        results = self._model.model.generate(
            _view(encodings),
            prompts,
            suppress_tokens=list(get_suppressed_tokens(tokenizers[0], [-1])),
            max_length=length,
            return_scores=True,
            return_no_speech_prob=True,
            **({"beam_size": self._beam_size} | options),
        )
        return [
            best_hypothesis(
                result,
                tokenizer,
                max_tokens=min(most, room),
                temperature=options.get("sampling_temperature", 0.0),
            )
            for result, tokenizer, room in zip(results, tokenizers, rooms, strict=True)
        ]

    def align(
        self,
        encodings: NDArray[np.float32],
        languages: Sequence[str],
        texts: Sequence[list[int]],
        seconds: Sequence[float],
        *,
        translate: bool = False,
    ) -> list[list[dict[str, Any]]]:
        """The words of each window as `{word, tokens, start, end, probability}`, times in seconds of the window.

        Raises:
            AssertionError: the aligned words are not exactly the tokens of the text.
        """
        frames = [min(2 * encodings.shape[1], int(duration * FRAMES_PER_SECOND) + 1) for duration in seconds]
        aligned: dict[int, list[dict[str, Any]]] = {}
        for indices in _alike(languages):
            found = self._model.find_alignment(
                self._tokenizer(languages[indices[0]], translate=translate),
                [list(texts[index]) for index in indices],
                _view(encodings[indices]),
                [frames[index] for index in indices],
            )
            for index, words in zip(indices, found, strict=True):
                if [token for word in words for token in word["tokens"]] != texts[index]:
                    raise AssertionError("the aligned words have other tokens than the text")
                aligned[index] = words
        return [aligned[index] for index in range(len(texts))]

    def _features(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log-mel features, shape (mels, frames)."""
        features = self._model.feature_extractor(audio)[:, : self.FRAMES]
        # Silence is the floor of the features, as it was after the audio in Whisper's training.
        room = ((0, 0), (0, self.FRAMES - features.shape[1]))
        padded: NDArray[np.float32] = np.pad(features, room, constant_values=features.min())
        return padded

    def _room(self, seconds: float) -> int:
        """The most tokens of a window's text."""
        return SPARE_TOKENS + round(TOKENS_PER_SECOND * seconds)

    def _tokenizer(self, language: str, *, translate: bool) -> Tokenizer:
        """The tokenizer of a language and a task; kept, because it computes its list of non-speech tokens."""
        key = language, translate
        if key not in self._tokenizers:
            task = "translate" if translate else "transcribe"
            self._tokenizers[key] = Tokenizer(self._model.hf_tokenizer, self.multilingual, task=task, language=language)
        return self._tokenizers[key]


def best_hypothesis(
    result: ctranslate2.models.WhisperGenerationResult,
    tokenizer: Tokenizer,
    *,
    max_tokens: int,
    temperature: float = 0.0,
) -> Hypothesis:
    """Read the model's best hypothesis."""
    tokens = [token for token in result.sequences_ids[0] if token < tokenizer.eot]
    text = tokenizer.decode(tokens)
    plain = text.encode()
    return Hypothesis(
        tokens=tokens,
        text=text,
        # The score is an average over the text's tokens; the end token counts too.
        average_log_probability=result.scores[0] * len(tokens) / (len(tokens) + 1),
        no_speech_probability=result.no_speech_prob,
        compression_ratio=len(plain) / len(zlib.compress(plain)) if plain else 0.0,
        cut_off=len(tokens) >= max_tokens,
        temperature=temperature,
    )


def _context(tokenizer: Tokenizer, text: str) -> list[int]:
    """The end of a text as tokens, without the special ones, which a caller could spell."""
    tokens: list[int] = tokenizer.encode(f" {text.strip()}")
    return [token for token in tokens if token < tokenizer.eot][-CONTEXT_TOKENS:]


def _view(encodings: NDArray[np.float32]) -> ctranslate2.StorageView:
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(encodings))


def _alike(keys: Sequence[str]) -> list[list[int]]:
    """The indices of equal keys, together."""
    found: dict[str, list[int]] = {}
    for index, key in enumerate(keys):
        found.setdefault(key, []).append(index)
    return list(found.values())
