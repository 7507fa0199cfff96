"""Windows → hypotheses → words → segments: a recording in, its transcript out.

A round of a call's windows, of all its channels, keeps all workers busy. Several calls may run at once from several
threads: the workers take their windows in turn.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import accumulate

from service import processor
from service.engine import loading, sources
from service.engine.account import outside, repetition, unheard
from service.engine.decoding import Decoder, Encoding, Hypothesis
from service.engine.detector import Detector
from service.engine.final import FinalSegments, Listener
from service.engine.gates import MAX_TRIES, parts_to_repeat
from service.engine.guidance import UNGUIDED, Guidance
from service.engine.languages import DOUBTFUL_SECONDS, Languages
from service.engine.method import EXACT, GATED
from service.engine.segments import Passage, make_segments
from service.engine.sound import Channel, Span, Speech, listen
from service.engine.windows import Window, pack
from service.engine.words import HeardWord, read_words
from service.engine.workers import Hearing, Workers
from service.errors import ModelCannotTranslate, ModelLacksLanguage, UnknownLanguage
from service.recording import Recording
from service.settings import Settings
from service.transcript import UNDETERMINED, Transcript, Unheard

Progress = Callable[[float], None]

# Models whose names have one of these words know many languages, but were not trained to translate.
NO_TRANSLATORS = ("turbo", "distil")


class Cancelled(Exception):
    """Raised by a progress callback to stop a call."""


@dataclass(slots=True, kw_only=True)
class Call:
    """The state of a call while it is transcribed."""

    recording: Recording
    languages: Languages
    progress: Progress = lambda _: None
    guidance: Guidance = UNGUIDED
    pending: deque[Window] = field(default_factory=deque)
    working: Sequence[Window] = ()
    done_seconds: float = 0.0
    share: float = 0.0
    passages: list[Passage] = field(default_factory=list)
    unheard: list[Unheard] = field(default_factory=list)
    heard: dict[int, Channel] = field(default_factory=dict)

    def tell(self, encoded: float = 0.0) -> None:
        """Tell the share that is done, with so many seconds of the windows in work encoded, which is half of their work."""
        left = sum(window.duration for window in (*self.working, *self.pending))
        # Speech that is transcribed again adds work.
        self.share = max(self.share, (self.done_seconds + encoded / 2) / (self.done_seconds + left))
        self.progress(self.share)


class Engine:
    """A loaded Whisper model, and the way of calls through it. Safe to use from several threads."""

    def __init__(self, *, decoder: Decoder, detector: Detector, settings: Settings) -> None:
        self._decoder = decoder
        self._detector = detector
        self._settings = settings
        self._method = EXACT if settings.exact else GATED
        self._workers = Workers(decoder, count=processor.workers(settings), batch_size=settings.batch_size)

    @classmethod
    def load(cls, settings: Settings, *, download: sources.Download | None = None) -> "Engine":
        """Load the model that the settings name, with `download` from S3.

        Raises:
            ModelError: there is no such model, or it does not know the languages that callers speak.
        """
        decoder = loading.load(settings, download=download)
        for language in settings.spoken_languages:
            if language not in decoder.languages:
                raise ModelLacksLanguage(language=language, known=decoder.languages)
        return cls(decoder=decoder, detector=Detector(), settings=settings)

    @property
    def encoder(self) -> str:
        """The runtime, version and arithmetic of the model's encoder."""
        return self._decoder.encoder

    def check_language(self, language: str) -> None:
        """Raise `UnknownLanguage` if the model does not know the language; empty means "detect it"."""
        if language and language not in self._decoder.languages:
            raise UnknownLanguage(language=language, known=self._decoder.languages)

    def busy_seconds(self) -> float:
        """How long the batch of windows that is the longest in work has been so; 0 if there is none."""
        return self._workers.busy_seconds

    def check_guidance(self, guidance: Guidance) -> None:
        """Raise `UnknownLanguage` or `ModelCannotTranslate` if the model cannot follow it."""
        for language in sorted(guidance.languages.difference(self._decoder.languages)):
            raise UnknownLanguage(language=language, known=self._decoder.languages, field="languages")
        model = self._settings.model
        if guidance.translate and (not self._decoder.multilingual or any(word in model for word in NO_TRANSLATORS)):
            raise ModelCannotTranslate

    def transcribe(
        self,
        recording: Recording,
        *,
        language: str = "",
        words: bool = False,
        guidance: Guidance = UNGUIDED,
        progress: Progress = lambda _: None,
        listener: Listener | None = None,
    ) -> Transcript:
        """Transcribe every channel of a recording.

        Args:
            recording: samples of shape (channels, frames).
            language: ISO 639 code; empty takes the settings' language, or detects it.
            words: whether the transcript shows its words' times.
            guidance: the caller's wishes.
            progress: called with the share done, 0 to 1, which never falls, whenever a window has been encoded or heard;
                may raise `Cancelled`.
            listener: told of each segment in call order, as soon as it is final; then the first rounds are short, and
                doubtful sounds wait for their turn, not for the end.
        """
        self.check_language(language)
        self.check_guidance(guidance)
        default = "" if guidance.languages else self._settings.language
        call = Call(
            recording=recording,
            languages=Languages(
                given=(language or default) if self._decoder.multilingual else "en",
                allowed=guidance.languages or frozenset(self._settings.spoken_languages),
            ),
            guidance=guidance,
            progress=progress,
        )
        told = FinalSegments(listener) if listener else None
        call.pending = deque(self._windows(call, doubtful_last=not told))
        most = self._workers.windows_at_once
        # A listener hears something after a short round. Of a single window the language could be a guess.
        size = min(most, max(2, most // self._settings.batch_size)) if told else most
        while call.pending:
            call.working = [call.pending.popleft() for _ in range(min(size, len(call.pending)))]
            size = min(2 * size, most)
            self._transcribe_windows(call)
            call.done_seconds += sum(window.duration for window in call.working)
            call.working = ()
            call.tell()
            if told:
                earliest = min((window.spans[0].start_seconds for window in call.pending), default=math.inf)
                told.tell(call.passages, until=earliest)
        return _transcript(call, words=words)

    def _listen(self, recording: Recording) -> dict[int, Channel]:
        """The sounds of each channel; several channels are heard at once."""
        channels = recording.distinct_channels()
        with ThreadPoolExecutor(processor.threads(self._settings)) as threads:
            heard = threads.map(lambda channel: listen(recording.samples[channel], self._detector), channels)
        return dict(zip(channels, heard, strict=True))

    def _windows(self, call: Call, *, doubtful_last: bool = True) -> list[Window]:
        """The windows of all channels in call order; the doubtful ones last, so that the call's language is known."""
        windows: list[Window] = []
        call.heard = self._listen(call.recording)
        for channel, found in call.heard.items():
            samples = call.recording.samples[channel]
            doubtful_sounds = found.doubtful if self._method.doubtful else ()
            for speech, doubtful in ((found.speech, False), (doubtful_sounds, True)):
                windows += pack(
                    speech,
                    channel=channel,
                    length=len(samples),
                    longest_seconds=self._settings.window_seconds,
                    contiguous=self._method.contiguous,
                    doubtful=doubtful,
                    tries=self._method.tries,
                )
        return sorted(windows, key=lambda window: (window.doubtful and doubtful_last, window.spans[0].start))

    def _transcribe_windows(self, call: Call) -> None:
        windows = call.working
        encoded = accumulate(window.duration for window in windows)
        encodings = self._workers.encode(
            [window.audio(call.recording.samples[window.channel]) for window in windows],
            each=lambda: call.tell(next(encoded)),
        )
        languages = self._languages_of(call, windows, encodings)
        hearings = [
            Hearing(encoding=encoding, language=language, seconds=window.duration, options=call.guidance.first_try)
            for encoding, language, window in zip(encodings, languages, windows, strict=True)
        ]
        accepted = self._accepted(call, hearings)
        for window, language, (hypothesis, words) in zip(windows, languages, accepted, strict=True):
            self._settle(call, window, language, hypothesis, words)

    def _languages_of(self, call: Call, windows: Sequence[Window], encodings: Sequence[Encoding]) -> list[str]:
        if call.languages.given:
            return [call.languages.given] * len(windows)
        seconds = [DOUBTFUL_SECONDS if window.doubtful else window.speech_seconds for window in windows]
        return call.languages.vote(self._decoder.detect_languages(encodings), seconds)

    def _accepted(self, call: Call, hearings: Sequence[Hearing]) -> list[tuple[Hypothesis, list[HeardWord]]]:
        """Each window's first hypothesis that passes the gates, with its words; a guess is not kept: no words."""
        accepted: list[tuple[Hypothesis, list[HeardWord]]] = []
        failed: list[int] = []
        windows = call.working
        for index, (hypothesis, words) in enumerate(self._hear(call, hearings, windows)):
            passed = self._method.passes(windows[index], hypothesis, words)
            accepted.append((hypothesis, words if passed else []))
            if not passed and not hypothesis.silent:
                failed.append(index)
        alternatives = {index: deque(self._method.fallbacks(windows[index])) for index in failed}
        while failed := [index for index in failed if alternatives[index]]:
            again = [
                replace(hearings[index], options={**call.guidance.every_try, **alternatives[index].popleft()})
                for index in failed
            ]
            found = dict(zip(failed, self._hear(call, again, [windows[index] for index in failed]), strict=True))
            for index, (hypothesis, words) in found.items():
                window = windows[index]
                if self._method.passes(window, hypothesis, words) and not unheard(window, words):
                    accepted[index] = hypothesis, words
                    failed.remove(index)
        return accepted

    def _hear(
        self, call: Call, hearings: Sequence[Hearing], windows: Sequence[Window]
    ) -> list[tuple[Hypothesis, list[HeardWord]]]:
        heard = self._workers.hear(hearings, each=call.tell)
        return [
            (hypothesis, read_words(alignment, window))
            for window, (hypothesis, alignment) in zip(windows, heard, strict=True)
        ]

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
                    start=window.spans[0].start_seconds,
                    words=tuple(words),
                    hypothesis=hypothesis,
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
