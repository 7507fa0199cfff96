"""transformers: its pipeline, which cuts a call into overlapping windows of 30 s and decodes them in batches."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from transformers import pipeline

from benchmarks.speed import samples
from benchmarks.speed.samples import SAMPLE_RATE, Heard


def load(
    *, threads: int, folder: str, number_format: str, batch_size: int, beam_size: int, mixed: bool
) -> Callable[[Sequence[Path]], list[Heard]]:
    """The loaded model; `number_format` is one of PyTorch's, such as `float32` or `bfloat16`."""
    torch.set_num_threads(threads)
    recognise = pipeline(
        "automatic-speech-recognition",
        model=folder,
        device="cpu",
        dtype=getattr(torch, number_format),
        chunk_length_s=30,
        batch_size=batch_size,
    )

    def hear(path: Path) -> Heard:
        segments = []
        for channel, heard in samples.inputs(path, mixed=mixed):
            result = recognise(
                {"raw": heard, "sampling_rate": SAMPLE_RATE},
                return_timestamps=True,
                generate_kwargs={"num_beams": beam_size, "task": "transcribe"},
            )
            for part in result["chunks"]:
                start, end = part["timestamp"]
                segments.append((channel, start or 0.0, end or start or 0.0, part["text"].strip()))
        return Heard(language="", segments=sorted(segments, key=lambda segment: segment[1]))

    return lambda calls: [hear(path) for path in calls]
