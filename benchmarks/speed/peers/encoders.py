"""An encoder by itself: seconds for one full window, from features to encoding."""

import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from numpy.typing import NDArray

from service.engine import loading, model
from service.settings import Settings

WINDOWS, SECONDS = 8, 28


def load(
    *, engine: str, threads: int, folder: str = "base", windows: int = WINDOWS
) -> Callable[[Sequence[Path]], list[dict[str, float | str]]]:
    """The encoder of `ours` or of `faster-whisper`, measured on noise: its time does not depend on the sound."""
    noise = np.random.default_rng(12).standard_normal(SECONDS * 16_000).astype(np.float32) * np.float32(0.05)
    name, encode = _ours(folder, threads, noise) if engine == "ours" else _theirs(folder, threads, noise)

    def measure(_calls: Sequence[Path]) -> list[dict[str, float | str]]:
        encode()
        times = []
        for _ in range(windows):
            started = time.perf_counter()
            encode()
            times.append(time.perf_counter() - started)
        return [{"encoder": name, "encoder_seconds": statistics.median(times)}]

    return measure


def _ours(folder: str, threads: int, samples: NDArray[np.float32]) -> tuple[str, Callable[[], object]]:
    # Batches run at once in the engine; here one window has all threads.
    decoder = loading.load(Settings(model=folder, threads=threads, workers=1))
    return decoder.encoder, lambda: decoder.encode(samples)


def _theirs(folder: str, threads: int, samples: NDArray[np.float32]) -> tuple[str, Callable[[], object]]:
    whisper = WhisperModel(str(model.find(folder).folder), device="cpu", compute_type="int8", cpu_threads=threads)
    name = f"ctranslate2 {version('ctranslate2')} {whisper.model.compute_type}"
    return name, lambda: whisper.encode(pad_or_trim(whisper.feature_extractor(samples)))
