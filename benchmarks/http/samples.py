"""The recordings of the load: clips of ten seconds, and one long call, from the sample calls."""

import wave
from pathlib import Path

from demo.truth import load_calls
from service.recording import SAMPLE_RATE, Recording, decode
from service.settings import Settings

CLIP_SECONDS, LONG_SECONDS = 10, 600


def write(folder: Path) -> list[Recording]:
    """Write the recordings into a folder; returns the clips, decoded."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings()
    sounds = []
    for call in load_calls().values():
        with call.path.open("rb") as file:
            sounds.append(decode(file, settings=settings).samples[0])
    length = CLIP_SECONDS * SAMPLE_RATE
    clips = [sound[start : start + length] for sound in sounds for start in range(0, len(sound) - length + 1, length)]
    # No two recordings have the same size.
    clips = [clip[: length - number] for number, clip in enumerate(clips)]
    for number, clip in enumerate(clips):
        _write(folder / f"clip-{number:02}.wav", clip.tobytes())
    together = b"".join(sound.tobytes() for sound in sounds)
    size = LONG_SECONDS * SAMPLE_RATE * 2
    _write(folder / "long.wav", (together * (size // len(together) + 1))[:size])
    return [Recording(samples=clip.reshape(1, -1), missing_seconds=0.0, gaps=()) for clip in clips]


def _write(path: Path, samples: bytes) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples)
