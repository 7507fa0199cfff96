"""Real voices by name, and calls made of them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from service.recording import SAMPLE_RATE, decode
from service.settings import Settings
from tests.words.sounds import Sound, at_level

SPEECH_DECIBELS = -22


class Voices:
    """The folder of real voices, and its list of clips."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        clips = json.loads((folder / "manifest.json").read_text())["clips"]
        self._clips = {Path(clip["file"]).name: clip for clip in clips}

    def path(self, name: str) -> Path:
        """The file of a clip."""
        return self.folder / "clips" / name

    def text(self, *names: str) -> str:
        """The words of clips."""
        return " ".join(self._clips[name]["text"] for name in names)

    def names(self, language: str, count: int, *, seed: int) -> list[str]:
        """Clips of a language that last 2 to 12 s and whose words are known."""
        found = [
            name
            for name, clip in self._clips.items()
            if clip["language"] == language
            and clip["text"]
            and clip["text_origin"] != "builder"
            and 2 < clip["duration_s"] < 12
            and clip["channels"] == 1
            and clip["codec"] not in ("gsm", "g722")  # without a header
        ]
        return [str(name) for name in np.random.default_rng(seed).permutation(found)[:count]]

    def say(self, *names: str, level: float = SPEECH_DECIBELS, pause: float = 0.6) -> Sound:
        """Clips one after the other, each at the same level and with a pause after it."""
        silence = np.zeros(round(pause * SAMPLE_RATE), np.float32)
        return np.concatenate([part for name in names for part in (at_level(load(self.path(name)), level), silence)])

    def call(self, name: str) -> tuple[Path, dict[str, Any]]:
        """A composed call and its truth."""
        path = self.folder / "calls" / f"{name}.wav"
        return path, json.loads(path.with_suffix(".json").read_text())


@cache
def load(path: Path) -> Sound:
    """The first channel of a recording."""
    with path.open("rb") as file:
        samples = decode(file, settings=Settings()).samples[0]
    return np.asarray(samples, np.float32) / np.float32(32768)
