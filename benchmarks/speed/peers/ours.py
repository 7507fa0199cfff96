"""The project's engine, with the settings that the image runs with: several calls at once, as its worker takes them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.speed import samples
from benchmarks.speed.samples import Heard
from service.engine.engine import Engine
from service.recording import Recording
from service.settings import Settings


def load(*, threads: int, **options: Any) -> Callable[[Sequence[Path]], list[Heard]]:
    """The loaded engine; `options` are settings."""
    settings = Settings(threads=threads, **options)
    engine = Engine.load(settings)

    def hear(path: Path) -> Heard:
        transcript = engine.transcribe(Recording(samples=samples.read(path), missing_seconds=0.0, gaps=()))
        segments = [(part.channel, part.start, part.end, part.text) for part in transcript.segments]
        return Heard(language=transcript.language, segments=segments)

    def run(calls: Sequence[Path]) -> list[Heard]:
        with ThreadPoolExecutor(settings.lanes) as lanes:
            return list(lanes.map(hear, calls))

    return run
