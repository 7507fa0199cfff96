"""OpenAI's own implementation, openai/whisper; on a CPU it computes in float32."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import whisper

from benchmarks.speed import samples
from benchmarks.speed.samples import Heard


def load(*, threads: int, file: str, beam_size: int, mixed: bool) -> Callable[[Sequence[Path]], list[Heard]]:
    """The loaded checkpoint; a beam of 1 is greedy."""
    torch.set_num_threads(threads)
    model = whisper.load_model(file, device="cpu")
    options = {"beam_size": beam_size} if beam_size > 1 else {}

    def hear(path: Path) -> Heard:
        segments, language = [], ""
        for channel, heard in samples.inputs(path, mixed=mixed):
            result = whisper.transcribe(model, heard, fp16=False, verbose=None, **options)
            language = result["language"]
            segments += [(channel, part["start"], part["end"], part["text"].strip()) for part in result["segments"]]
        return Heard(language=language, segments=sorted(segments, key=lambda segment: segment[1]))

    return lambda calls: [hear(path) for path in calls]
