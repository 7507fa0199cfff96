"""Recordings whose words are known: the shared corpus of real voices, if it is there, and the project's sample calls."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from service.evaluation.golden import GoldenRecording, Turn
from service.evaluation.normalisation import normalise
from service.recording import Recording, decode
from service.settings import LANGUAGES, Settings

ROOT = Path(__file__).parent.parent
SAMPLE_CALLS = ROOT / "demo" / "calls"
# Transcripts by the source of a clip, or published texts; others were written down from a recogniser's output.
TRUSTED_ORIGINS = ("source", "standard")
TELEPHONE_RATE = 8_000

SHARED_CALLS, SAMPLES, CLIPS = "shared calls", "sample calls", "clips"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A recording with its truth, and the groups that it belongs to."""

    kind: str
    name: str
    path: Path
    band: str
    seconds: float
    golden: GoldenRecording

    def decode(self) -> Recording:
        """Its samples; of a clip, whose text does not tell channels apart, only those of the first channel."""
        recording = _decode(self.path)
        if self.kind != CLIPS:
            return recording
        return Recording(samples=recording.samples[:1], missing_seconds=0.0, gaps=())


def speech_folder() -> Path | None:
    """The folder of the shared corpus, from `SPEECH` or beside the checkout; None if it is not there."""
    folder = Path(os.environ.get("SPEECH") or ROOT.parent / "shared" / "speech")
    return folder if (folder / "manifest.json").exists() else None


def shared_calls(folder: Path) -> list[Case]:
    """The two-channel calls of the corpus, composed of real voices, with the truth of each turn."""
    return [
        _case(SHARED_CALLS, path.with_suffix(".wav"), json.loads(path.read_text("utf-8")))
        for path in sorted((folder / "calls").glob("*.json"))
    ]


def sample_calls() -> list[Case]:
    """The project's own sample calls."""
    entries = json.loads((SAMPLE_CALLS / "manifest.json").read_text("utf-8"))["recordings"]
    return [_case(SAMPLES, SAMPLE_CALLS / entry["audio"], entry) for entry in entries]


def clips(folder: Path) -> list[Case]:
    """The clips of the corpus with a trusted transcript."""
    return [
        _case(CLIPS, folder / clip["file"], clip | {"turns": [{"channel": 0, "text": clip["text"]}]})
        for clip in json.loads((folder / "manifest.json").read_text("utf-8"))["clips"]
        if clip["text_origin"] in TRUSTED_ORIGINS
    ]


def some(cases: Sequence[Case], number: int) -> list[Case]:
    """About this many of the cases, evenly spread over the sorted list, so that every group keeps its share."""
    chosen = np.linspace(0, len(cases) - 1, min(number, len(cases))).round().astype(int)
    ordered = sorted(cases, key=lambda case: (case.golden.language, case.band, case.name))
    return [ordered[index] for index in chosen]


def _case(kind: str, path: Path, entry: dict[str, Any]) -> Case:
    language = entry["language"] if entry["language"] in LANGUAGES else ""
    rate = entry.get("sample_rate") or _sample_rate(path)
    golden = GoldenRecording(
        number=0, audio=str(path), language=language, turns=tuple(_turns(entry["turns"], language))
    )
    return Case(
        kind=kind,
        name=path.stem,
        path=path,
        band="8 kHz" if rate == TELEPHONE_RATE else "wide",
        seconds=float(entry.get("duration_s") or 0),
        golden=golden,
    )


def _turns(turns: Sequence[dict[str, Any]], language: str) -> Iterator[Turn]:
    for turn in turns:
        times = (turn["start"], turn["end"]) if "start" in turn else None
        yield Turn(channel=turn["channel"], text=normalise(turn["text"], language=language), times=times)


def _sample_rate(path: Path) -> int:
    with av.open(str(path)) as container:
        return container.streams.audio[0].rate


def _decode(path: Path) -> Recording:
    with path.open("rb") as file:
        return decode(file, settings=Settings(), name=path.name)
