"""The sample calls with their true words."""

import json
from dataclasses import dataclass
from pathlib import Path

DEMO = Path(__file__).parent
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
