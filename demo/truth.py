"""The sample calls with their true words, and the word error rate against these."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jiwer

from service.evaluation.error_rates import normalise

DEMO = Path(__file__).parent
MODEL = DEMO / "model"
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A turn of one speaker with its true words; times in seconds of the call."""

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
        """The channels with speech."""
        return tuple(sorted({turn.channel for turn in self.turns}))


def load_calls(folder: Path = DEMO / "calls") -> dict[str, Call]:
    """The calls of a folder by file name, as its manifest lists them; `python -m service evaluate` reads the same."""
    return {
        facts["audio"]: Call(
            path=folder / facts["audio"],
            language=facts["language"],
            turns=tuple(Turn(**turn) for turn in facts["turns"]),
        )
        for facts in json.loads((folder / MANIFEST).read_text("utf-8"))["recordings"]
    }


def word_error_rate(call: Call, segments: Sequence[Mapping[str, Any]]) -> float:
    """Share of a call's words that are wrong in `segments` (`channel`, `text`), each channel against its own."""

    def spoken(channel: int) -> str:
        return normalise(" ".join(turn.text for turn in call.turns if turn.channel == channel))

    def heard(channel: int) -> str:
        return normalise(" ".join(segment["text"] for segment in segments if segment["channel"] == channel))

    rate: float = jiwer.wer(list(map(spoken, call.channels)), list(map(heard, call.channels)))
    return rate
