"""The contestants: the project's engine, its peers, and the settings of each peer that are tried."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.faster import LOW_THRESHOLD
from benchmarks.speed import hidden
from benchmarks.speed.processes import PEERS, Contestant

OURS = "whisper-fargate"
ORIGINAL = "original service: faster-whisper, mixed, beam 5"
CHANNELS = "faster-whisper, sequential, per channel"
BATCHED, WHISPER_CPP = "faster-whisper, batched", "whisper.cpp"
OPENAI, TRANSFORMERS = "openai/whisper", "transformers"
LEVELS = ("", *hidden.LEVELS)
# The processor that the goals are set for.
USUAL = "VNNI"
# Settings of faster-whisper's voice detector, with the ends of their names.
DETECTORS: Sequence[tuple[str, dict[str, Any]]] = (
    ("", {}),
    (", threshold 0.3", {"vad_parameters": LOW_THRESHOLD}),
)
# Of whisper.cpp: its number formats, and what a beam adds to one of them: it takes more than twice as long.
FORMATS = ("f16", "q8_0", "q5_0")
QUICK = (*((form, 1) for form in FORMATS), ("q8_0", 5))
# The sections of a run in the order in which they are measured; slow engines hear few calls.
LIMITS, BATCHED_GRID, ONE_CALL, TWO_CALLS, OLDER, ALL_CALLS = (
    "limits", "settings of faster-whisper", "the shortest call", "the two shortest calls", "older processors", "all calls",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model in every form that a contestant needs. `size` is its name, `folder` CTranslate2's."""

    size: str
    folder: Path
    forms: Path

    def ours(self) -> Contestant:
        """The project's engine."""
        return Contestant(name=OURS, module="ours", options={"model": str(self.folder)})

    def original(self) -> Contestant:
        """faster-whisper with its defaults, as the original service called it on a file: channels mixed, no detector."""
        options = {"folder": str(self.folder), "vad_filter": False}
        return Contestant(name=ORIGINAL, module="faster", options=options, mixed=True)

    def channels(self) -> Contestant:
        """faster-whisper's sequential form, channel by channel with its voice detector."""
        return Contestant(name=CHANNELS, module="faster", options={"folder": str(self.folder)})

    def batched(self, *, threads: int) -> list[Contestant]:
        """The settings of faster-whisper's batched form."""
        return [
            Contestant(
                name=f"{BATCHED} {size}, beam {beam}{label}, {workers} at once",
                module="faster",
                options={"folder": str(self.folder), "batch_size": size, "beam_size": beam, "workers": workers}
                | detector,
            )
            for workers in sorted({1, threads})
            for size in ((8, 16) if workers == threads else (8,))
            for beam in (1, 5)
            for label, detector in (DETECTORS if workers == threads else DETECTORS[:1])
        ]

    def whisper_cpp(self, *, settings: Sequence[tuple[str, int]] = QUICK) -> list[Contestant]:
        """The settings of whisper.cpp: number formats and beams."""
        return [
            self._peer(f"{WHISPER_CPP}, {form}, beam {beam}", "whisper_cpp", file=f"{form}.bin", beam_size=beam)
            for form, beam in settings
        ]

    def openai(self, *, beam_size: int = 1) -> list[Contestant]:
        """openai/whisper: greedy by default, as from Python; its command line has a beam of 5."""
        return [self._peer(f"{OPENAI}, beam {beam_size}", "openai_whisper", file="openai.pt", beam_size=beam_size)]

    def transformers(self) -> list[Contestant]:
        """The settings of transformers: number formats, greedy as by default."""
        return [
            replace(
                self._peer(f"{TRANSFORMERS}, {form}, batch 8", "hugging_face"),
                options={
                    "folder": str(self.forms / "transformers"),
                    "number_format": form,
                    "batch_size": 8,
                    "beam_size": 1,
                },
            )
            for form in ("float32", "bfloat16")
        ]

    def _peer(self, name: str, module: str, *, file: str = "", beam_size: int = 1) -> Contestant:
        options = {"file": str(self.forms / file), "beam_size": beam_size}
        return Contestant(name=name, module=module, options=options, python=PEERS, mixed=True)

    def encoder(self, engine: str) -> Contestant:
        """The encoder of one engine by itself."""
        return Contestant(name=engine, module="encoders", options={"engine": engine, "folder": str(self.folder)})


def roofline() -> Contestant:
    """The products of matrices that the shares refer to."""
    return Contestant(name="products of matrices", module="roofline")
