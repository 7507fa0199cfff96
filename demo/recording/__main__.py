"""Record the sample calls: `make demo-calls`.

The script says who says which words when, so the truth is known. Pauses and noise have a seed: the same kind of
processor makes the same bytes. Another one may round differently, but the words stay.
"""

import argparse
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from demo.recording.audio import write
from demo.recording.performance import RATE, perform
from demo.recording.voices import Speaker, Voice
from demo.truth import DEMO, MANIFEST

SCRIPT = Path(__file__).with_name("calls.toml")


def record(script: Mapping[str, Any], speaker: Speaker, folder: Path) -> Iterator[dict[str, Any]]:
    """Write each call of the script into a folder; its entry in the manifest."""
    voices = {name: Voice(**voice) for name, voice in script["voices"].items()}
    for call in script["calls"]:
        samples, turns = perform(call, voices, speaker)
        write(folder / call["audio"], samples, RATE)
        print(f"{folder / call['audio']}: {len(turns)} turns, {samples.shape[-1] / RATE:.1f} s", flush=True)
        yield {"audio": call["audio"], "language": call["language"], "turns": [asdict(turn) for turn in turns]}


def main(arguments: Sequence[str]) -> None:
    """Record the calls and write their manifest."""
    parser = argparse.ArgumentParser(prog="python -m demo.recording", description="Record the sample calls.")
    parser.add_argument("folder", type=Path, nargs="?", default=DEMO / "calls", help="for the calls (default: theirs)")
    parser.add_argument("--voices", type=Path, required=True, help="tarball of kokoro-js 1.2.1")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    script = tomllib.loads(SCRIPT.read_text("utf-8"))
    recordings = list(record(script, Speaker(options.voices), options.folder))
    manifest = json.dumps({"recordings": recordings}, ensure_ascii=False, indent=1)
    (options.folder / MANIFEST).write_text(manifest + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
