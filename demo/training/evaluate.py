"""Word error rate on unseen calls: `python -m demo.training.evaluate [--model FOLDER] [--calls FOLDER]`.

Calls go through the service's engine, which packs speech into windows of up to 30 s. The calls are made first where
the folder is missing, which takes espeak-ng and flite.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from demo.training import calls
from demo.truth import MODEL, load_calls, word_error_rate
from service.engine.engine import Engine
from service.recording import decode
from service.settings import Settings

SEED = 9_000_000
CALLS = Path("build/evaluation")
GROUPS = {"taught", "untaught", "all"}


def main(arguments: Sequence[str]) -> None:
    """Print the error rate of each call and of each group of voices."""
    parser = argparse.ArgumentParser(description="Measure a model on unseen calls.")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--calls", type=Path, default=CALLS)
    options = parser.parse_args(arguments)
    if not options.calls.exists():
        calls.main([str(options.calls), "--seed", str(SEED)])
    settings = Settings(model=str(options.model))
    engine = Engine.load(settings)
    errors: dict[str, float] = defaultdict(float)
    words: dict[str, int] = defaultdict(int)
    for name, call in load_calls(options.calls).items():
        with call.path.open("rb") as file:
            transcript = engine.transcribe(decode(file, settings=settings))
        rate = word_error_rate(call, transcript.to_dict()["segments"])
        spoken = sum(len(turn.text.split()) for turn in call.turns)
        # The evaluation set's names end with the group of their voices.
        for group in {Path(name).stem.rpartition("-")[2], "all"} & GROUPS:
            errors[group] += rate * spoken
            words[group] += spoken
        print(f"{name:<24}{transcript.language:>4}{rate:>8.1%}")
    for group in sorted(words):
        print(f"{group:<28}{errors[group] / words[group]:>8.1%} of {words[group]} words")


if __name__ == "__main__":
    main(sys.argv[1:])
