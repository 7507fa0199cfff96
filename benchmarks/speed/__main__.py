"""Speed, memory and word errors beside other implementations of Whisper: `make bench`.

Prints tables, and the goals beside the ratios reached; keeps every figure in `build/bench/bench.json`.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.corpus import Case
from benchmarks.speed import chart, grid, preparation, report
from benchmarks.speed.cells import Results
from benchmarks.speed.grid import Model
from benchmarks.speed.processes import FOLDER, Contestant, PeerFailed
from benchmarks.speed.rounds import Rounds
from service.errors import ModelError

MODEL = "base"
FILE = FOLDER / "bench.json"


def main(arguments: Sequence[str]) -> int:
    """Measure and print, or print what was measured before."""
    options = _options(arguments)
    cases = preparation.calls()
    cases = cases[: options.calls or len(cases)]
    if options.read:
        results = Results.read(options.read)
    else:
        try:
            results = _measure(cases, options)
        except ModelError as error:
            print(f"benchmarks.speed: {error}", file=sys.stderr)
            return 1
    text = report.text(results, cases)
    print(text)
    if options.write:
        report.write(text)
        chart.write(results)
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=24, help="no further round begins if it would end later (24)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds over all calls, if there is time (7)")
    parser.add_argument("--calls", type=int, default=0, metavar="N", help="only the N shortest calls")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of each engine")
    parser.add_argument("--trial", action="store_true", help="few settings, one round: shows that everything runs")
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="SECTION",
        help="measure again what has this in its title, keep the rest",
    )
    parser.add_argument("--read", type=Path, metavar="FILE", help="measure nothing, read these results")
    parser.add_argument("--write", action="store_true", help="write table and chart into docs/benchmark.md")
    return parser.parse_args(arguments)


def _measure(cases: Sequence[Case], options: argparse.Namespace) -> Results:
    started = time.monotonic()
    model = preparation.find_model(MODEL)
    trial: bool = options.trial
    found = report.facts(model, threads=options.threads, trial=trial)
    results = Results(facts=found, file=FILE)
    if options.only:
        earlier = Results.read(FILE).cells
        results.cells = [cell for cell in earlier if not any(name in cell.section for name in options.only)]
    rounds = Rounds(
        results=results, threads=options.threads, deadline=started + 60 * options.minutes, only=options.only
    )
    names = [case.name for case in cases]
    limits = [grid.roofline(), model.encoder("ours"), model.encoder("faster-whisper")]
    for level in grid.LEVELS:
        seen = [replace(engine, level=level) for engine in limits]
        rounds.run(grid.LIMITS, seen, [], rounds=1 if level or trial else 2)

    batched = model.batched(threads=options.threads)
    rounds.each(grid.BATCHED_GRID, batched[:2] if trial else batched, names[:2])
    fastest = report.fastest(results, grid.BATCHED_GRID, batched)
    most_exact = report.most_exact(results, cases, batched)

    rounds.each(grid.ONE_CALL, [model.ours(), *_slow(model, rounds, trial=trial)], names[:1])
    whisper_cpp = report.fastest(results, grid.ONE_CALL, model.whisper_cpp())
    rounds.run(grid.TWO_CALLS, [model.ours(), model.channels(), *whisper_cpp], names[:2], rounds=1)

    for level in grid.LEVELS[1:]:
        seen = [model.ours(), *fastest, *([model.original()] if level == grid.USUAL else [])]
        rounds.run(grid.OLDER, [replace(engine, level=level) for engine in seen], names[:2], rounds=1)
    engines = [model.ours(), model.original(), *fastest]
    engines += [engine for engine in most_exact if engine not in fastest]
    rounds.run(grid.ALL_CALLS, engines, names, rounds=1 if trial else options.rounds)
    return results


def _slow(model: Model, rounds: Rounds, *, trial: bool) -> list[Contestant]:
    """The engines that hear one call: whisper.cpp's settings, and those that need PyTorch if it is there."""
    whisper_cpp, torch = model.whisper_cpp(), [*model.openai(), *model.transformers()]
    if trial:
        whisper_cpp, torch = whisper_cpp[:2], torch[::2]
    try:
        preparation.torch_forms(model)
    except (PeerFailed, OSError) as error:
        for engine in torch:
            rounds.leave_out(grid.ONE_CALL, engine, 0, str(error))
        return whisper_cpp
    return [*whisper_cpp, *torch]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
