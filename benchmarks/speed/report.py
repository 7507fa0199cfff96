"""The results as Markdown: the machine, the engines, the older processors, and the goals beside the ratios reached."""

import re
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import Any

from benchmarks import corpus, tables
from benchmarks.corpus import Case
from benchmarks.speed import checkpoint, errors, grid, preparation
from benchmarks.speed.cells import Cell, Results, middle
from benchmarks.speed.grid import Model
from benchmarks.speed.processes import PEERS, Contestant
from service.evaluation.measurement import Machine

PAGE = corpus.ROOT / "docs" / "benchmark.md"
BEGIN, BEGIN_FULL, END = "<!-- measured -->\n", "<!-- measured in full -->\n", "<!-- end -->\n"
CPUINFO = Path("/proc/cpuinfo")
PACKAGES = ("faster-whisper", "ctranslate2", "openvino")
PEER_PACKAGES = ("pywhispercpp", "openai_whisper", "transformers", "torch")
WINDOW_SECONDS = 30
FORMATS = ("float32", "bfloat16", "int8")
HEADER = (
    "engine", "call s per s", "slowest, fastest", "rounds", "CPU s", "peak MB", "words wrong", "wrong in call order",
    "share of limit",
)  # fmt: skip


def facts(model: Model, *, threads: int, trial: bool) -> dict[str, Any]:
    """Machine, date, versions and model of a run."""
    machine = Machine.this()
    found = re.search(r"^flags\s*: (.*)$", CPUINFO.read_text(), re.MULTILINE)
    flags = [flag for flag in (found[1].split() if found else []) if re.match(r"avx|amx|fma$", flag)]
    shape, _ = checkpoint.read(model.folder)
    return {
        "date": time.strftime("%Y-%m-%d"),
        "trial": trial,
        "processor": machine.processor,
        "cpus": machine.cpus,
        "flags": flags,
        "threads": threads,
        "model": model.size,
        "encoder_macs": shape.encoder_macs,
        "versions": {name: version(name) for name in PACKAGES} | _peer_versions(),
        "digests": dict(preparation.digests(model)),
    }


def fastest(results: Results, section: str, contestants: Sequence[Contestant]) -> list[Contestant]:
    """The fastest of these in a section; empty if none ran."""
    measured = [one for one in contestants if results.speed(section, one.name)]
    return sorted(measured, key=lambda one: -(results.speed(section, one.name) or 0))[:1]


def most_exact(results: Results, cases: Sequence[Case], contestants: Sequence[Contestant]) -> list[Contestant]:
    """The one with the fewest word errors in its section, of several the fastest; empty if none ran."""
    measured = [(cell, one) for one in contestants for cell in results.of(grid.BATCHED_GRID, one.name)]
    ordered = sorted(measured, key=lambda pair: (_wrong(pair[0], cases), -pair[0].speed))
    return [one for _, one in ordered[:1]]


def text(results: Results, cases: Sequence[Case]) -> str:
    """The whole report."""
    parts = [machine_line(results.facts)]
    if results.facts["trial"]:
        parts.append(
            "**A trial on a busy machine: few settings, few calls, one round. It shows that everything runs; its figures"
            " compare nothing.**"
        )
    for section in (grid.ALL_CALLS, grid.TWO_CALLS, grid.ONE_CALL, grid.OLDER, grid.BATCHED_GRID):
        if rows := _rows(results, section, cases):
            parts += [f"### {section[0].upper()}{section[1:]}", _heard(results, section), tables.markdown(HEADER, rows)]
    parts += ["### Limits", _limits(results), "### Goals", _goals(results, cases)]
    if reasons := left_out(results):
        parts += ["### Left out", reasons]
    return "\n\n".join(part for part in parts if part) + "\n"


def write(report: str, *, begin: str = BEGIN) -> None:
    """Put a report into the page."""
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(begin)
    PAGE.write_text(f"{before}{begin}{report}{END}{rest.partition(END)[2]}", "utf-8")


def label(contestant: str, level: str) -> str:
    """An engine's name in tables, with the processor that it sees."""
    return f"{contestant} ({level})" if level else contestant


def machine_line(found: Mapping[str, Any], *, command: str = "make bench") -> str:
    """The command, the machine and the versions."""
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    return (
        f"`{command}`, {found['date']}: {found['processor']}, {found['cpus']} CPUs, {found['threads']} threads, model"
        f" `{found['model']}`. Flags: {' '.join(found['flags'])}. Versions: {versions}."
    )


def _peer_versions() -> dict[str, str]:
    """The versions in the peers' environment, from the folders of its packages."""
    folders = Path(PEERS).parent.parent.glob("lib/python*/site-packages/*.dist-info")
    found = dict(folder.stem.rsplit("-", 1) for folder in folders)
    return {name: found[name] for name in PEER_PACKAGES if name in found}


def _heard(results: Results, section: str) -> str:
    cell = next(cell for cell in results.cells if cell.section == section and not cell.failure)
    count = f"{len(cell.calls)} calls" if len(cell.calls) > 1 else "1 call"
    return f"{count}, {cell.call_seconds:.0f} s. Medians of interleaved rounds."


def _rows(results: Results, section: str, cases: Sequence[Case]) -> list[list[str]]:
    rows = []
    for contestant, level in results.rows(section):
        if passes := results.of(section, contestant, level):
            rows.append([label(contestant, level), *_figures(results, passes, cases)])
    return rows


def _figures(results: Results, passes: Sequence[Cell], cases: Sequence[Case]) -> list[str]:
    speeds = [cell.speed for cell in passes]
    last = passes[-1]
    counts = _errors(last, cases)
    limit = max((_limit(results, form, last.level) or 0 for form in FORMATS), default=0)
    share = (
        _useful_operations(results, last, cases) / last.call_seconds * (middle(speeds) or 0) / limit if limit else None
    )
    return [
        f"{middle(speeds):.1f}",
        f"{min(speeds):.1f}, {max(speeds):.1f}",
        str(len(passes)),
        f"{middle(cell.cpu_seconds for cell in passes):.0f}",
        f"{max(cell.peak_bytes for cell in passes) / 1e6:.0f}",
        f"{errors.share(counts.channels):.1%}" + (" of the mixed words" if last.mixed else ""),
        f"{errors.share(counts.order):.1%}",
        f"{share:.1%}" if share else "",
    ]


def _errors(cell: Cell, cases: Sequence[Case]) -> errors.Errors:
    return errors.count({case.name: case for case in cases}, cell.calls, cell.found, mixed=cell.mixed)


def _wrong(cell: Cell, cases: Sequence[Case]) -> float:
    return errors.share(_errors(cell, cases).channels)


def _useful_operations(results: Results, cell: Cell, cases: Sequence[Case]) -> float:
    """The encoder's operations for the true speech of some calls, packed into full windows."""
    turns = [turn for case in cases if case.name in cell.calls for turn in case.golden.timed_turns() or ()]
    spoken = sum(turn.end - turn.start for turn in turns)
    return float(2 * results.facts["encoder_macs"] * spoken / WINDOW_SECONDS)


def _limit(results: Results, form: str, level: str) -> float | None:
    """The measured limit in operations per second: of all rounds the highest, which nothing else slowed down."""
    passes = results.of(grid.LIMITS, grid.roofline().name, level)
    return max((float(cell.found[0][form]) for cell in passes if form in cell.found[0]), default=None)


def _encoder(results: Results, engine: str, level: str) -> tuple[str, float] | None:
    """An encoder's name and its operations per second."""
    passes = results.of(grid.LIMITS, engine, level)
    seconds = middle(float(cell.found[0]["encoder_seconds"]) for cell in passes)
    return (str(passes[0].found[0]["encoder"]), 2 * results.facts["encoder_macs"] / seconds) if seconds else None


def _own_limit(encoder: str) -> str:
    """The number format of an encoder, as the limits name it.

    >>> _own_limit("openvino 2026.4.1 bfloat16"), _own_limit("ctranslate2 4.8.5 int8_float32")
    ('bfloat16', 'int8')
    """
    if "bf" in encoder:
        return "bfloat16"
    return "int8" if "int8" in encoder else "float32"


def _limits(results: Results) -> str:
    rows: list[list[str]] = []
    for level in grid.LEVELS:
        limits = {form: _limit(results, form, level) for form in FORMATS}
        for engine in ("ours", "faster-whisper"):
            found = _encoder(results, engine, level)
            if not found:
                continue
            name, operations = found
            own = _own_limit(name)
            rows.append([
                level or "this machine's",
                *(f"{limit / 1e9:.0f}" if limit else "emulated" for limit in limits.values()),
                f"{engine}: {name}",
                f"{operations / 1e9:.0f}",
                f"{operations / limit:.0%} of {own}" if (limit := limits[own]) else "",
            ])  # fmt: skip
    header = ("processor", "float32", "bfloat16", "int8", "encoder", "its speed", "share of its limit")
    return "In 10⁹ operations per second.\n\n" + tables.markdown(header, rows) if rows else ""


def _goals(results: Results, cases: Sequence[Case]) -> str:
    """Each goal, and the ratio reached; docs/benchmark.md says why some are missed."""
    rows: list[list[str]] = []

    def compare(goal: float, section: str, level: str, peer: str, name: str) -> None:
        ours, theirs = results.speed(section, grid.OURS, level), results.speed(section, peer, level)
        if ours and theirs:
            _add(rows, label(f"speed ÷ {name}", level), ours / theirs, goal)

    everywhere = [(grid.ALL_CALLS, "")] + [(grid.OLDER, level) for level in grid.LEVELS[1:]]
    for section, level in everywhere:
        compare(6, section, level, grid.ORIGINAL, "original service")
        best = _best(results, section, level, grid.BATCHED)
        if not best:
            continue
        compare(2, section, level, best, "fastest batched faster-whisper")
        ours, theirs = results.of(section, grid.OURS, level), results.of(section, best, level)
        if ours and theirs:
            own = _wrong(ours[-1], cases)
            wrong = _wrong(theirs[-1], cases) / own if own else float("inf")
            _add(rows, label("its word errors ÷ ours", level), wrong, 1)
            memory = max(cell.peak_bytes for cell in theirs) / max(cell.peak_bytes for cell in ours)
            _add(rows, label("its peak memory ÷ ours", level), memory, 2)
    for goal, section, family in (
        (5, grid.TWO_CALLS, grid.WHISPER_CPP),
        (20, grid.ONE_CALL, grid.OPENAI),
    ):
        if best := _best(results, section, "", family):
            compare(goal, section, "", best, f"fastest {family}")
    for level in grid.LEVELS:
        found = _encoder(results, "ours", level)
        limit = _limit(results, _own_limit(found[0]), level) if found else None
        if found and limit:
            _add(rows, label("encoder ÷ its limit", level), found[1] / limit, 0.5)
    return tables.markdown(("ratio", "reached", "goal", ""), rows)


def _add(rows: list[list[str]], name: str, ratio: float, goal: float) -> None:
    rows.append(
        [
            name,
            f"{ratio:.2f}" if isfinite(ratio) else "none by ours",
            f"{goal:g} or more",
            "met" if ratio >= goal else "missed",
        ]
    )


def _best(results: Results, section: str, level: str, family: str) -> str:
    """The fastest engine of a family in a section."""
    names = [name for name, seen in results.rows(section) if name.startswith(family) and seen == level]
    return max(names, key=lambda name: results.speed(section, name, level) or 0, default="")


def left_out(results: Results) -> str:
    """The passes that failed, and why."""
    lines = {
        f"- {label(cell.contestant, cell.level)}, {cell.section}: {cell.failure}": None
        for cell in results.cells
        if cell.failure
    }
    return "\n".join(lines)
