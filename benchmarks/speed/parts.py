"""The CPU seconds of each part of the engine: `python -m benchmarks.speed.parts`, about a minute on an idle processor.

One call after the other on one thread, so that the process works on one part at a time. The engine's settings are read
from the environment, such as `WHISPER_BEAM_SIZE`.
"""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks import tables
from benchmarks.speed import preparation, samples
from service import processor
from service.engine import loading
from service.engine.decoding import Decoder
from service.engine.detector import Detector
from service.engine.engine import Engine
from service.errors import ModelError
from service.recording import Recording
from service.settings import SettingError, Settings

ENCODER, REST = "encoder", "windows, words, segments"
# The measured methods, each with the part that its time belongs to.
DETECTOR_PARTS = {"probabilities": "voice detector"}
DECODER_PARTS = {
    "encode": "features",
    "detect_languages": "decoder: languages",
    "generate": "decoder: hypotheses",
    "align": "decoder: alignment of words",
}


@dataclass(kw_only=True)
class Parts:
    """Seconds and calls of each part."""

    clock: Callable[[], float] = time.process_time
    seconds: dict[str, float] = field(default_factory=dict)
    times: Counter[str] = field(default_factory=Counter)

    def measure(self, owner: object, method: str, part: str) -> None:
        """Add an object's method to a part, without the measured methods that it calls."""
        original = getattr(owner, method)

        def measured(*arguments: Any, **options: Any) -> Any:
            began, before = self.clock(), sum(self.seconds.values())
            try:
                return original(*arguments, **options)
            finally:
                inside = sum(self.seconds.values()) - before
                self.seconds[part] = self.seconds.get(part, 0.0) + self.clock() - began - inside
                self.times[part] += 1

        setattr(owner, method, measured)

    def table(self, total: float) -> str:
        """The parts, the largest first, and what is left of the total."""
        rest = {REST: total - sum(self.seconds.values())}
        ordered = sorted((self.seconds | rest).items(), key=lambda item: -item[1])
        rows = [[part, f"{own:.1f}", f"{own / total:.0%}", str(self.times[part] or "")] for part, own in ordered]
        return tables.markdown(("part", "CPU seconds", "share", "calls"), [*rows, ["all", f"{total:.1f}", "100%", ""]])


def main(arguments: Sequence[str]) -> int:
    """Transcribe and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.parts", description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=0, metavar="N", help="only the N shortest calls")
    options = parser.parse_args(arguments)
    cases = preparation.calls()
    names = [case.name for case in cases][: options.calls or len(cases)]
    try:
        settings = replace(Settings.from_environ(os.environ), threads=1, workers=1)
        decoder = loading.load(settings)
    except (ModelError, SettingError) as error:
        print(f"benchmarks.speed.parts: {error}", file=sys.stderr)
        return 1
    engine, parts = _measured(decoder, settings)
    began = time.process_time()
    for name in names:
        engine.transcribe(Recording(samples=samples.read(preparation.path(name)), missing_seconds=0.0, gaps=()))
    table = parts.table(time.process_time() - began)
    seconds = sum(map(preparation.seconds, names))
    print(
        f"{len(names)} calls, {seconds:.0f} s, model {settings.model}, {engine.encoder}, {processor.name()}\n\n{table}"
    )
    return 0


def _measured(decoder: Decoder, settings: Settings) -> tuple[Engine, Parts]:
    parts, detector = Parts(), Detector()
    parts.measure(decoder._encoder, "encode", ENCODER)  # noqa: SLF001 -- apart from the features, which the decoder makes
    for method, part in DECODER_PARTS.items():
        parts.measure(decoder, method, part)
    for method, part in DETECTOR_PARTS.items():
        parts.measure(detector, method, part)
    return Engine(decoder=decoder, detector=detector, settings=settings), parts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
