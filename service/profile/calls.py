"""The calls that a profile is measured on: recordings of the caller's, or long ones composed of the golden calls."""

import wave
from collections.abc import Sequence
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.engine.detector import Detector
from service.engine.sound import listen
from service.recording import SAMPLE_RATE, Decode, Recording
from service.settings import SettingError

# An average call of a call centre.
COMPOSED_SECONDS = 300.0
# Between two turns, so that about four fifths of the call are speech, as of the sample calls.
PAUSE_SECONDS = 1.0
# Files that lie beside recordings.
OTHER_SUFFIXES = (".json", ".jsonl", ".md", ".toml", ".txt")


def files(paths: Sequence[Path]) -> list[Path]:
    """The recordings: each path, or what a folder contains.

    Raises:
        SettingError: there is none.
    """
    found = [
        file
        for path in paths
        for file in (sorted(path.iterdir()) if path.is_dir() else [path])
        if file.is_file() and file.suffix.lower() not in OTHER_SUFFIXES
    ]
    if not found:
        raise SettingError("RECORDING", ", ".join(map(str, paths)), "recordings, or a folder of some")
    return found


def composed(golden: Path, folder: Path, *, decode: Decode) -> list[Path]:
    """Calls of two channels, written into a folder: in each, both sides say a golden call in turns.

    A second of speech in them takes the engine as long as one of the sample calls in the same language.

    Args:
        golden: a folder of golden calls.
        folder: to write to.
        decode: reads a golden call.
    """
    return [
        _write(folder / f"call-{number}.wav", np.array(_decoded(file, decode=decode).samples[0]))
        for number, file in enumerate(files([golden]))
    ]


def speech_share(recordings: Sequence[Path], *, decode: Decode) -> float:
    """Seconds of speech, on whatever channel, in a second of the recordings."""
    detector, spoken, total = Detector(), 0, 0
    for file in recordings:
        recording = _decoded(file, decode=decode)
        frames = recording.samples.shape[1]
        speech = np.zeros(frames, bool)
        for channel in recording.distinct_channels():
            for span in listen(recording.samples[channel], detector).speech:
                speech[span.start : span.end] = True
        spoken, total = spoken + int(speech.sum()), total + frames
    return round(spoken / total, 2)


def _decoded(file: Path, *, decode: Decode) -> Recording:
    with file.open("rb") as source:
        return decode(source, name=file.name)


def _write(path: Path, turn: NDArray[np.int16]) -> Path:
    """A call in which both sides say the same in turns, until it is long enough."""
    said = np.concatenate([turn, np.zeros(int(PAUSE_SECONDS * SAMPLE_RATE), np.int16)])
    silent = np.zeros_like(said)
    both = np.concatenate([np.stack([said, silent], axis=1), np.stack([silent, said], axis=1)])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.tile(both, (ceil(COMPOSED_SECONDS * SAMPLE_RATE / len(both)), 1)).tobytes())
    return path
