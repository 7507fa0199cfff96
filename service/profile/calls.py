"""The calls that a profile is measured on: recordings of the caller's, or long ones composed of the golden calls."""

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.engine.detector import Detector
from service.engine.sound import listen
from service.recording import SAMPLE_RATE, Decode, Recording
from service.settings import SettingError

# An average call of a call centre; two of them occupy the lanes that a worker has by default.
COMPOSED_SECONDS, COMPOSED_CALLS = 300.0, 2
# Between two turns, so that about four fifths of the call are speech.
PAUSE_SECONDS = 2.0
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
    """Calls of two channels in which the golden calls take turns, written into a folder.

    Args:
        golden: a folder of golden calls.
        folder: to write to.
        decode: reads a golden call.
    """
    turns = [np.array(_decoded(file, decode=decode).samples[0]) for file in files([golden])]
    return [_write(folder / f"call-{number}.wav", turns[number:] + turns[:number]) for number in range(COMPOSED_CALLS)]


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


def _write(path: Path, turns: Sequence[NDArray[np.int16]]) -> Path:
    """A call in which both sides say the turns one after the other, until it is long enough."""
    pause = np.zeros(int(PAUSE_SECONDS * SAMPLE_RATE), np.int16)
    sides: tuple[list[NDArray[np.int16]], list[NDArray[np.int16]]] = [], []
    length = number = 0
    while length < COMPOSED_SECONDS * SAMPLE_RATE:
        said = np.concatenate([turns[number // 2 % len(turns)], pause])
        sides[number % 2].append(said)
        sides[1 - number % 2].append(np.zeros_like(said))
        length, number = length + len(said), number + 1
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.stack([np.concatenate(side) for side in sides], axis=1).tobytes())
    return path
