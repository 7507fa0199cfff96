"""faster-whisper, without the times of words, which nothing here needs."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from faster_whisper import WhisperModel

from benchmarks.faster import FasterWhisper
from benchmarks.speed import samples
from benchmarks.speed.samples import Heard
from service.recording import Recording


def load(
    *, threads: int, folder: str, compute_type: str = "int8", mixed: bool = False, workers: int = 1, **options: Any
) -> Callable[[Sequence[Path]], list[Heard]]:
    """The loaded model; with several `workers`, as many calls run at once and share the threads."""
    whisper = WhisperModel(
        folder, device="cpu", compute_type=compute_type, cpu_threads=max(1, threads // workers), num_workers=workers
    )
    engine = FasterWhisper(name="", whisper=whisper, options={"word_timestamps": False} | options)

    def hear(path: Path) -> Heard:
        call = samples.read(path)
        call = samples.mix(call)[None] if mixed else call
        transcript = engine.transcribe(Recording(samples=call, missing_seconds=0.0, gaps=()))
        segments = [(part.channel, part.start, part.end, part.text) for part in transcript.segments]
        return Heard(language=transcript.language, segments=segments)

    def run(calls: Sequence[Path]) -> list[Heard]:
        with ThreadPoolExecutor(workers) as lanes:
            return list(lanes.map(hear, calls))

    return run
