"""Time of a synth, compared with an empty application's in the same interleaved run: `make bench-synth`.

Prints the medians and whether the goal is met. A busy machine slows both down.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
EMPTY = "from aws_cdk import App; App().synth()"


def seconds(*arguments: str, outdir: Path) -> float:
    """Seconds that an application takes to write its templates, from the start of its process to its end."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    environ = os.environ | {"CDK_OUTDIR": str(outdir), "CDK_CONTEXT_JSON": json.dumps(context)}
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environ, check=True, capture_output=True)
    return time.perf_counter() - start


def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks/synth.py", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each application (default: 5)")
    rounds: int = parser.parse_args(arguments).rounds
    if rounds < 1:
        parser.error(f"--rounds: got '{rounds}', expected a whole number, 1 or more")
    with tempfile.TemporaryDirectory() as folder:
        ours, empty = Path(folder, "ours"), Path(folder, "empty")
        runs = [(seconds("-c", EMPTY, outdir=empty), seconds("app.py", outdir=ours)) for _ in range(rounds)]
        stacks = len(list(ours.rglob("*.template.json")))
    base, full = (statistics.median(times) for times in zip(*runs, strict=True))
    goal = 2 * base + 1.0 * stacks
    print(f"{'':18}  median s  fastest s  slowest s")
    for name, times in zip(("empty application", f"{stacks} stacks"), zip(*runs, strict=True), strict=True):
        print(f"{name:18}  {statistics.median(times):8.2f}  {min(times):9.2f}  {max(times):9.2f}")
    print(f"\nRatio {full / base:.1f}, {(full - base) / stacks:.2f} s a stack; {rounds} rounds, interleaved.")
    print(
        f"Goal: at most twice an empty application and 1 s a stack, {goal:.1f} s: {'met' if full <= goal else 'missed'}."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
