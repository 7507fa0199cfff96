"""Golden recordings: calls whose words are known, listed in a manifest beside their audio."""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from service.errors import BadGateData
from service.evaluation.normalisation import normalise
from service.evaluation.storage import Storage, beside, parse_json
from service.evaluation.turns import TimedTurn
from service.settings import LANGUAGES

# The manifest's fields: type, rule, and the rule's wording.
FIELDS: dict[str, tuple[type, Callable[[Any], bool], str]] = {
    "recordings": (list, bool, "a list with at least one recording"),
    "audio": (str, bool, "the audio's file name beside the manifest"),
    "language": (str, LANGUAGES.__contains__, "an ISO 639 code that Whisper knows"),
    "turns": (list, lambda _: True, "a list, empty if the recording has no speech"),
    "channel": (int, lambda number: number >= 0, "a channel, counted from 0"),
    "text": (str, bool, "the words of the turn"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of a call, its text normalised, with its start and end in seconds of the call if they are known."""

    channel: int
    text: str
    times: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenRecording:
    """A recording with its reference; `audio` is a location, `number` its position in the manifest."""

    number: int
    audio: str
    language: str
    turns: tuple[Turn, ...]

    @property
    def field(self) -> str:
        """The recording in error messages, which must not contain its name."""
        return f"recordings[{self.number}]"

    def reference(self, channel: int) -> list[str]:
        """The texts of a channel's turns, in order; one empty text if the channel is silent."""
        return [turn.text for turn in self.turns if turn.channel == channel] or [""]

    def timed_turns(self) -> list[TimedTurn] | None:
        """All turns in call order, or None if the times of some are not known."""
        timed = [
            TimedTurn(channel=turn.channel, text=turn.text, start=turn.times[0], end=turn.times[1])
            for turn in self.turns
            if turn.times
        ]
        if not timed or len(timed) < len(self.turns):
            return None
        return sorted(timed, key=lambda turn: (turn.start, turn.channel))

    def digest(self, audio: bytes) -> str:
        """SHA-256 of audio and reference: two runs compare only recordings that agree in both."""
        turns = [(turn.channel, turn.text, turn.times) for turn in self.turns]
        reference = json.dumps([self.language, turns]).encode()
        return hashlib.sha256(hashlib.sha256(audio).digest() + reference).hexdigest()


def read_manifest(location: str, *, storage: Storage) -> list[GoldenRecording]:
    """The golden recordings of a manifest.

    Raises:
        BadGateData: the manifest is missing or a field of it has a wrong value.
    """
    manifest = parse_json(storage.read(location, field="MANIFEST"), location=location, field="MANIFEST")
    return [
        _recording(entry, number=number, location=location)
        for number, entry in enumerate(_field(manifest, "recordings"))
    ]


def read_audio(golden: GoldenRecording, *, storage: Storage) -> bytes:
    """The bytes of a golden recording's audio file; raises `BadGateData` if it does not exist."""
    content = storage.read(golden.audio, field=f"{golden.field}.audio")
    if content is None:
        raise BadGateData(
            field=f"{golden.field}.audio", message="does not exist", expected="a recording beside the manifest"
        )
    return content


def _recording(entry: Any, *, number: int, location: str) -> GoldenRecording:
    path = f"recordings[{number}]."
    audio, language = _field(entry, "audio", path), _field(entry, "language", path)
    return GoldenRecording(
        number=number,
        audio=beside(location, audio),
        language=language,
        turns=tuple(
            _turn(turn, f"{path}turns[{index}].", language=language)
            for index, turn in enumerate(_field(entry, "turns", path))
        ),
    )


def _turn(entry: Any, path: str, *, language: str) -> Turn:
    channel, text = _field(entry, "channel", path), _field(entry, "text", path)
    return Turn(channel=channel, text=normalise(text, language=language), times=_times(entry, path))


def _times(entry: Mapping[str, Any], path: str) -> tuple[float, float] | None:
    if entry.get("start") is None and entry.get("end") is None:
        return None
    start, end = _seconds(entry.get("start")), _seconds(entry.get("end"))
    if not 0 <= start < end < math.inf:
        expected = "start and end of the turn in seconds of the recording, or neither"
        raise BadGateData(field=f"{path}start", message="is invalid", expected=expected)
    return start, end


def _seconds(value: Any) -> float:
    # `isinstance` would accept True as a time.
    return float(value) if type(value) in {int, float} else math.nan


def _field(holder: Any, name: str, path: str = "") -> Any:
    kind, fits, expected = FIELDS[name]
    value = holder.get(name) if isinstance(holder, dict) else None
    # `isinstance` would accept True as a channel.
    if type(value) is not kind or not fits(value):
        raise BadGateData(field=f"{path}{name}", message="is missing or invalid", expected=expected)
    return value
