"""The sample calls with what was really said, and the word error rate against it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jiwer

DEMO = Path(__file__).parent
MODEL = DEMO / "model"

# Case, punctuation and hyphens are no errors: telephone speech has none.
NORMALISE = jiwer.Compose(
    [
        jiwer.ToLowerCase(),
        jiwer.SubstituteRegexes({"[-']": " ", r"[^\w\s]": ""}),
        jiwer.RemoveMultipleSpaces(),
        jiwer.Strip(),
        jiwer.ReduceToListOfListOfWords(),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one speaker really said; times in seconds of the call."""

    channel: int
    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A sample call and its truth."""

    path: Path
    language: str
    turns: tuple[Turn, ...]

    @property
    def channels(self) -> tuple[int, ...]:
        """The channels on which somebody speaks."""
        return tuple(sorted({turn.channel for turn in self.turns}))


def load_calls(folder: Path = DEMO / "calls") -> dict[str, Call]:
    """The calls of a folder by file name; the truth of `NAME.wav` is in `NAME.json`."""
    calls: dict[str, Call] = {}
    for truth in sorted(folder.glob("*.json")):
        facts = json.loads(truth.read_text())
        (path,) = (path for path in folder.glob(f"{truth.stem}.*") if path != truth)
        calls[path.name] = Call(
            path=path, language=facts["language"], turns=tuple(Turn(**turn) for turn in facts["turns"])
        )
    return calls


def word_error_rate(call: Call, segments: Sequence[Mapping[str, Any]]) -> float:
    """Share of a call's words that are wrong in `segments` (`channel`, `text`), each channel against its own."""

    def spoken(channel: int) -> str:
        return " ".join(turn.text for turn in call.turns if turn.channel == channel)

    def heard(channel: int) -> str:
        return " ".join(segment["text"] for segment in segments if segment["channel"] == channel)

    rate: float = jiwer.wer(
        [spoken(channel) for channel in call.channels],
        [heard(channel) for channel in call.channels],
        reference_transform=NORMALISE,
        hypothesis_transform=NORMALISE,
    )
    return rate
