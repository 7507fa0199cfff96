"""Windows → hypotheses → words → segments: a recording in, its transcript out.

A batch mixes the channels of a call. Several calls may run at once from several threads: the model takes their batches
in turn, so that a short call does not wait for the end of a long one.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from service.engine import model, sources
from service.engine.account import outside, repetition, unheard
from service.engine.decoding import Decoder, Hypothesis
from service.engine.detector import Detector
from service.engine.gates import MAX_TRIES, fallbacks, parts_to_repeat, passes
from service.engine.languages import DOUBTFUL_SECONDS, Languages
from service.engine.segments import Passage, make_segments
from service.engine.sound import Channel, Span, Speech, listen
from service.engine.windows import Window, pack
from service.engine.words import HeardWord, read_words
from service.errors import ModelLacksLanguage, UnknownLanguage
from service.recording import Recording
from service.settings import Settings
from service.transcript import UNDETERMINED, Transcript, Unheard

Progress = Callable[[float], None]


class Cancelled(Exception):
    """Raised by a progress callback to stop a call between two batches."""


@dataclass(slots=True, kw_only=True)
class Call:
    """The state of a call while it is transcribed."""

    recording: Recording
    languages: Languages
    pending: deque[Window] = field(default_factory=deque)
    passages: list[Passage] = field(default_factory=list)
    unheard: list[Unheard] = field(default_factory=list)
    heard: dict[int, Channel] = field(default_factory=dict)


class Engine:
    """A loaded Whisper model, and the way of calls through it. Safe to use from several threads."""

    def __init__(self, *, decoder: Decoder, detector: Detector, settings: Settings) -> None:
        self._decoder = decoder
        self._detector = detector
        self._settings = settings

    @classmethod
    def load(cls, settings: Settings, *, download: sources.Download | None = None) -> "Engine":
        """Load the model that the settings name, with `download` from S3.

        Raises:
            ModelError: there is no such model, or it does not know the languages that callers speak.
        """
        decoder = Decoder(model.load(settings, download=download), beam_size=settings.beam_size)
        for language in settings.spoken_languages:
            if language not in decoder.languages:
                raise ModelLacksLanguage(language=language, known=decoder.languages)
        return cls(decoder=decoder, detector=Detector(), settings=settings)

    def check_language(self, language: str) -> None:
        """Raise `UnknownLanguage` if the model does not know the language; empty means "detect it"."""
        if language and language not in self._decoder.languages:
            raise UnknownLanguage(language=language, known=self._decoder.languages)

    def transcribe(
        self, recording: Recording, *, language: str = "", words: bool = False, progress: Progress = lambda _: None
    ) -> Transcript:
        """Transcribe every channel of a recording.

        Args:
            recording: samples of shape (channels, frames).
            language: ISO 639 code; empty takes the settings' language, or detects it.
            words: whether the transcript shows its words' times.
            progress: called after each batch with the share done, 0 to 1, which never falls; may raise `Cancelled`.
        """
        self.check_language(language)
        given = (language or self._settings.language) if self._decoder.multilingual else "en"
        call = Call(
            recording=recording, languages=Languages(given=given, allowed=frozenset(self._settings.spoken_languages))
        )
        call.pending = deque(self._windows(call))
        done = share = 0.0
        while call.pending:
            batch = [call.pending.popleft() for _ in range(min(self._settings.batch_size, len(call.pending)))]
            self._transcribe_batch(call, batch)
            done += sum(window.duration for window in batch)
            # Speech that is transcribed again adds work.
            share = max(share, done / (done + sum(window.duration for window in call.pending)))
            progress(share)
        return _transcript(call, words=words)

    def _windows(self, call: Call) -> list[Window]:
        """The windows of all channels in call order, the doubtful ones last."""
        windows: list[Window] = []
        for channel in call.recording.distinct_channels():
            samples = call.recording.samples[channel]
            found = listen(samples, self._detector)
            call.heard[channel] = found
            for speech, doubtful in ((found.speech, False), (found.doubtful, True)):
                windows += pack(
                    speech,
                    channel=channel,
                    length=len(samples),
                    longest_seconds=self._settings.window_seconds,
                    doubtful=doubtful,
                )
        return sorted(windows, key=lambda window: (window.doubtful, window.spans[0].start))

    def _transcribe_batch(self, call: Call, batch: Sequence[Window]) -> None:
        encoded = self._decoder.encode([window.audio(call.recording.samples[window.channel]) for window in batch])
        for language, chosen in self._by_language(call, batch, encoded).items():
            rows = encoded if len(chosen) == len(batch) else encoded[chosen]
            windows = [batch[index] for index in chosen]
            for index, (window, heard) in enumerate(zip(windows, self._hear(rows, windows, language), strict=True)):
                hypothesis, words = self._accept(rows[index : index + 1], window, language, *heard)
                self._settle(call, window, language, hypothesis, words)

    def _by_language(self, call: Call, batch: Sequence[Window], encoded: NDArray[np.float32]) -> dict[str, list[int]]:
        """The indices of a batch's windows, by language."""
        if call.languages.given:
            return {call.languages.given: list(range(len(batch)))}
        votes = self._decoder.detect_languages(encoded)
        seconds = [DOUBTFUL_SECONDS if window.doubtful else window.speech_seconds for window in batch]
        chosen: dict[str, list[int]] = {}
        for index, language in enumerate(call.languages.vote(votes, seconds)):
            chosen.setdefault(language, []).append(index)
        return chosen

    def _hear(
        self, encoded: NDArray[np.float32], windows: Sequence[Window], language: str, **options: object
    ) -> list[tuple[Hypothesis, list[HeardWord]]]:
        """The hypothesis and the words of each window, all in one language."""
        durations = [window.duration for window in windows]
        hypotheses = self._decoder.generate(encoded, language, durations, **options)
        alignments = self._decoder.align(encoded, language, [found.tokens for found in hypotheses], durations)
        return [
            (hypothesis, read_words(alignment, window))
            for window, hypothesis, alignment in zip(windows, hypotheses, alignments, strict=True)
        ]

    def _accept(
        self,
        encoded: NDArray[np.float32],
        window: Window,
        language: str,
        first: Hypothesis,
        words: list[HeardWord],
    ) -> tuple[Hypothesis, list[HeardWord]]:
        """The first hypothesis that passes the gates, with its words; a guess is not kept, so there may be none."""
        if first.silent:
            return first, []
        if passes(window, first, words):
            return first, words
        for options in fallbacks(window):
            ((hypothesis, words),) = self._hear(encoded, [window], language, **options)
            if not hypothesis.silent and passes(window, hypothesis, words) and not unheard(window, words):
                return hypothesis, words
        return first, []

    def _settle(
        self, call: Call, window: Window, language: str, hypothesis: Hypothesis, words: Sequence[HeardWord]
    ) -> None:
        """Keep the words of a window; speech without words is transcribed again, or named."""
        repeated = repetition(window, words) if window.tries < MAX_TRIES else []
        words = outside(words, repeated)
        if words:
            call.passages.append(
                Passage(
                    channel=window.channel,
                    words=tuple(words),
                    average_log_probability=hypothesis.average_log_probability,
                    language=language,
                )
            )
        self._again(call, window, [[speech] for speech in repeated], tries=MAX_TRIES)
        left = [speech for speech in unheard(window, words) if not any(speech.within(own) for own in repeated)]
        if window.doubtful or not left:
            return
        parts = parts_to_repeat(window, left)
        if not parts:
            call.unheard += [_unheard(window.channel, speech) for speech in left]
        self._again(call, window, parts, tries=window.tries + 1)

    def _again(self, call: Call, window: Window, parts: Sequence[Sequence[Speech]], *, tries: int) -> None:
        """Put parts of a window in front of the windows to come."""
        for part in reversed(parts):
            again = pack(
                part,
                channel=window.channel,
                length=call.recording.samples.shape[1],
                longest_seconds=self._settings.window_seconds,
                tries=tries,
            )
            call.pending.extendleft(reversed(again))


def _transcript(call: Call, *, words: bool) -> Transcript:
    segments = make_segments(call.passages)
    for channel in call.heard.keys() - {segment.channel for segment in segments}:
        # Without any word even a short sound is worth a look.
        call.unheard = [span for span in call.unheard if span.channel != channel]
        found = call.heard[channel]
        call.unheard += [_unheard(channel, sound.certain) for sound in (*found.speech, *found.sounds)]
    languages = call.languages
    if not languages.known:
        guess = languages.language
        segments = [replace(s, language=UNDETERMINED) if s.language == guess else s for s in segments]
    return Transcript(
        language=languages.language if segments and languages.known else UNDETERMINED,
        language_probability=languages.probability if segments else 0.0,
        duration=call.recording.duration,
        channels=call.recording.channels,
        segments=tuple(segments),
        missing_seconds=call.recording.missing_seconds,
        gaps=call.recording.gaps,
        unheard=tuple(sorted(call.unheard, key=lambda span: (span.start, span.channel))),
        duplicate_channels=call.recording.duplicate_channels,
        show_words=words,
    )


def _unheard(channel: int, speech: Span) -> Unheard:
    return Unheard(channel=channel, start=speech.start_seconds, end=speech.end_seconds)
