"""whisper.cpp through pywhispercpp, with the model's file in its own format."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pywhispercpp.model import Model

from benchmarks.speed import samples
from benchmarks.speed.samples import Heard


def load(*, threads: int, file: str, beam_size: int, mixed: bool) -> Callable[[Sequence[Path]], list[Heard]]:
    """The loaded model; a beam of 1 is greedy."""
    options = (
        {"beam_search": {"beam_size": beam_size, "patience": -1.0}} if beam_size > 1 else {"greedy": {"best_of": 1}}
    )
    whisper = Model(
        file,
        params_sampling_strategy=int(beam_size > 1),
        redirect_whispercpp_logs_to=None,
        n_threads=threads,
        print_progress=False,
        **options,
    )

    def hear(path: Path) -> Heard:
        segments = [
            (channel, part.t0 / 100, part.t1 / 100, part.text.strip())
            for channel, heard in samples.inputs(path, mixed=mixed)
            # An empty language is detected.
            for part in whisper.transcribe(heard, language="")
        ]
        return Heard(language="", segments=sorted(segments, key=lambda segment: segment[1]))

    return lambda calls: [hear(path) for path in calls]
