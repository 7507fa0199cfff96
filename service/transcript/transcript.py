"""What was said: words, segments, the transcript of one recording, and its renderings."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Self

from service.recording import Gap

FORMATS = ("json", "text", "srt", "vtt")

# ISO 639-2's code for "undetermined": a recording without speech has no language.
UNDETERMINED = "und"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One word, with its times in seconds of the recording and the model's probability (0 to 1)."""

    start: float
    end: float
    text: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One stretch of speech on one channel, counted from 0; times in seconds of the recording."""

    channel: int
    start: float
    end: float
    text: str
    average_log_probability: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """The transcript of one recording, its segments in call order.

    `duration` and `missing_seconds` are in seconds; `missing_seconds` is what the recording promised and
    could not be decoded, `gaps` says where.
    """

    language: str
    language_probability: float
    duration: float
    channels: int
    segments: tuple[Segment, ...]
    missing_seconds: float = 0.0
    gaps: tuple[Gap, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether some of the recording is missing from the transcript."""
        return self.missing_seconds > 0

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The transcript that `to_dict` wrote, as exact as that."""
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
            "segments": [segment_dict(segment) for segment in self.segments],
        }


def segment_dict(segment: Segment) -> dict[str, Any]:
    """A segment as plain JSON types; `words` only where they were asked for."""
    plain: dict[str, Any] = {
        "channel": segment.channel,
        "start": round(segment.start, 2),
        "end": round(segment.end, 2),
        "text": segment.text,
        "average_log_probability": round(segment.average_log_probability, 4),
    }
    if segment.words:
        plain["words"] = [
            {
                "start": round(word.start, 2),
                "end": round(word.end, 2),
                "text": word.text,
                "probability": round(word.probability, 4),
            }
            for word in segment.words
        ]
    return plain


def render(transcript: Transcript, form: str) -> str:
    """Render as one of `FORMATS`, without a trailing newline.

    `json` is one line; in the others a speaker is named where the recording has several channels.
    """
    match form:
        case "json":
            return json.dumps(transcript.to_dict(), ensure_ascii=False)
        case "text":
            return "\n".join(_spoken(transcript))
        case "srt":
            cues = (
                f"{number}\n{_clock(segment.start, ',')} --> {_clock(segment.end, ',')}\n{line}\n"
                for number, (segment, line) in enumerate(
                    zip(transcript.segments, _spoken(transcript), strict=True), start=1
                )
            )
            return "\n".join(cues)
        case "vtt":
            cues = (
                f"{_clock(segment.start, '.')} --> {_clock(segment.end, '.')}\n{_voice(transcript, segment)}\n"
                for segment in transcript.segments
            )
            return "\n".join(["WEBVTT\n", *cues])
        case _:
            raise ValueError(f"format: got {form!r}, expected one of {', '.join(FORMATS)}")


def _spoken(transcript: Transcript) -> Iterator[str]:
    for segment in transcript.segments:
        yield f"Channel {segment.channel}: {segment.text}" if transcript.channels > 1 else segment.text


def _voice(transcript: Transcript, segment: Segment) -> str:
    text = escape(segment.text, quote=False)
    return f"<v Channel {segment.channel}>{text}" if transcript.channels > 1 else text


def _clock(seconds: float, decimal_mark: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{decimal_mark}{milliseconds % 1000:03}"
