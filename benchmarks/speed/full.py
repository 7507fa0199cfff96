"""Long calls, many calls at once, larger models, and an article's table: `make bench-full`.

Takes hours. Every finished pass is kept in `build/bench/full.json`, and an interrupted run goes on after the last one.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks import tables
from benchmarks.corpus import Case
from benchmarks.speed import grid, preparation, report
from benchmarks.speed.cells import Results, middle
from benchmarks.speed.grid import Model
from benchmarks.speed.processes import FOLDER, Contestant, PeerFailed
from benchmarks.speed.rounds import Rounds
from benchmarks.speed.samples import SAMPLE_RATE
from service.errors import ModelError

MODELS = ("base", "small")
MINUTES = (1, 5, 30, 90)
MANY, MANY_SECONDS = 50, 20
# What all engines hear, in minutes. The slow ones take as long for each minute of a longer call.
ALL_HEAR, ALL_HEAR_OF_BASE = 5, 30
# https://github.com/SYSTRAN/faster-whisper compares implementations on such a recording, with a beam of 5.
ARTICLE, ARTICLE_MINUTES = "small", 13
FILE = FOLDER / "full.json"
HEADER = ("engine", "call s per s", "wall s", "CPU s", "peak MB", "passes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Engines and the calls that they hear, under a title."""

    section: str
    contestants: Sequence[Contestant]
    calls: Sequence[str]


def main(arguments: Sequence[str]) -> int:
    """Measure the parts that are missing, and print all."""
    options = _options(arguments)
    cases = preparation.calls()
    results = Results.read(FILE) if FILE.exists() and not options.afresh else None
    for size in options.models:
        try:
            model = preparation.find_model(size)
        except ModelError as error:
            print(f"  {size} is left out: {error}", file=sys.stderr, flush=True)
            continue
        if not results:
            results = Results(facts=report.facts(model, threads=options.threads, trial=False), file=FILE)
        for part in _parts(model, cases, longest=options.minutes):
            _measure(results, part, rounds=options.rounds, threads=options.threads)
    if not results:
        return 1
    text = _text(results)
    print(text)
    if options.write:
        report.write(text, begin=report.BEGIN_FULL)
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.full", description=__doc__.split("\n")[0])
    parser.add_argument("--models", nargs="+", default=MODELS, help=f"the models ({' '.join(MODELS)})")
    parser.add_argument("--minutes", type=float, default=max(MINUTES), help="the longest call (90)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each part (3); calls of half an hour have one")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of each engine")
    parser.add_argument("--afresh", action="store_true", help="forget what an earlier run measured")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/benchmark.md")
    return parser.parse_args(arguments)


def _parts(model: Model, cases: Sequence[Case], *, longest: float) -> Iterator[Part]:
    """Everything to be measured with one model, the quick parts first."""
    # Settings that need no grid here: the library's own advice for batches, and the greedy form, which is faster.
    batched = [one for one in model.batched(threads=1) if "16" in one.name and "threshold" not in one.name]
    limit = ALL_HEAR_OF_BASE if model.size == "base" else ALL_HEAR

    def hearing(minutes: float) -> list[Contestant]:
        every = [model.ours(), model.original(), *batched]
        return every if minutes <= limit else [model.ours(), batched[0]]

    many = [
        _call(cases, f"short-{number}", seconds=MANY_SECONDS, start=number * MANY_SECONDS) for number in range(MANY)
    ]
    yield Part(
        section=f"{model.size}: {MANY} calls of {MANY_SECONDS} s at once",
        contestants=hearing(MANY * MANY_SECONDS / 60),
        calls=many,
    )
    for minutes in MINUTES:
        if minutes <= longest:
            call = _call(cases, f"long-{minutes}", seconds=60 * minutes)
            yield Part(
                section=f"{model.size}: one call of {minutes} minutes",
                contestants=hearing(minutes),
                calls=[call],
            )
    if longest >= ARTICLE_MINUTES and model.size.startswith(ARTICLE):
        call = _call(cases, "article", seconds=60 * ARTICLE_MINUTES)
        yield Part(
            section=f"{model.size}: {ARTICLE_MINUTES} minutes, beam 5", contestants=_article(model), calls=[call]
        )


def _article(model: Model) -> list[Contestant]:
    """The engines of the article's table, with a beam of 5, in float32 and in int8."""
    peers = model.whisper_cpp(settings=[("f16", 5)])
    try:
        preparation.torch_forms(model)
        peers += model.openai(beam_size=5)
    except (PeerFailed, OSError) as error:
        print(f"  {grid.OPENAI} is left out: {error}", file=sys.stderr, flush=True)
    (batched,) = (one for one in model.batched(threads=1) if one.name.endswith("8, beam 5, 1 at once"))
    forms = [
        replace(one, name=f"{one.name}, {form}", options=one.options | {"compute_type": form})
        for one in (model.ours(), model.original(), batched)
        for form in ("float32", "int8")
    ]
    return [*forms, *peers]


def _measure(results: Results, part: Part, *, rounds: int, threads: int) -> None:
    """The passes of a part that are not there yet."""
    long = sum(preparation.seconds(name) for name in part.calls) >= 30 * 60
    wanted = 1 if long else rounds
    for number in range(wanted):
        missing = [
            one
            for one in part.contestants
            if not any(cell.key == (part.section, one.name, "", number) and not cell.failure for cell in results.cells)
        ]
        if missing:
            results.facts["date"] = _until(time.strftime("%Y-%m-%d"), since=results.facts["date"].partition(" ")[0])
            Rounds(results=results, threads=threads).run(part.section, missing, part.calls, rounds=1, first=number)


def _until(today: str, *, since: str) -> str:
    """The days of a run that goes on, such as `2026-11-26 to 2026-11-27`."""
    return since if since == today else f"{since} to {today}"


def _call(cases: Sequence[Case], name: str, *, seconds: float, start: float = 0.0) -> str:
    """The name of a call that is made of the others, one after the other, from a time on."""
    if not preparation.path(name).exists():
        samples = preparation.joined(cases, minutes=(start + seconds) / 60)
        preparation.keep(name, np.ascontiguousarray(samples[:, round(start * SAMPLE_RATE) :]))
    return name


def _text(results: Results) -> str:
    sections = dict.fromkeys(cell.section for cell in results.cells)
    models = list(dict.fromkeys(map(_model_of, sections)))
    parts = [report.machine_line(results.facts | {"model": "`, `".join(models)}, command="make bench-full")]
    # A run that goes on may measure what another model lacks.
    for section in sorted(sections, key=lambda section: models.index(_model_of(section))):
        rows = []
        for contestant, level in results.rows(section):
            if passes := results.of(section, contestant, level):
                rows.append([
                    contestant,
                    f"{middle(cell.speed for cell in passes):.1f}",
                    f"{middle(cell.seconds for cell in passes):.1f}",
                    f"{middle(cell.cpu_seconds for cell in passes):.0f}",
                    f"{max(cell.peak_bytes for cell in passes) / 1e6:.0f}",
                    str(len(passes)),
                ])  # fmt: skip
        parts += [f"### {section}", tables.markdown(HEADER, rows)] if rows else []
    if reasons := report.left_out(results):
        parts += ["### Left out", reasons]
    return "\n\n".join(parts) + "\n"


def _model_of(section: str) -> str:
    return section.partition(":")[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
