"""A recording's transcript and its parts; `to_dict` and `from_dict` are their JSON form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from service.contract import Outcome
from service.recording import DuplicateChannel, Gap

# ISO 639-2's code for "undetermined": a recording without speech has no language.
UNDETERMINED = "und"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word, with its times in seconds of the recording and the model's probability (0 to 1)."""

    start: float
    end: float
    text: str
    probability: float

    def to_dict(self) -> dict[str, Any]:
        """The word as plain JSON types."""
        return {
            "start": round(self.start, 2),
            "end": round(self.end, 2),
            "text": self.text,
            "probability": round(self.probability, 4),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How the model came to a segment: its tokens, and its measures of the window that it decoded at once.

    Attributes:
        window_start: in seconds of the recording.
        tokens: of the segment's text.
        temperature: 0 unless the text was sampled.
        compression_ratio: of the window's text; high if it repeats itself.
        no_speech_probability: that the window holds no speech, 0 to 1.
    """

    window_start: float
    tokens: tuple[int, ...]
    temperature: float
    compression_ratio: float
    no_speech_probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One stretch of speech on one channel, counted from 0; times in seconds of the recording, language as ISO 639 code.

    The JSON form leaves out its `decoding`.
    """

    channel: int
    start: float
    end: float
    text: str
    average_log_probability: float
    language: str = ""
    words: tuple[Word, ...] = ()
    decoding: Decoding | None = None

    def to_dict(self, *, words: bool) -> dict[str, Any]:
        """The segment as plain JSON types, with its words on request."""
        plain: dict[str, Any] = {
            "channel": self.channel,
            "start": round(self.start, 2),
            "end": round(self.end, 2),
            "text": self.text,
            "average_log_probability": round(self.average_log_probability, 4),
            "language": self.language,
        }
        if words and self.words:
            plain["words"] = [word.to_dict() for word in self.words]
        return plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Unheard:
    """A stretch of a channel with speech, or a sound like speech, but without words; in seconds of the recording."""

    channel: int
    start: float
    end: float

    def to_dict(self) -> dict[str, Any]:
        """The stretch as plain JSON types."""
        return {"channel": self.channel, "start": round(self.start, 2), "end": round(self.end, 2)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """The transcript of one recording, its segments in call order.

    `duration` is in seconds. `missing_seconds` of audio, which the container announced, could not be decoded; `gaps`
    are their positions. `unheard` has sounds like speech that gave no words. The `duplicate_channels` repeat other
    channels and were not transcribed. Segments may know their words without `show_words`, which adds them to the JSON form.
    """

    language: str
    language_probability: float
    duration: float
    channels: int
    segments: tuple[Segment, ...]
    missing_seconds: float = 0.0
    gaps: tuple[Gap, ...] = ()
    unheard: tuple[Unheard, ...] = ()
    duplicate_channels: tuple[DuplicateChannel, ...] = ()
    show_words: bool = False

    @property
    def partial(self) -> bool:
        """Whether the transcript lacks a part of the recording."""
        return self.missing_seconds > 0

    @property
    def unheard_seconds(self) -> float:
        """The length of all that is unheard, on every channel."""
        return sum(span.end - span.start for span in self.unheard)

    @property
    def outcome(self) -> Outcome:
        """How the call ended; `SUCCEEDED` only if nothing of it is missing and every sound like speech has words."""
        if self.partial:
            return Outcome.PARTIAL
        return Outcome.UNHEARD if self.unheard else Outcome.SUCCEEDED

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The transcript that `to_dict` wrote, with times rounded as there."""
        return cls(
            language=plain["language"],
            language_probability=plain["language_probability"],
            duration=plain["duration"],
            channels=plain["channels"],
            segments=tuple(
                Segment(**segment | {"words": tuple(Word(**word) for word in segment.get("words", ()))})
                for segment in plain["segments"]
            ),
            missing_seconds=plain["missing_seconds"],
            gaps=tuple(Gap(**gap) for gap in plain["gaps"]),
            unheard=tuple(Unheard(**span) for span in plain.get("unheard", ())),
            duplicate_channels=tuple(
                DuplicateChannel(**duplicate) for duplicate in plain.get("duplicate_channels", ())
            ),
            show_words=any("words" in segment for segment in plain["segments"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """The transcript as plain JSON types."""
        return {
            "language": self.language,
            "language_probability": round(self.language_probability, 4),
            "duration": round(self.duration, 3),
            "channels": self.channels,
            "partial": self.partial,
            "missing_seconds": round(self.missing_seconds, 3),
            "gaps": [{"start": round(gap.start, 3), "end": round(gap.end, 3)} for gap in self.gaps],
            "unheard": [span.to_dict() for span in self.unheard],
            "duplicate_channels": [
                {"channel": duplicate.channel, "of": duplicate.of} for duplicate in self.duplicate_channels
            ],
            "segments": [segment.to_dict(words=self.show_words) for segment in self.segments],
        }
