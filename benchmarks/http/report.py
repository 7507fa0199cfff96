"""The benchmark's figures as a table, for the terminal and for its page."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.http.scenarios import Patience, quantile
from service import processor

PAGE = Path(__file__).parents[2] / "docs" / "benchmark-http.md"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The measurements of one server; times in seconds, in order.

    Attributes:
        throughput: seconds of audio a second at saturation.
        cpu: CPU seconds a second meanwhile, of the server.
        load_cpu: likewise, of the load generator.
        saturated_clip: times of clips at saturation.
        saturated_health: of health checks meanwhile.
        mixed_clip: of clips beside long calls.
        slow_clip: of clips beside slow uploads.
        slow_health: of health checks meanwhile.
        slow_statuses: how the slow uploads ended.
        overload_rate: clips that arrived in a second at twice the capacity.
        overload_clip: times of those that were answered.
        overload_seconds: how long they arrived.
        overload_statuses: how all attempts ended; 0 is no answer.
        patience: how the refused ones fared.
        overload_health: times of health checks meanwhile.
        retry_after: the seconds that refused callers were told.
        drained: from the end of the arrivals to the last answer.
        peak_mib: the most memory of the server's process.
    """

    throughput: float
    cpu: float = 0.0
    load_cpu: float = 0.0
    saturated_clip: Sequence[float] = ()
    saturated_health: Sequence[float] = ()
    mixed_clip: Sequence[float] = ()
    slow_clip: Sequence[float] = ()
    slow_health: Sequence[float] = ()
    slow_statuses: Counter[int] = field(default_factory=Counter)
    overload_rate: float = 0.0
    overload_seconds: float = 0.0
    patience: Patience = field(default_factory=Patience)
    overload_clip: Sequence[float] = ()
    overload_statuses: Counter[int] = field(default_factory=Counter)
    overload_health: Sequence[float] = ()
    retry_after: Sequence[int] = ()
    drained: float = 0.0
    peak_mib: float = 0.0


def printed(columns: Mapping[str, Figures]) -> str:
    """The table in Markdown, and the machine above it."""
    alone = next(iter(columns.values()))
    rows: Sequence[tuple[str, Callable[[Figures], str]]] = (
        ("throughput at saturation, seconds of audio a second", lambda f: f"{f.throughput:.1f}"),
        (
            "… of the engine alone, which shares the CPUs with no load",
            lambda f: f"{f.throughput / alone.throughput:.2f}",
        ),
        ("CPU seconds a second meanwhile, of the server / of the load", _cpu),
        ("seconds of audio a CPU second of the server", lambda f: f"{_per_cpu(f):.1f}" * bool(f.cpu)),
        ("… of the engine alone", lambda f: f"{_per_cpu(f) / _per_cpu(alone):.2f}" * bool(f.cpu)),
        ("10 s clip at saturation, p50 / p99", lambda f: _seconds(f.saturated_clip)),
        ("health check at saturation, p50 / p99", lambda f: _milliseconds(f.saturated_health)),
        ("10 s clip beside three calls of 10 min, p50 / p99", lambda f: _seconds(f.mixed_clip)),
        ("10 s clip beside 100 slow uploads, p50 / p99", lambda f: _seconds(f.slow_clip)),
        ("health check beside 100 slow uploads, p50 / p99", lambda f: _milliseconds(f.slow_health)),
        ("… how the slow uploads ended", lambda f: _statuses(f.slow_statuses)),
        (
            "twice the capacity: clips that arrive in a second",
            lambda f: f"{f.overload_rate:.1f} for {f.overload_seconds:.0f} s" * bool(f.overload_rate),
        ),
        ("… how the attempts ended", lambda f: _statuses(f.overload_statuses)),
        ("… attempts that were answered, p50 / p99", lambda f: _seconds(f.overload_clip)),
        ("… arrivals that were refused", lambda f: _share(f.patience.refused, f.patience.arrivals)),
        ("… `Retry-After`, least to greatest", lambda f: _range(f.retry_after)),
        (
            "… those of the refused that got in when they came again",
            lambda f: _share(f.patience.in_at_first_return, f.patience.refused),
        ),
        ("… in later than the first `Retry-After` said, p50 / p99", lambda f: _seconds(f.patience.late)),
        ("… health check, p50 / p99", lambda f: _milliseconds(f.overload_health)),
        ("… from the end of the arrivals to the last answer", lambda f: f"{f.drained:.0f} s" * bool(f.overload_rate)),
        ("greatest memory of the process", lambda f: f"{f.peak_mib:.0f} MiB" * bool(f.peak_mib)),
    )
    lines = [f"| | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    lines += [f"| {name} | {' | '.join(cell(figures) for figures in columns.values())} |" for name, cell in rows]
    machine = f"{processor.name()}, {processor.available_cpus()} CPUs"
    return f"`make bench-http`, {datetime.now(UTC):%Y-%m-%d}: {machine}, model `base`.\n\n" + "\n".join(lines)


def middle(rounds: Sequence[Figures]) -> Figures:
    """The medians of the rates of several rounds."""
    return Figures(
        throughput=median(figures.throughput for figures in rounds),
        cpu=median(figures.cpu for figures in rounds),
        load_cpu=median(figures.load_cpu for figures in rounds),
    )


def write(table: str) -> None:
    """Put the table into its page."""
    text = PAGE.read_text("utf-8")
    between = re.compile(f"(?<={re.escape(BEGIN)}\n).*?(?={re.escape(END)})", re.DOTALL)
    PAGE.write_text(between.sub(lambda _: f"\n{table}\n\n", text), "utf-8")


def _per_cpu(figures: Figures) -> float:
    return figures.throughput / figures.cpu


def _cpu(figures: Figures) -> str:
    return f"{figures.cpu:.2f} / {figures.load_cpu:.2f}" * bool(figures.cpu)


def _share(some: int, every: int) -> str:
    return f"{some} of {every}" if every else ""


def _seconds(values: Sequence[float]) -> str:
    return f"{quantile(values, 0.5):.1f} / {quantile(values, 0.99):.1f} s" if values else ""


def _milliseconds(values: Sequence[float]) -> str:
    return f"{1000 * quantile(values, 0.5):.0f} / {1000 * quantile(values, 0.99):.0f} ms" if values else ""


def _range(values: Sequence[int]) -> str:
    return f"{values[0]} to {values[-1]} s" if values else ""


def _statuses(counts: Counter[int]) -> str:
    return ", ".join(f"{count} of {status or 'no answer'}" for status, count in sorted(counts.items()))
